//! The proxies of the environment or of the operating system.

use std::error::Error as StdError;
use std::fmt;

use ably_auth::{ProxyEnv, TransportFault, is_loopback};
use http::Uri;
#[cfg(feature = "rustls")]
use http::{HeaderValue, uri::Scheme};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

/// The proxies of the environment or of the operating system.
pub(crate) struct Proxies {
    matcher: Matcher,
    env: ProxyEnv,
    /// A matcher of all hosts except those in `NO_PROXY`, which are reached directly.
    exceptions: Matcher,
}

impl Proxies {
    pub(crate) fn from_system() -> Self {
        Self::new(Matcher::from_system(), ProxyEnv::read(|name| std::env::var_os(name)))
    }

    /// Uses the proxies of `env`, or those of `otherwise` if `env` sets none.
    pub(crate) fn new(otherwise: Matcher, env: ProxyEnv) -> Self {
        let named = [Uri::from_static("http://a"), Uri::from_static("https://a")].map(|to| env.proxy_for(&to));
        let matcher = match named {
            [Ok(None), Ok(None)] => otherwise,
            // `check` reports an invalid variable when a request would use its proxy.
            [http, https] => {
                let url =
                    |named: Result<Option<&str>, TransportFault>| named.ok().flatten().unwrap_or_default().to_owned();
                Matcher::builder().http(url(http)).https(url(https)).no(env.no_proxy().to_owned()).build()
            }
        };
        let exceptions = Matcher::builder().all("http://localhost").no(env.no_proxy()).build();
        Self { matcher, env, exceptions }
    }

    /// Returns the proxy for a request to `to`, or `None` for a direct connection: to a host in `NO_PROXY`, or to a
    /// loopback address, because a proxy cannot reach this machine.
    pub(crate) fn proxy_for(&self, to: &Uri) -> Option<Intercept> {
        if is_loopback(to) { None } else { self.matcher.intercept(to) }
    }

    /// Returns an error if the environment sets an invalid proxy for a request to `to`.
    pub(crate) fn check(&self, to: &Uri) -> Result<(), TransportFault> {
        if is_loopback(to) || self.exceptions.intercept(to).is_none() {
            Ok(())
        } else {
            self.env.proxy_for(to).map(drop)
        }
    }

    /// Returns the URL of the proxy for a request to `to`, with its credentials.
    #[cfg(any(test, not(feature = "rustls")))]
    pub(crate) fn url_for(&self, to: &Uri) -> Option<String> {
        let proxy = self.proxy_for(to)?;
        let named = self.env.proxy_for(to).ok().flatten();
        Some(named.map_or_else(|| proxy.uri().to_string(), str::to_owned))
    }

    /// Returns the `Proxy-Authorization` value for a request that is not tunnelled.
    #[cfg(feature = "rustls")]
    pub(crate) fn authorization(&self, to: &Uri) -> Option<HeaderValue> {
        let proxy = self.proxy_for(to).filter(|_| to.scheme() == Some(&Scheme::HTTP))?;
        let mut value = proxy.basic_auth()?.clone();
        value.set_sensitive(true);
        Some(value)
    }
}

/// The error for a proxy that is not an HTTP proxy. A direct connection instead could reach another network.
#[derive(Debug)]
pub(crate) struct UnsupportedProxy;

impl UnsupportedProxy {
    /// Refuses a proxy that is not an HTTP proxy.
    pub(crate) fn check(proxy: &Intercept) -> Result<(), Self> {
        if matches!(proxy.uri().scheme_str(), Some("http" | "https")) { Ok(()) } else { Err(Self) }
    }
}

impl fmt::Display for UnsupportedProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unsupported proxy: only HTTP proxies are supported; set an `http://` or `https://` proxy")
    }
}

impl StdError for UnsupportedProxy {}

/// Shows no proxy, which may contain a password.
impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxies").field("env", &self.env).finish_non_exhaustive()
    }
}
