#![doc = include_str!("../README.md")]
#![warn(clippy::arithmetic_side_effects)]

mod authenticate;
mod endpoint;
mod grants;
mod require;
mod template;

pub use ably_auth_backend::{
    ApiKey, AskedParams, Authenticated, Capability, ClientId, Error, ErrorCode, ErrorInfo, ErrorKind, Grant,
    Identified, Identity, JwtClaims, KeyName, Operation, Refusal, Timestamp, Token, TokenParams, Ttl, VerifiedToken,
    Verifier, VerifyToken,
};
pub use authenticate::{Authenticate, Authenticating};
pub use endpoint::AuthEndpoint;
pub use grants::{Grants, IntoGrant};
pub use require::{Require, Requiring, require};
