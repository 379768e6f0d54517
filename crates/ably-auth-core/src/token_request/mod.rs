//! Token requests: the holder of a key signs one, a client exchanges it for a token, and the service verifies it.

mod sign;

#[cfg(feature = "alloc")]
mod params;
#[cfg(feature = "alloc")]
mod request;
#[cfg(feature = "serde")]
mod wire;

pub use sign::TokenRequestFields;

#[cfg(feature = "alloc")]
pub use {
    params::TokenParams,
    request::{TokenRequest, VerifiedTokenRequest},
};
