//! The reason why a JWT was refused.

use std::time::Duration;

use ably_auth_core::jwt::{EmbeddedToken, embedded_token};
use ably_auth_core::{Capability, ErrorCode, ErrorKind, JwtClaims, Timestamp, UnverifiedJwt};
use ably_auth_inspect::{Legend, Matrix};
use serde_json::{Map, Value, json};

use super::clocks;
use super::signatures::explain_jwt;
use crate::apps::Key;
use crate::policy::verify_token::LEEWAY;
use crate::state::State;

/// Adds the reason why the verification of a JWT failed with `code`. `presented` is the text of the JWT.
pub(super) fn explain(state: &State, presented: &str, code: ErrorCode, now: Timestamp, to: &mut Map<String, Value>) {
    let embedded = embedded_token(presented).ok().flatten();
    let text = embedded.as_ref().map_or(presented, |embedded: &EmbeddedToken| embedded.token().expose());
    let Ok(jwt) = UnverifiedJwt::parse(text) else { return };
    let Ok((app, key)) = state.registry.key(jwt.key_name()) else { return };
    let claims = jwt.decode_without_verifying();
    if !is_signed(&jwt, &key, claims.as_ref().ok()) {
        if let Some(cause) = explain_jwt(state, text, &app.app, &key) {
            to.insert("signature".into(), json!({ "cause": cause }));
        }
        to.insert("jwtCheck".into(), "signature".into());
        return;
    }
    let Ok(claims) = claims else {
        to.insert("jwtCheck".into(), "claims".into());
        return;
    };
    let check = if let Some(clocks) = times(&claims, now) {
        to.insert("clocks".into(), clocks);
        "times"
    } else if code == ErrorCode::INVALID_PARAMETER {
        "lifetime"
    } else {
        match claims.capability_text().map(Capability::parse_strict) {
            Some(Err(_)) => "claims",
            Some(Ok(asked)) => {
                let matrix = Matrix::compared(&asked, key.capability(), &Legend::KEY);
                let title = "What the JWT asks for, and what its key has";
                to.insert("matrix".into(), json!({ "title": title, "matrix": matrix }));
                "capability"
            }
            None => "capability",
        }
    };
    to.insert("jwtCheck".into(), check.into());
}

/// Returns whether the key signed the JWT. The signature is verified before the claims are read, so for a JWT with
/// unreadable claims, the error tells which of both failed.
fn is_signed(jwt: &UnverifiedJwt<'_>, key: &Key, claims: Option<&JwtClaims>) -> bool {
    let valid_at = claims.map_or(Timestamp::from_millis(0), |claims| {
        claims.issued().max(claims.not_before().unwrap_or(claims.issued()))
    });
    match jwt.clone().verify(key.signer(), valid_at, Duration::ZERO) {
        Ok(_) => true,
        Err(error) => match jwt.decode_without_verifying() {
            Ok(_) => error.kind() == ErrorKind::JwtExpired,
            Err(unreadable) => unreadable.to_string() == error.to_string(),
        },
    }
}

/// Compares the time of the JWT that is wrong with the service's clock, if one is wrong.
fn times(claims: &JwtClaims, now: Timestamp) -> Option<Value> {
    let leeway = u64::try_from(LEEWAY.as_millis()).unwrap_or(u64::MAX);
    let latest = now.as_millis().saturating_add(leeway);
    let is_future = |at: &Timestamp| at.as_millis() > latest;
    if claims.expires() <= now {
        return Some(clocks::compare("expiry of the JWT (`exp`)", claims.expires(), now, 0));
    }
    let issued = Some(claims.issued()).filter(is_future);
    let issued = issued.map(|at| clocks::compare("time of issue of the JWT (`iat`)", at, now, leeway));
    issued.or_else(|| {
        let not_before = claims.not_before().filter(is_future)?;
        Some(clocks::compare("start of the JWT (`nbf`)", not_before, now, leeway))
    })
}
