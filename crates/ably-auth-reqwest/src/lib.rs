// Its programs call a service, which is no dependency of this crate: `tests/lib.rs` runs them.
#![cfg_attr(not(doctest), doc = include_str!("../README.md"))]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod body;
mod client;
#[cfg(feature = "rustls")]
mod connector;
#[cfg(feature = "rustls")]
mod own_http;
mod proxies;
#[cfg(feature = "rustls")]
mod roots;
mod transport;
#[cfg(any(test, not(feature = "rustls")))]
mod without_tls;

pub use client::Client;
pub use transport::ReqwestTransport;

#[doc(no_inline)]
pub use ably_auth::*;

/// How the [`Client`] authenticates, and where.
pub type ClientOptions = ably_auth::ClientOptions<Async>;

/// How the [`Client`] authenticates: what [`authorize_with`](ably_auth::Auth::authorize_with) replaces.
pub type AuthOptions = ably_auth::AuthOptions<Async>;
