// The README's programs call a service, which this crate does not depend on: `tests/lib.rs` runs them.
#![cfg_attr(not(doctest), doc = include_str!("../README.md"))]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod client;
mod proxies;
#[cfg(feature = "rustls")]
mod roots;
mod transport;

pub use client::{AuthOptions, Client, ClientOptions};
pub use transport::UreqTransport;

#[doc(no_inline)]
pub use ably_auth::*;
