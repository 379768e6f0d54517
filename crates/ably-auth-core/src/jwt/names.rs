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
/// Before the resource that the claim is about.
pub(super) const CHANNEL: &str = "ably.channel.";
/// Before the resource that the limit is for.
pub(super) const PUBLISH_LIMIT: &str = "ably.limits.publish.perAttachment.maxRate.";

/// Refuses, as one of the others, a claim that has a field of its own.
pub(super) fn check_other(name: &str) -> Result<(), Error> {
    let single = [ISSUED, EXPIRES, NOT_BEFORE, CAPABILITY, CLIENT_ID, REVOCATION_KEY, TOKEN];
    if single.contains(&name) || [CHANNEL, PUBLISH_LIMIT].iter().any(|prefix| name.starts_with(prefix)) {
        let advice = "give it in the field that it has among those of a JWT";
        return Err(Error::new(ErrorKind::Jwt, "one of the other claims of a JWT has a field of its own", advice));
    }
    Ok(())
}

/// Refuses a claim about a resource that has no name: it would be read as one of the others.
pub(super) fn check_resources<T>(claims: &[(&str, T)]) -> Result<(), Error> {
    if claims.iter().any(|(resource, _)| resource.is_empty()) {
        let advice = "name the channel, or the channels with a wildcard, that the claim is about";
        return Err(Error::new(ErrorKind::Jwt, "a claim of the JWT is about a resource without a name", advice));
    }
    Ok(())
}

/// Refuses a name that is there twice.
pub(super) fn check_distinct<T>(claims: &[(&str, T)]) -> Result<(), Error> {
    let mut rest = claims;
    while let Some(((name, _), after)) = rest.split_first() {
        if after.iter().any(|(other, _)| other == name) {
            let advice = "give each claim once, and each resource once in each kind of claim";
            return Err(Error::new(ErrorKind::Jwt, "a claim of the JWT is given twice", advice));
        }
        rest = after;
    }
    Ok(())
}
