//! JWTs: tokens that the holder of a key makes without a request to the service.
//!
//! A JWT is minted from [`JwtFields`], which needs no heap, or with `mint` from token parameters. `verify` verifies it
//! with the same key. With several keys, a received JWT is checked in two steps: `UnverifiedJwt::parse` returns the name
//! of the key to look up, and `UnverifiedJwt::verify` returns a `VerifiedJwt`. Only the claims of a `VerifiedJwt` can be
//! trusted. A token from `embedded_token` must be verified in the same way.
//!
//! HS256 is the only algorithm, with the key's secret as its key. Another `alg` is refused, and the error names it. A
//! JWT has times in seconds, this crate in milliseconds: fractions of a second are read, but never written. Numbers are
//! read by value, so `1.7e9` is a valid time. A null claim is read as absent, with two exceptions: a null capability
//! and a null publish limit are refused, because a JWT without them has more rights.
//!
//! | claim | written from | read by |
//! | --- | --- | --- |
//! | `iat`, `exp`, `nbf` | `issued`, `ttl`, `not_before` | `issued`, `expires`, `not_before` |
//! | `x-ably-capability` | `capability` | `capability`, `capability_text` |
//! | `x-ably-clientId` | `client_id` | `client_id` |
//! | `x-ably-revocation-key` | `revocation_key` | `revocation_key` |
//! | `x-ably-token` | `embedded_token` | `embedded_token`, also the function |
//! | `ably.channel.<resource>` | `channel_claims` | `channel_claims` |
//! | `ably.limits.publish.perAttachment.maxRate.<resource>` | `publish_limits` | `publish_limits` |
//! | any other | `others` | `others` |
//!
//! # Mint, then verify
//!
#![cfg_attr(feature = "alloc", doc = "```")]
#![cfg_attr(not(feature = "alloc"), doc = "```text")]
//! use core::time::Duration;
//! use ably_auth_core::{ApiKey, ErrorKind, Timestamp, TokenParams, UnverifiedJwt, jwt};
//!
//! let key = ApiKey::parse("app.key:secret")?;
//! let now = Timestamp::from_millis(1_767_225_600_000); // with the feature `std`: `Timestamp::now()`
//! let token = jwt::mint(&key, &TokenParams::new().client_id("bob").ttl("1m"), now)?;
//!
//! let verified = jwt::verify(&key, token.expose(), now)?;
//! assert!(verified.claims().client_id().permits("bob"));
//! let error = jwt::verify(&key, token.expose(), now + Duration::from_secs(60)).unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::JwtExpired);
//!
//! let unverified = UnverifiedJwt::parse(token.expose())?;
//! assert_eq!(unverified.key_name(), key.key_name()); // the key to look up; not verified yet
//! assert!(unverified.verify(&key.signer(), now, Duration::from_secs(2)).is_ok()); // with a leeway
//! # Ok::<(), ably_auth_core::Error>(())
//! ```

mod fields;
mod mint;

#[cfg(feature = "alloc")]
mod claims;
#[cfg(feature = "alloc")]
mod embedded;
#[cfg(feature = "alloc")]
mod number;
#[cfg(feature = "alloc")]
mod numeric_date;
#[cfg(feature = "alloc")]
mod parts;
#[cfg(feature = "alloc")]
mod text;
#[cfg(feature = "alloc")]
mod verify;

pub use fields::{ClaimValue, JwtFields};

#[cfg(feature = "alloc")]
pub use {
    claims::JwtClaims,
    embedded::{EmbeddedToken, embedded_token, has_jwt_form},
    mint::{mint, mint_with},
    text::JwtText,
    verify::{UnverifiedJwt, VerifiedJwt, verify},
};

/// The names of claims.
mod names {
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
}

/// The maximum length of a JWT in bytes, the same as for any token.
const MAX_BYTES: usize = 128 * 1024;
#[cfg(feature = "alloc")]
const _: () = assert!(MAX_BYTES == crate::Token::MAX_BYTES);

#[cfg(feature = "alloc")]
const fn invalid(problem: &'static str, advice: &'static str) -> crate::Error {
    crate::Error::new(crate::ErrorKind::Jwt, problem, advice)
}

/// Creates a buffer for a text. It is not filled with zeros, because allocators are slower for zeroed memory.
#[cfg(feature = "alloc")]
fn room(bytes: usize) -> alloc::vec::Vec<u8> {
    alloc::vec![b'.'; bytes]
}

/// The usual limit of servers and proxies for all headers of a request, in bytes.
pub const HEADER_BUDGET_BYTES: usize = 8 * 1024;

const NAME_AND_SCHEME: &str = "authorization: Bearer ";
/// The bytes above which a token leaves less than a quarter of the limit to other headers.
const NEAR_BYTES: usize = HEADER_BUDGET_BYTES / 4 * 3;

/// The size of an `Authorization` header with a token, compared with [`HEADER_BUDGET_BYTES`].
///
/// ```
/// use ably_auth_core::jwt::HeaderFit;
///
/// assert_eq!(HeaderFit::of(&"a".repeat(400)), HeaderFit::Fits);
/// assert_eq!(HeaderFit::of(&"a".repeat(7_000)), HeaderFit::Near);
/// assert_eq!(HeaderFit::of(&"a".repeat(8_192)), HeaderFit::Over);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HeaderFit {
    /// It leaves at least a quarter of the limit for other headers.
    Fits,
    /// It takes more than three quarters of the limit. A request with many other headers may be refused.
    Near,
    /// It takes more than the limit on its own.
    Over,
}

impl HeaderFit {
    /// Compares the size of the header for `token` with the limit.
    #[must_use]
    pub const fn of(token: &str) -> Self {
        let header = token.len().saturating_add(NAME_AND_SCHEME.len());
        if header > HEADER_BUDGET_BYTES {
            Self::Over
        } else if header > NEAR_BYTES {
            Self::Near
        } else {
            Self::Fits
        }
    }
}
