// The README's programs call a service, which this crate does not depend on: `tests/lib.rs` runs them.
#![cfg_attr(not(doctest), doc = include_str!("../README.md"))]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod body;
mod client;
#[cfg(feature = "rustls")]
mod connector;
#[cfg(feature = "rustls")]
mod own_http;
mod proxies;
mod transport;
#[cfg(any(test, not(feature = "rustls")))]
mod without_tls;

pub use client::{AuthOptions, Client, ClientOptions};
pub use transport::ReqwestTransport;

#[doc(no_inline)]
pub use ably_auth::*;
