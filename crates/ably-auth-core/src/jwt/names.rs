//! The names of claims.

use crate::error::{Error, ErrorKind};

pub(super) const ISSUED: &str = "iat";
pub(super) const EXPIRES: &str = "exp";
pub(super) const NOT_BEFORE: &str = "nbf";
pub(super) const CAPABILITY: &str = "x-ably-capability";
pub(super) const CLIENT_ID: &str = "x-ably-clientId";
pub(super) const REVOCATION_KEY: &str = "x-ably-revocation-key";
/// The client type. It has no field in `JwtFields`: it is written as one of the `others`.
#[cfg(feature = "alloc")]
pub(super) const CLIENT_TYPE: &str = "x-ably-clientType";
pub(super) const TOKEN: &str = "x-ably-token";
/// The prefix of a channel claim; the resource follows it.
pub(super) const CHANNEL: &str = "ably.channel.";
/// The prefix of a publish limit; the resource follows it.
pub(super) const PUBLISH_LIMIT: &str = "ably.limits.publish.perAttachment.maxRate.";

/// Refuses a claim in `others` if `JwtFields` has a field for it.
pub(super) fn check_other(name: &str) -> Result<(), Error> {
    let single = [ISSUED, EXPIRES, NOT_BEFORE, CAPABILITY, CLIENT_ID, REVOCATION_KEY, TOKEN];
    if single.contains(&name) || [CHANNEL, PUBLISH_LIMIT].iter().any(|prefix| name.starts_with(prefix)) {
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
