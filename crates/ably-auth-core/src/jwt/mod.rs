//! JWTs: tokens that whoever holds a key makes without asking the service.
//!
//! A JWT is minted from [`JwtFields`], without a heap if need be, or with `mint` from what a client asks. One that comes from
//! outside is believed in two steps: `UnverifiedJwt::parse` tells whose key to look up, and `UnverifiedJwt::verify` gives a
//! `VerifiedJwt`, of which alone the claims are true. What `embedded_token` finds is verified in the same way.
//!
//! HS256 is the only algorithm, with the key's secret as its key; another `alg` is refused by name. A JWT counts in seconds
//! and we in milliseconds: fractions of a second are read, but never written.

mod encode;
mod fields;
mod header_fit;
mod names;
mod seconds;

#[cfg(feature = "alloc")]
mod base64url;
#[cfg(feature = "alloc")]
mod claims;
#[cfg(feature = "alloc")]
mod embedded;
#[cfg(feature = "alloc")]
mod header;
#[cfg(feature = "alloc")]
mod json;
#[cfg(feature = "alloc")]
mod mint;
#[cfg(feature = "alloc")]
mod numeric_date;
#[cfg(feature = "alloc")]
mod parts;
#[cfg(feature = "alloc")]
mod verify;

#[cfg(feature = "alloc")]
pub(crate) use fields::beginning;
pub use fields::{ClaimValue, JwtFields};
pub use header_fit::{HEADER_BUDGET_BYTES, HeaderFit};

#[cfg(feature = "alloc")]
pub use {
    claims::JwtClaims,
    embedded::{EmbeddedToken, embedded_token, has_jwt_form},
    mint::{mint, mint_with},
    verify::{UnverifiedJwt, VerifiedJwt},
};

/// The longest text taken for a JWT, in bytes: that of any token.
const MAX_BYTES: usize = 128 * 1024;
#[cfg(feature = "alloc")]
const _: () = assert!(MAX_BYTES == crate::Token::MAX_BYTES);

#[cfg(feature = "alloc")]
const fn invalid(problem: &'static str, advice: &'static str) -> crate::Error {
    crate::Error::new(crate::ErrorKind::Jwt, problem, advice)
}

/// Room for text that is yet to be written: not of zeros, for which allocators take a slower way.
#[cfg(feature = "alloc")]
fn room(bytes: usize) -> alloc::vec::Vec<u8> {
    alloc::vec![b'.'; bytes]
}
