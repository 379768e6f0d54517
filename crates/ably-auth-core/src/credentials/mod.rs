//! Credentials: what a key, a token and an identity are made of, and the signer that a key gives.

pub(crate) mod client_id;
pub(crate) mod key;
pub(crate) mod nonce;
mod signer;

#[cfg(feature = "alloc")]
mod header;
#[cfg(feature = "alloc")]
mod secret;
#[cfg(feature = "serde")]
mod wire;

pub use key::ApiKeyRef;
#[cfg(feature = "alloc")]
pub(crate) use signer::BLOCK_BYTES;
pub use signer::{Mac, Signer};

#[cfg(feature = "alloc")]
pub use {
    client_id::{ClientId, Identity},
    key::{ApiKey, KeyName},
    nonce::Nonce,
    secret::{KeySecret, Token},
};
