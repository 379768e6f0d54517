#![doc = include_str!("../README.md")]
#![warn(clippy::arithmetic_side_effects)]

mod authenticate;
mod clock;
mod credentials;
mod endpoint;
mod error;
mod extract;
mod random;
mod refusal;
mod require;
mod template;
mod verified_token;
mod verifier;

pub use ably_auth_core::{
    ApiKey, Capability, ClientId, ErrorCode, ErrorInfo, Identity, JwtClaims, KeyName, Operation, Timestamp, Token,
    TokenParams, Ttl,
};
pub use authenticate::{Authenticate, Authenticating};
pub use endpoint::{AskedParams, AuthEndpoint, Grant, Grants, IntoGrant};
pub use error::{Error, ErrorKind};
pub use extract::{Authenticated, Identified};
pub use refusal::Refusal;
pub use require::{Require, Requiring, require};
pub use verified_token::VerifiedToken;
pub use verifier::{Verifier, VerifyToken};
