// Its programs call a service, which is no dependency of this crate: `tests/lib.rs` runs them.
#![cfg_attr(not(doctest), doc = include_str!("../README.md"))]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod client;
mod proxies;
#[cfg(feature = "rustls")]
mod roots;
mod transport;

pub use client::Client;
pub use transport::UreqTransport;

#[doc(no_inline)]
pub use ably_auth::*;

/// How the [`Client`] authenticates, and where.
pub type ClientOptions = ably_auth::ClientOptions<Blocking>;

/// How the [`Client`] authenticates: what [`authorize_with`](ably_auth::BlockingAuth::authorize_with) replaces.
pub type AuthOptions = ably_auth::AuthOptions<Blocking>;
