#![doc = include_str!("../README.md")]

mod client;
mod transport;

pub use client::Client;
pub use transport::ReqwestTransport;

#[doc(no_inline)]
pub use ably_auth::*;

/// How the [`Client`] authenticates, and where.
pub type ClientOptions = ably_auth::ClientOptions<Async>;
