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
#[cfg(feature = "rustls")]
mod roots;
mod transport;
#[cfg(any(test, not(feature = "rustls")))]
mod without_tls;

pub use client::Client;
pub use transport::ReqwestTransport;

#[doc(no_inline)]
pub use ably_auth::*;

/// The options of the [`Client`]: credentials, endpoint, HTTP settings.
///
/// ```
/// use ably_auth_reqwest::ClientOptions;
///
/// let options = ClientOptions::new().key("app.key:secret").client_id("bob").use_token_auth(true);
/// ```
pub type ClientOptions = ably_auth::ClientOptions<Async>;

/// The authentication options of the [`Client`], which [`authorize_with`](ably_auth::Auth::authorize_with) replaces.
pub type AuthOptions = ably_auth::AuthOptions<Async>;
