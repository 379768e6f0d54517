#![cfg_attr(feature = "serde", doc = include_str!("../README.md"))]
#![cfg_attr(not(feature = "serde"), doc = "Ably API keys, capabilities and signing, for any Rust target.")]
#![no_std]
#![warn(clippy::arithmetic_side_effects)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod canonical;
pub mod capability;
mod client_id;
mod error;
mod error_code;
mod json_text;
pub mod jwt;
mod key;
mod nonce;
mod scan;
mod signing;
mod time;

#[cfg(feature = "alloc")]
mod secret;
#[cfg(feature = "alloc")]
mod token_params;
#[cfg(feature = "alloc")]
mod token_request;

#[cfg(feature = "serde")]
mod error_info;
#[cfg(feature = "serde")]
mod revocation;
#[cfg(feature = "serde")]
mod token_details;
#[cfg(feature = "serde")]
mod wire;

pub use capability::Operation;
pub use error::{Error, ErrorKind};
pub use error_code::ErrorCode;
pub use jwt::JwtFields;
pub use key::ApiKeyRef;
pub use signing::{Mac, Signer, TokenRequestFields};
pub use time::{Timestamp, Ttl};

#[cfg(feature = "alloc")]
pub use {
    capability::Capability,
    client_id::{ClientId, Identity},
    jwt::{JwtClaims, UnverifiedJwt, VerifiedJwt},
    key::{ApiKey, KeyName},
    nonce::Nonce,
    secret::{KeySecret, Token},
    token_params::TokenParams,
    token_request::{TokenRequest, VerifiedTokenRequest},
};

#[cfg(feature = "serde")]
pub use {
    error_info::{ErrorEnvelope, ErrorInfo},
    revocation::{
        BatchResult, RevokeTokensRequest, TokenRevocationFailureResult, TokenRevocationResult,
        TokenRevocationSuccessResult, TokenRevocationTargetSpecifier,
    },
    token_details::TokenDetails,
};
