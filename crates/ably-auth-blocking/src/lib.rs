// The README's programs call a service, which this crate does not depend on: `tests/lib.rs` runs them.
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

/// The options of the [`Client`]: credentials, endpoint, HTTP settings.
///
/// ```
/// use ably_auth_blocking::ClientOptions;
///
/// let options = ClientOptions::new().key("app.key:secret").client_id("bob").use_token_auth(true);
/// ```
pub type ClientOptions = ably_auth::ClientOptions<Blocking>;

/// The authentication options of the [`Client`], which [`authorize_with`](ably_auth::BlockingAuth::authorize_with)
/// replaces.
pub type AuthOptions = ably_auth::AuthOptions<Blocking>;
