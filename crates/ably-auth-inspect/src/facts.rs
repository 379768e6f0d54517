//! Facts in a report: for people as text, and for programs as typed values.

use ably_auth_core::{Capability, JwtClaims, KeyName, Timestamp, TokenDetails};
use serde_json::{Map, Value};

use crate::date::format_utc;
use crate::lenient::{FIRST_MILLISECONDS, LenientJwt};
use crate::life::Life;
use crate::matrix::Matrix;
use crate::redact;
use crate::report::{Fact, Report};

impl Report {
    /// Adds a fact, as text and as a typed value. Redacts a value in the form of a key or a token.
    pub(crate) fn fact(&mut self, label: &str, name: &str, value: impl Into<Value>) {
        let value = redact::value("", &value.into());
        self.note(label, name, text_of(&value));
        self.members.insert(name.into(), value);
    }

    /// Adds a fact as text alone.
    pub(crate) fn note(&mut self, label: &str, name: &str, value: impl Into<String>) {
        self.facts.push(Fact { name: name.into(), label: label.into(), value: value.into() });
    }

    pub(crate) fn key(&mut self, name: &KeyName) {
        self.fact("key name", "keyName", name.as_str());
        self.fact("app id", "appId", name.app_id());
    }

    /// Adds the claims of a JWT.
    pub(crate) fn claims(&mut self, claims: &JwtClaims, now: Timestamp) {
        self.optional("client id", "clientId", claims.client_id().as_str());
        self.optional("revocation key", "revocationKey", claims.revocation_key());
        if let Some(at) = claims.not_before() {
            self.note("not before", "notBefore", format_utc(at));
            self.members.insert("notBefore".into(), at.as_millis().into());
        }
        if claims.embedded_token().is_some() {
            self.note("embedded", "embeddedToken", "a token, not shown");
            self.members.insert("embeddedToken".into(), true.into());
        }
        self.map("channel claim", "channelClaims", claims.channel_claims().map(|(name, value)| (name, value.into())));
        self.map("publish limit", "publishLimits", claims.publish_limits().map(|(name, limit)| (name, limit.into())));
        let others = claims.others().map(|(name, text)| (name, serde_json::from_str(text).unwrap_or_default()));
        self.map("other claim", "otherClaims", others);
        self.life = Some(Life::new(claims.issued(), claims.expires(), now));
        self.set_capability(claims.capability_text());
    }

    /// Adds the details of a token, without the token itself.
    pub(crate) fn details(&mut self, details: &TokenDetails, now: Timestamp) {
        if let Some(name) = details.key_name() {
            self.key(name);
        }
        self.optional("client id", "clientId", details.client_id().as_str());
        if let (Some(issued), Some(expires)) = (details.issued(), details.expires()) {
            self.life = Some(Life::new(issued, expires, now));
        }
        self.set_capability(details.capability_text());
    }

    /// Adds the readable header and claims of a malformed JWT, with keys and tokens redacted.
    pub(crate) fn lenient(&mut self, jwt: LenientJwt) {
        for (label, name, object) in [("header", "header", jwt.header), ("claim", "claims", jwt.claims)] {
            let Some(object) = object else { continue };
            let redacted = object.iter().map(|(key, value)| (redact::words(key), redact::value(key, value)));
            let object: Map<_, _> = redacted.collect();
            for (key, value) in &object {
                self.note(label, name, format!("{key} = {}", dated(key, value)));
            }
            self.members.insert(name.into(), object.into());
        }
    }

    /// Sets the capability, unless a key or a token was written into it.
    pub(crate) fn set_capability(&mut self, capability: Option<&str>) {
        if capability.is_some_and(redact::is_in_capability) {
            self.note("capability", "capability", "not shown, because a key or a token is in it");
            return;
        }
        self.capability = capability.map(Into::into);
        let parsed = capability.and_then(|text| Capability::parse_lenient(text).ok());
        self.matrix = parsed.as_ref().map(Matrix::of);
    }

    fn optional(&mut self, label: &str, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.fact(label, name, value);
        }
    }

    fn map<'a>(&mut self, label: &str, name: &str, entries: impl Iterator<Item = (&'a str, Value)>) {
        let entries: Map<_, _> =
            entries.map(|(name, value)| (redact::words(name), redact::value(name, &value))).collect();
        for (resource, value) in &entries {
            self.note(label, name, format!("{resource} = {value}"));
        }
        if !entries.is_empty() {
            self.members.insert(name.into(), entries.into());
        }
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), Into::into)
}

/// Formats a value. Appends the date to `iat`, `exp` and `nbf`.
fn dated(name: &str, value: &Value) -> String {
    let text = text_of(value);
    let Some(number) = value.as_f64().filter(|_| ["iat", "exp", "nbf"].contains(&name)) else {
        return text;
    };
    let millis = if number >= FIRST_MILLISECONDS { number } else { number * 1000.0 };
    // The cast saturates, so a negative or huge number is safe.
    format!("{text} ({})", format_utc(Timestamp::from_millis(millis as u64)))
}
