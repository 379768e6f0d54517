//! The values of a JWT to mint, borrowed from the caller.

use core::fmt;

use super::names;
use crate::error::{Error, ErrorKind};
#[cfg(feature = "alloc")]
use crate::text::json_value::{self, Fault};
use crate::time::{Timestamp, Ttl};

/// The values of a JWT, borrowed from the caller. Minting one needs no allocator.
///
/// A JWT has times in whole seconds. `iat` is rounded down. `exp` is rounded so that the JWT lives no longer than
/// `ttl`, but at least one second.
///
/// ```
/// use ably_auth_core::{ApiKeyRef, JwtFields, Timestamp, Ttl};
///
/// let key = ApiKeyRef::parse("app.key:secret")?;
/// let fields = JwtFields {
///     client_id: Some("sensor-1"),
///     capability: Some(r#"{"sensors:1":["publish"]}"#),
///     ..JwtFields::new(key.key_name(), Timestamp::from_millis(1_449_746_287_318), Ttl::DEFAULT)
/// };
/// let mut buffer = [0; 512];
/// let jwt = fields.mint_into(&key.signer(), &mut buffer)?;
/// assert_eq!(jwt.len(), fields.minted_len()?);
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct JwtFields<'a> {
    /// The name of the signing key, `appId.keyId`: `kid` in the header.
    pub key_name: &'a str,
    /// The time of issue: `iat`.
    pub issued: Timestamp,
    /// The lifetime: `exp` is `iat` plus this.
    pub ttl: Ttl,
    /// The time at which the JWT becomes valid, if that is after the time of issue: `nbf`.
    pub not_before: Option<Timestamp>,
    /// The capability, as canonical JSON text: `x-ably-capability`. `None` gives the capability of the key.
    pub capability: Option<&'a str>,
    /// The identity, `*` for any: `x-ably-clientId`.
    pub client_id: Option<&'a str>,
    /// A text by which several tokens can be revoked together: `x-ably-revocation-key`.
    pub revocation_key: Option<&'a str>,
    /// An embedded Ably token or JWT: `x-ably-token`.
    pub embedded_token: Option<&'a str>,
    /// The claims that other clients on a channel can see, by resource: `ably.channel.<resource>`.
    pub channel_claims: &'a [(&'a str, &'a str)],
    /// The maximum messages per second that a connection may publish on a channel, by resource:
    /// `ably.limits.publish.perAttachment.maxRate.<resource>`.
    pub publish_limits: &'a [(&'a str, u32)],
    /// All other claims, by name.
    pub others: &'a [(&'a str, ClaimValue<'a>)],
}

/// The value of a claim that Ably does not define.
///
/// ```
/// use ably_auth_core::jwt::ClaimValue;
/// use ably_auth_core::{ApiKeyRef, JwtFields, Timestamp, Ttl};
///
/// let key = ApiKeyRef::parse("app.key:secret")?;
/// let fields = JwtFields {
///     others: &[("sub", ClaimValue::Text("bob")), ("level", ClaimValue::Integer(-3))],
///     ..JwtFields::new(key.key_name(), Timestamp::from_millis(1_767_225_600_000), Ttl::DEFAULT)
/// };
/// assert!(fields.mint_into(&key.signer(), &mut [0; 512]).is_ok());
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ClaimValue<'a> {
    /// A string.
    Text(&'a str),
    /// An integer.
    Integer(i64),
    /// The JSON text of any value.
    #[cfg(feature = "alloc")]
    Json(&'a str),
}

impl<'a> JwtFields<'a> {
    /// Creates a JWT with a key and a lifetime, without other claims.
    #[must_use]
    pub const fn new(key_name: &'a str, issued: Timestamp, ttl: Ttl) -> Self {
        Self {
            key_name,
            issued,
            ttl,
            not_before: None,
            capability: None,
            client_id: None,
            revocation_key: None,
            embedded_token: None,
            channel_claims: &[],
            publish_limits: &[],
            others: &[],
        }
    }
}

impl ClaimValue<'_> {
    /// Refuses JSON that is not one value.
    #[cfg_attr(not(feature = "alloc"), allow(clippy::unnecessary_wraps, clippy::unused_self, reason = "no JSON here"))]
    pub(super) fn check(&self) -> Result<(), Error> {
        #[cfg(feature = "alloc")]
        if let Self::Json(json) = self {
            return json_value::check(json).map_err(|fault| {
                let problem = match fault {
                    Fault::Malformed => "claim of the JWT is not valid JSON",
                    Fault::TooDeep => "claim of the JWT is nested more than 32 levels deep",
                };
                Error::new(ErrorKind::Jwt, problem, "give the text of one JSON value")
            });
        }
        Ok(())
    }
}

/// The latest time of a JWT in seconds since the epoch, in the year 5138. It has eleven digits; a time in milliseconds
/// has twelve or more.
const LATEST: u64 = 99_999_999_999;

/// A lifetime in whole seconds: `iat` and `exp`.
#[derive(Clone, Copy)]
pub(super) struct Lifetime {
    pub(super) issued: u64,
    pub(super) expires: u64,
}

impl Lifetime {
    /// Rounds a lifetime to whole seconds. It never lasts longer than `ttl`, unless `ttl` is shorter than one second.
    pub(super) fn of(issued: Timestamp, ttl: Ttl) -> Result<Self, Error> {
        let asked = floor(issued.saturating_add(ttl));
        let issued = floor(issued);
        let expires = asked.max(issued.saturating_add(1));
        if expires > LATEST { Err(too_late()) } else { Ok(Self { issued, expires }) }
    }
}

const fn floor(moment: Timestamp) -> u64 {
    moment.as_millis() / 1000
}

/// Rounds a time up to whole seconds.
pub(super) fn ceil(moment: Timestamp) -> Result<u64, Error> {
    let seconds = moment.as_millis().div_ceil(1000);
    if seconds > LATEST { Err(too_late()) } else { Ok(seconds) }
}

const fn too_late() -> Error {
    let advice = "give milliseconds since the epoch, before the year 5138";
    Error::new(ErrorKind::Timestamp, "timestamp is too late for a JWT", advice)
}

/// Refuses a claim in `others` if `JwtFields` has a field for it.
pub(super) fn check_other(name: &str) -> Result<(), Error> {
    let single = [
        names::ISSUED,
        names::EXPIRES,
        names::NOT_BEFORE,
        names::CAPABILITY,
        names::CLIENT_ID,
        names::REVOCATION_KEY,
        names::TOKEN,
    ];
    if single.contains(&name) || [names::CHANNEL, names::PUBLISH_LIMIT].iter().any(|prefix| name.starts_with(prefix)) {
        let advice = "use the field of the JWT that is for this claim";
        return Err(Error::new(ErrorKind::Jwt, "claim in `others` has its own field in the JWT", advice));
    }
    Ok(())
}

/// Refuses a claim with an empty resource. A parser would read it as one of the `others`.
pub(super) fn check_resources<T>(claims: &[(&str, T)]) -> Result<(), Error> {
    if claims.iter().any(|(resource, _)| resource.is_empty()) {
        let advice = "name a channel, or several channels with a wildcard";
        return Err(Error::new(ErrorKind::Jwt, "claim of the JWT has an empty resource", advice));
    }
    Ok(())
}

/// Refuses a repeated name.
pub(super) fn check_distinct<T>(claims: &[(&str, T)]) -> Result<(), Error> {
    let mut rest = claims;
    while let Some(((name, _), after)) = rest.split_first() {
        if after.iter().any(|(other, _)| other == name) {
            let advice = "give each claim once, and each resource once in each kind of claim";
            return Err(Error::new(ErrorKind::Jwt, "claim of the JWT is given twice", advice));
        }
        rest = after;
    }
    Ok(())
}

impl fmt::Debug for JwtFields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtFields")
            .field("key_name", &self.key_name)
            .field("issued", &self.issued)
            .field("ttl", &self.ttl)
            .field("not_before", &self.not_before)
            .field("capability", &self.capability)
            .field("client_id", &self.client_id)
            .field("revocation_key", &self.revocation_key)
            .field("embedded_token", &self.embedded_token.map(|_| format_args!("[redacted]")))
            .field("channel_claims", &self.channel_claims)
            .field("publish_limits", &self.publish_limits)
            .field("others", &self.others)
            .finish()
    }
}
