#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod auth;
mod auth_options;
mod auth_url;
mod cache;
mod callback_answer;
mod clock;
#[cfg(feature = "realtime")]
pub mod connection;
mod environment;
mod error;
pub mod exchange;
mod fallback_transport;
mod generation;
mod hosts;
mod http_settings;
mod identity;
mod key_signer;
mod mode;
mod options;
mod proxy_env;
mod random;
mod request_id;
#[cfg(feature = "rustls")]
mod root_store;
mod source;
pub mod sources;
mod text_conversions;
mod time_offset;
mod tls_roots;
mod token_text;
mod transport;

pub use auth::{Auth, BlockingAuth, Credentials};
pub use auth_options::AuthOptions;
pub use auth_url::{AuthMethod, AuthUrl};
pub use cache::{BlockingTokenCache, CachePolicy, CachedToken, TokenCache};
pub use clock::{Clock, Moment, SystemClock};
pub use error::{Error, ErrorKind};
pub use fallback_transport::FallbackTransport;
pub use generation::Generation;
pub use hosts::{Endpoint, is_loopback};
pub use http_settings::HttpSettings;
pub use mode::{Async, Blocking, Mode};
pub use options::ClientOptions;
pub use proxy_env::ProxyEnv;
pub use random::{Random, SystemRandom};
pub use source::{BlockingTokenSource, TokenSource};
pub use time_offset::TimeOffset;
pub use tls_roots::TlsRoots;
pub use transport::{BlockingTransport, FaultKind, Sleep, Transport, TransportFault};

/// Makes `async fn` possible in an implementation of [`TokenSource`], [`sources::AuthCallback`] or [`Transport`].
#[doc(no_inline)]
pub use async_trait::async_trait;

pub use ably_auth_core::{
    ApiKey, BatchResult, Capability, ClientId, ErrorCode, ErrorInfo, Identity, KeyName, Nonce, Operation,
    RevokeTokensRequest, Timestamp, Token, TokenDetails, TokenParams, TokenRequest, TokenRevocationFailureResult,
    TokenRevocationResult, TokenRevocationSuccessResult, TokenRevocationTargetSpecifier, Ttl, Validity, capability,
    jwt, parse_duration,
};
