#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(clippy::arithmetic_side_effects)]

#[cfg(feature = "axum")]
mod axum;
mod clock;
pub mod credentials;
mod endpoint;
mod error;
pub mod jwt;
mod limit;
mod random;
mod refusal;
mod sender;
mod verified_token;
mod verifier;

pub use ably_auth_core::{
    ApiKey, Capability, ClientId, ErrorCode, ErrorInfo, Identity, JwtClaims, KeyName, Operation, Timestamp, Token,
    TokenParams, Ttl,
};
/// Makes `async fn` possible in an implementation of [`VerifyToken`].
#[doc(no_inline)]
pub use async_trait::async_trait;
pub use clock::Clock;
pub use endpoint::{AskedParams, Endpoint, Grant};
pub use error::{Error, ErrorKind};
pub use limit::limit_capability;
pub use random::random_bytes;
pub use refusal::Refusal;
pub use sender::{Authenticated, Authenticator, Identified};
pub use verified_token::VerifiedToken;
pub use verifier::{Verifier, VerifyToken};
