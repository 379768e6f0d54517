//! Parsing and verification of JWTs.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use subtle::ConstantTimeEq as _;

use super::claims::JwtClaims;
use super::parts::Body;
use super::{invalid, parts};
use crate::credentials::{ApiKey, KeyName, Signer};
use crate::error::{Error, ErrorKind};
use crate::time::Timestamp;

/// Verifies a JWT that the holder of `key` has minted: the name of the key, the signature and the times.
///
/// `key` has to be the key that the JWT names. With several keys, or with a tolerance for clocks that differ, use
/// [`UnverifiedJwt`]. An [embedded token](super::embedded_token) is not verified.
///
/// ```
/// use ably_auth_core::{ApiKey, Timestamp, TokenParams, jwt};
///
/// let key = ApiKey::parse("app.key:secret")?;
/// let now = Timestamp::from_millis(1_449_746_287_318); // with the feature `std`: `Timestamp::now()`
/// let token = jwt::mint(&key, &TokenParams::new().client_id("bob"), now)?;
///
/// let verified = jwt::verify(&key, token.expose(), now)?;
/// assert!(verified.claims().client_id().permits("bob"));
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
///
/// # Errors
/// [`ErrorKind::Jwt`] if the JWT names another key, and the errors of [`UnverifiedJwt::parse`] and
/// [`UnverifiedJwt::verify`].
pub fn verify(key: &ApiKey, token: &str, now: Timestamp) -> Result<VerifiedJwt, Error> {
    let unverified = UnverifiedJwt::parse(token)?;
    if unverified.key_name() != key.key_name() {
        return Err(invalid("JWT names another key", "verify it with the key that `kid` in its header names"));
    }
    unverified.verify(&key.signer(), now, Duration::ZERO)
}

/// A well-formed JWT whose signature is not verified yet.
///
/// It only gives the name of the key that it claims to be signed with, so that the key can be looked up. Then call
/// [`verify`](Self::verify) with that key.
///
/// ```
/// use core::time::Duration;
/// use ably_auth_core::{ApiKey, Timestamp, TokenParams, jwt};
///
/// let key = ApiKey::parse("app.key:secret")?;
/// let now = Timestamp::from_millis(1_449_746_287_318);
/// let token = jwt::mint(&key, &TokenParams::new().client_id("bob"), now)?;
///
/// let unverified = jwt::UnverifiedJwt::parse(token.expose())?;
/// assert_eq!(unverified.key_name(), key.key_name());
/// let verified = unverified.verify(&key.signer(), now, Duration::ZERO)?;
/// assert!(verified.claims().client_id().permits("bob"));
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone)]
pub struct UnverifiedJwt<'a> {
    key_name: KeyName,
    /// The text that the signature covers.
    signed: &'a str,
    /// The decoded payload.
    payload: Vec<u8>,
    signature: [u8; parts::SIGNATURE_BYTES],
}

impl<'a> UnverifiedJwt<'a> {
    /// Parses a JWT. It checks the length first, then the header with its `alg`, then the rest.
    ///
    /// # Errors
    /// [`ErrorKind::Jwt`] if the text
    /// - is longer than any token;
    /// - does not have three parts, each in base64url without padding, white space or non-zero trailing bits;
    /// - has a header that is not a JSON object, repeats a member, has `crit`, or has a `typ` other than `JWT`;
    /// - has an `alg` other than `HS256`, or a `kid` that is not the name of a key.
    pub fn parse(text: &'a str) -> Result<Self, Error> {
        parts::check_len(text)?;
        let (header, _) = text.split_once('.').ok_or_else(parts::too_few)?;
        let key_name = parts::read_header(header)?;
        let Body { signed, payload, signature } = Body::parse(text, header.len().saturating_add(1))?;
        Ok(Self { key_name, signed, payload, signature })
    }

    /// Returns the name of the key that the JWT claims to be signed with: `kid` in the header.
    #[must_use]
    pub const fn key_name(&self) -> &KeyName {
        &self.key_name
    }

    /// Checks the signature in constant time, and then the times.
    ///
    /// The JWT is valid from its `nbf`, if it has one, until just before its `exp`. Each limit is extended by `leeway`,
    /// because clocks differ. A JWT that was issued in the future is refused, because its issuer could otherwise choose
    /// when its lifetime starts.
    ///
    /// # Errors
    /// - [`ErrorKind::Jwt`] if the signature is wrong, if a claim is missing, repeated or malformed, or if the JWT is
    ///   not valid yet;
    /// - [`ErrorKind::ClientId`] if its clientId is invalid;
    /// - [`ErrorKind::Token`] if its embedded token is invalid;
    /// - [`ErrorKind::JwtExpired`] if it has expired.
    pub fn verify(self, signer: &Signer, now: Timestamp, leeway: Duration) -> Result<VerifiedJwt, Error> {
        if !is_same(&signer.hmac(self.signed.as_bytes()), &self.signature) {
            let advice = "sign the JWT, unchanged, with the secret of the key that `kid` names";
            return Err(invalid("JWT's signature verification failed: this key did not sign the JWT", advice));
        }
        let verified = VerifiedJwt { claims: self.decode_without_verifying()?, key_name: self.key_name };
        check_times(&verified.claims, now, leeway)?;
        Ok(verified)
    }

    /// Returns the claims without checking the signature or the times. Use them only for display.
    ///
    /// # Errors
    /// Returns the same errors as [`verify`](Self::verify), except those for the signature and the times.
    pub fn decode_without_verifying(&self) -> Result<JwtClaims, Error> {
        JwtClaims::read(parts::as_utf8(&self.payload, "JWT's payload is not UTF-8")?)
    }
}

/// Compares in constant time. It compares words, which is as safe as bytes and faster.
fn is_same(ours: &[u8; parts::SIGNATURE_BYTES], theirs: &[u8; parts::SIGNATURE_BYTES]) -> bool {
    let words = |bytes: &[u8; parts::SIGNATURE_BYTES]| {
        let mut words = [0; parts::SIGNATURE_BYTES / 8];
        for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        }
        words
    };
    words(ours).ct_eq(&words(theirs)).into()
}

fn check_times(claims: &JwtClaims, now: Timestamp, leeway: Duration) -> Result<(), Error> {
    let leeway = u64::try_from(leeway.as_millis()).unwrap_or(u64::MAX);
    let clocks = "check the clocks of both sides, or use the JWT later";
    let earliest = claims.not_before().unwrap_or(claims.issued());
    if now.as_millis() >= claims.expires().as_millis().saturating_add(leeway) {
        return Err(Error::new(ErrorKind::JwtExpired, "JWT has expired", "mint or request a new one"));
    }
    let latest = now.as_millis().saturating_add(leeway);
    if claims.issued().as_millis() > latest {
        return Err(invalid("JWT was issued in the future", clocks));
    }
    if earliest.as_millis() > latest {
        return Err(invalid("JWT is not valid yet", clocks));
    }
    Ok(())
}

impl fmt::Debug for UnverifiedJwt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnverifiedJwt").field("key_name", &self.key_name).finish_non_exhaustive()
    }
}

/// A JWT with a verified signature that was valid when it was checked. Only [`verify`] and [`UnverifiedJwt::verify`]
/// create one.
///
/// ```
/// use ably_auth_core::{ApiKey, Timestamp, TokenParams, jwt};
///
/// let key = ApiKey::parse("app.key:secret")?;
/// let now = Timestamp::from_millis(1_449_746_287_318);
/// let token = jwt::mint(&key, &TokenParams::new().client_id("bob"), now)?;
/// let verified = jwt::verify(&key, token.expose(), now)?;
/// assert_eq!(verified.key_name(), key.key_name());
/// assert_eq!(verified.claims().client_id().as_str(), Some("bob"));
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct VerifiedJwt {
    key_name: KeyName,
    claims: JwtClaims,
}

impl VerifiedJwt {
    /// Returns the name of the key that signed the JWT.
    #[must_use]
    pub const fn key_name(&self) -> &KeyName {
        &self.key_name
    }

    /// Returns the claims, which the holder of the key has signed.
    #[must_use]
    pub const fn claims(&self) -> &JwtClaims {
        &self.claims
    }
}
