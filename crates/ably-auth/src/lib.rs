#![doc = include_str!("../README.md")]

mod auth;
mod auth_options;
mod cache;
mod clock;
mod error;
pub mod exchange;
mod hosts;
mod mode;
mod options;
mod random;
mod source;
pub mod sources;
mod time_offset;
mod transport;

pub use auth::{Auth, BlockingAuth, Credentials};
pub use auth_options::AuthOptions;
pub use cache::{BlockingTokenCache, CachedToken, Generation, TokenCache};
pub use clock::{Clock, SystemClock};
pub use error::{Error, ErrorKind};
pub use exchange::AuthUrl;
pub use hosts::Endpoint;
pub use mode::{Async, Blocking, Mode};
pub use options::ClientOptions;
pub use random::{Random, SystemRandom};
pub use source::{BlockingTokenSource, TokenSource};
pub use time_offset::{Moment, TimeOffset};
pub use transport::{BlockingTransport, FaultKind, Transport, TransportFault};

pub use ably_auth_core::{
    ApiKey, BatchResult, Capability, ClientId, ErrorCode, ErrorInfo, Identity, KeyName, Nonce, Operation,
    RevokeTokensRequest, Timestamp, Token, TokenDetails, TokenParams, TokenRequest, TokenRevocationFailureResult,
    TokenRevocationResult, TokenRevocationSuccessResult, TokenRevocationTargetSpecifier, Ttl, capability,
};
