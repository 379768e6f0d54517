#![doc = include_str!("../README.md")]

mod auth;
mod cache;
mod clock;
mod error;
pub mod exchange;
mod hosts;
mod options;
mod random;
mod source;
pub mod sources;
mod time_offset;
mod transport;

pub use auth::{Auth, BlockingAuth};
pub use cache::{BlockingTokenCache, CachePolicy, CachedToken, Generation, TokenCache};
pub use clock::{Clock, Moment, SystemClock};
pub use error::{Error, ErrorKind};
pub use hosts::Endpoint;
pub use options::{Async, Blocking, ClientOptions, Mode};
pub use random::{Random, SystemRandom};
pub use source::{BlockingTokenSource, TokenSource};
pub use time_offset::TimeOffset;
pub use transport::{BlockingTransport, FaultKind, Transport, TransportFault};

pub use ably_auth_core::{
    ApiKey, BatchResult, Capability, ClientId, ErrorCode, ErrorInfo, Identity, KeyName, Nonce, Operation,
    RevokeTokensRequest, Timestamp, Token, TokenDetails, TokenParams, TokenRequest, TokenRevocationFailureResult,
    TokenRevocationResult, TokenRevocationSuccessResult, TokenRevocationTargetSpecifier, Ttl, capability,
};
