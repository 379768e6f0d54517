//! Endpoints and hosts of the service.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};

use crate::error::Error;

/// The endpoint of the service (`REC1`): one of Ably's, by its routing policy, or your own host.
///
/// | text | endpoint | fallbacks |
/// | --- | --- | --- |
/// | `main` | `https://main.realtime.ably.net`, the default (`REC1a`) | `main.[a-e].fallback.ably-realtime.com` (`REC2c1`) |
/// | `acme` | `https://acme.realtime.ably.net` (`REC1b4`) | `acme.[a-e].fallback.ably-realtime.com` (`REC2c4`) |
/// | `nonprod:sandbox` | `https://sandbox.realtime.ably-nonprod.net` (`REC1b3`) | `sandbox.[a-e].fallback.ably-realtime-nonprod.com` (`REC2c3`) |
/// | `ably.example.com`, `localhost`, `::1` | that host, over https (`REC1b2`) | none (`REC2c2`) |
/// | `http://127.0.0.1:8484` | that base URL: for your own service | none |
///
/// ```
/// use ably_auth::Endpoint;
///
/// let endpoint: Endpoint = "main".parse()?;
/// assert_eq!(endpoint.to_string(), "https://main.realtime.ably.net");
/// assert_eq!(Endpoint::parse("http://127.0.0.1:8484")?.to_string(), "http://127.0.0.1:8484");
/// # Ok::<(), ably_auth::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    scheme: Scheme,
    authority: Authority,
    fallbacks: Fallbacks,
}

/// The rule for the default fallback hosts.
#[derive(Clone, PartialEq, Eq)]
enum Fallbacks {
    None,
    Production(Cow<'static, str>),
    Nonprod(String),
}

impl Endpoint {
    /// Parses an endpoint in one of the forms above.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if `text` has another form. A URL must be `http`
    /// or `https`, without path, query and credentials.
    pub fn parse(text: &str) -> Result<Self, Error> {
        // Do not quote the text, which may be a key, or a URL with credentials.
        let bad = |why: &str| {
            Error::configuration(format!(
                "endpoint {why}; give a routing policy such as `main`, a host name, or a URL such as \
                 `http://127.0.0.1:8484`"
            ))
        };
        let is_id =
            |id: &str| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        let mut fallbacks = Fallbacks::None;
        let (scheme, host) = if let Some((scheme, rest)) = text.split_once("://") {
            let scheme = match scheme {
                "http" => Scheme::HTTP,
                "https" => Scheme::HTTPS,
                _ => return Err(bad("is not an `http` or `https` URL")),
            };
            (scheme, rest.strip_suffix('/').unwrap_or(rest).to_owned())
        } else if text.contains("::") {
            (Scheme::HTTPS, bracketed(text).into_owned())
        } else if text.contains('.') || text == "localhost" {
            (Scheme::HTTPS, text.to_owned())
        } else if let Some(id) = text.strip_prefix("nonprod:") {
            if !is_id(id) {
                return Err(bad("has no routing policy after `nonprod:`"));
            }
            fallbacks = Fallbacks::Nonprod(id.to_owned());
            (Scheme::HTTPS, format!("{id}.realtime.ably-nonprod.net"))
        } else if is_id(text) {
            fallbacks = Fallbacks::Production(Cow::Owned(text.to_owned()));
            (Scheme::HTTPS, format!("{text}.realtime.ably.net"))
        } else {
            return Err(bad("contains characters that no routing policy has"));
        };
        let authority = authority(&host).map_err(bad)?;
        Ok(Self { scheme, authority, fallbacks })
    }

    /// Sets whether requests use TLS.
    #[must_use]
    pub fn with_tls(mut self, tls: bool) -> Self {
        self.scheme = if tls { Scheme::HTTPS } else { Scheme::HTTP };
        self
    }

    /// Returns true if requests use TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// Returns true if the host is the local machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback_host(self.authority.host())
    }

    /// Returns the default fallback hosts, which are used unless the options set others (`REC2c`).
    ///
    /// ```
    /// use ably_auth::Endpoint;
    ///
    /// let hosts = Endpoint::parse("acme")?.default_fallback_hosts();
    /// assert_eq!((hosts.len(), &*hosts[0]), (5, "acme.a.fallback.ably-realtime.com"));
    /// assert!(Endpoint::parse("ably.example.com")?.default_fallback_hosts().is_empty());
    /// # Ok::<(), ably_auth::Error>(())
    /// ```
    #[must_use]
    pub fn default_fallback_hosts(&self) -> Vec<String> {
        let (id, domain) = match &self.fallbacks {
            Fallbacks::None => return Vec::new(),
            Fallbacks::Production(id) => (&**id, "ably-realtime.com"),
            Fallbacks::Nonprod(id) => (&**id, "ably-realtime-nonprod.com"),
        };
        ["a", "b", "c", "d", "e"].iter().map(|letter| format!("{id}.{letter}.fallback.{domain}")).collect()
    }

    pub(crate) const fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    pub(crate) const fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Returns the URI of a path and query at this endpoint.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if `path_and_query` is not a path that begins with
    /// `/`, or if the path has a backslash or a segment `.` or `..`, plain or percent-encoded. Some HTTP libraries
    /// change such paths.
    pub fn uri(&self, path_and_query: &str) -> Result<Uri, Error> {
        let path: Option<PathAndQuery> = path_and_query.starts_with('/').then(|| path_and_query.parse().ok()).flatten();
        let path = path.ok_or_else(|| {
            Error::configuration("invalid request path: it must begin with `/` and be percent-encoded")
        })?;
        if path.path().contains('\\') || path.path().split('/').any(is_dot_segment) {
            return Err(Error::configuration(
                "invalid request path: it has a backslash, or a segment `.` or `..`, which HTTP libraries may resolve \
                 to another path; give the resolved path",
            ));
        }
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
            .map_err(|_| Error::configuration("invalid request path: it does not fit into a URI; percent-encode it"))
    }
}

impl Default for Endpoint {
    fn default() -> Self {
        Self {
            scheme: Scheme::HTTPS,
            authority: Authority::from_static("main.realtime.ably.net"),
            fallbacks: Fallbacks::Production(Cow::Borrowed("main")),
        }
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

/// Returns true if `segment` is `.` or `..`, with its dots plain or percent-encoded.
fn is_dot_segment(segment: &str) -> bool {
    // The longest dot segment is `%2e%2e`.
    segment.len() <= 6 && matches!(&*segment.to_ascii_lowercase().replace("%2e", "."), "." | "..")
}

/// Parses a host with or without a port, or returns what is invalid.
fn authority(text: &str) -> Result<Authority, &'static str> {
    if text.contains('@') {
        return Err("contains credentials, which have their own options");
    }
    let authority: Authority = text.parse().map_err(|_| "has other parts than a host and a port")?;
    let after_host = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
    if authority.host().is_empty() || (!after_host.is_empty() && authority.port_u16().is_none()) {
        return Err("has no host, or an invalid port");
    }
    Ok(authority)
}

/// Parses a fallback host, with or without a port.
pub(crate) fn fallback_host(text: &str) -> Result<Authority, Error> {
    let host = if text.contains("::") { bracketed(text) } else { text.into() };
    authority(&host).map_err(|why| {
        Error::configuration(format!(
            "invalid fallback host: it {why}; use host names such as `ably-b.example.com`, without `https://`"
        ))
    })
}

/// Returns true if `uri` is on the local machine. A transport should use no proxy for it.
///
/// ```
/// use ably_auth::is_loopback;
/// use http::Uri;
///
/// assert!(is_loopback(&Uri::from_static("http://[::1]:8484/time")));
/// assert!(!is_loopback(&Uri::from_static("https://localhost.example.com/time")));
/// ```
#[must_use]
pub fn is_loopback(uri: &Uri) -> bool {
    uri.host().is_some_and(is_loopback_host)
}

pub(crate) fn is_loopback_host(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host == "localhost" || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// Returns an IPv6 address in brackets, as a URI needs it.
fn bracketed(address: &str) -> Cow<'_, str> {
    if address.starts_with('[') { address.into() } else { format!("[{address}]").into() }
}
