//! Where the service is.

use std::fmt;
use std::net::IpAddr;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};

use crate::error::Error;

/// Where the service is (`REC1`): one of Ably's, by its routing policy, or a host of yours.
///
/// | text | is |
/// | --- | --- |
/// | `main` | `https://main.realtime.ably.net`, the default (`REC1a`) |
/// | `nonprod:sandbox` | `https://sandbox.realtime.ably-nonprod.net` (`REC1b3`) |
/// | `ably.example.com`, `localhost`, `::1` | that host, over https (`REC1b2`) |
/// | `http://127.0.0.1:8484` | that very base URL: for a service of yours |
///
/// ```
/// use ably_auth::Endpoint;
///
/// assert_eq!(Endpoint::parse("main")?.to_string(), "https://main.realtime.ably.net");
/// assert_eq!(Endpoint::parse("http://127.0.0.1:8484")?.to_string(), "http://127.0.0.1:8484");
/// # Ok::<(), ably_auth::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    scheme: Scheme,
    authority: Authority,
}

impl Endpoint {
    /// Reads any of the forms above.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if it is none of them: a URL must be `http` or `https`,
    /// and have neither a path, nor a query, nor credentials.
    pub fn parse(text: &str) -> Result<Self, Error> {
        // The text is not quoted: some give a key, or a URL with credentials in it.
        let bad = |why: &str| {
            Error::configuration(format!(
                "endpoint {why}; give a routing policy such as `main`, a host name, or a URL such as `http://127.0.0.1:8484`"
            ))
        };
        let is_id =
            |id: &str| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        let (scheme, host) = if let Some((scheme, rest)) = text.split_once("://") {
            let scheme = match scheme {
                "http" => Scheme::HTTP,
                "https" => Scheme::HTTPS,
                _ => return Err(bad("is not of `http` or `https`")),
            };
            (scheme, rest.strip_suffix('/').unwrap_or(rest).to_owned())
        } else if text.contains("::") {
            (Scheme::HTTPS, format!("[{text}]"))
        } else if text.contains('.') || text == "localhost" {
            (Scheme::HTTPS, text.to_owned())
        } else if let Some(id) = text.strip_prefix("nonprod:") {
            if !is_id(id) {
                return Err(bad("has no routing policy after `nonprod:`"));
            }
            (Scheme::HTTPS, format!("{id}.realtime.ably-nonprod.net"))
        } else if is_id(text) {
            (Scheme::HTTPS, format!("{text}.realtime.ably.net"))
        } else {
            return Err(bad("is not in the form of one"));
        };
        if host.contains('@') {
            return Err(bad("has credentials in it, which have options of their own"));
        }
        let authority: Authority = host.parse().map_err(|_| bad("has more than a host and a port"))?;
        let after_host = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
        if authority.host().is_empty() || (!after_host.is_empty() && authority.port_u16().is_none()) {
            return Err(bad("has no host, or a port that is not one"));
        }
        Ok(Self { scheme, authority })
    }

    /// The same host without TLS, or with it.
    #[must_use]
    pub fn with_tls(mut self, tls: bool) -> Self {
        self.scheme = if tls { Scheme::HTTPS } else { Scheme::HTTP };
        self
    }

    /// Whether requests go over TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// Whether the host is this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.authority.host();
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        host == "localhost" || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }

    /// The URI of a path and query at this endpoint.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if it is not a path that begins with `/`.
    pub fn uri(&self, path_and_query: &str) -> Result<Uri, Error> {
        let path: Option<PathAndQuery> = path_and_query.starts_with('/').then(|| path_and_query.parse().ok()).flatten();
        let path =
            path.ok_or_else(|| Error::configuration("a request's path must begin with `/` and be percent-encoded"))?;
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
            .map_err(|_| Error::configuration("a request's path does not fit into a URI; percent-encode it"))
    }
}

impl Default for Endpoint {
    fn default() -> Self {
        Self { scheme: Scheme::HTTPS, authority: Authority::from_static("main.realtime.ably.net") }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}
