#![doc = include_str!("../README.md")]

mod auth;
mod auth_url;
mod cache;
mod clock;
mod error;
pub mod exchange;
mod fallback_transport;
mod hosts;
mod http_settings;
mod options;
mod random;
mod source;
pub mod sources;
mod transport;

pub use auth::{Auth, BlockingAuth};
pub use auth_url::{AuthMethod, AuthUrl};
pub use cache::{BlockingTokenCache, CachedToken, Generation, TokenCache};
pub use clock::{Clock, SystemClock};
pub use error::{Error, ErrorKind};
pub use fallback_transport::FallbackTransport;
pub use hosts::{Endpoint, is_loopback};
pub use http_settings::HttpSettings;
pub use options::{Async, Blocking, ClientOptions, Mode};
pub use random::{Random, SystemRandom};
pub use source::{BlockingTokenSource, TokenSource};
pub use transport::{BlockingTransport, FaultKind, Transport, TransportFault};

pub use ably_auth_core::{
    ApiKey, BatchResult, Capability, ClientId, ErrorCode, ErrorInfo, Identity, KeyName, Nonce, Operation,
    RevokeTokensRequest, Timestamp, Token, TokenDetails, TokenParams, TokenRequest, TokenRevocationFailureResult,
    TokenRevocationResult, TokenRevocationSuccessResult, TokenRevocationTargetSpecifier, Ttl, capability,
};
