//! The URL of a socket.

use std::fmt;

use http::uri::Authority;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Every character that is not unreserved in a URL.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The URL of a socket: `ws` or `wss`. Its query contains the credentials, so `Debug` and `Display` show only the host.
///
/// ```
/// use ably_auth::connection::SocketUrl;
///
/// fn connect(url: &SocketUrl) {
///     eprintln!("connecting to {url}");
///     let _request = url.expose(); // with the credentials
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SocketUrl {
    text: String,
    authority: Authority,
    is_tls: bool,
}

impl SocketUrl {
    pub(super) fn new(is_tls: bool, authority: Authority, query: &[(String, String)]) -> Self {
        let mut text = format!("{}://{authority}/", if is_tls { "wss" } else { "ws" });
        for (nth, (name, value)) in query.iter().enumerate() {
            text.push(if nth == 0 { '?' } else { '&' });
            text.extend(utf8_percent_encode(name, RESERVED));
            text.push('=');
            text.extend(utf8_percent_encode(value, RESERVED));
        }
        Self { text, authority, is_tls }
    }

    /// Returns the whole URL, with the credentials.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Returns the host, an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        let host = self.authority.host();
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }

    /// Returns the port, by default 443 or 80.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.authority.port_u16().unwrap_or(if self.is_tls { 443 } else { 80 })
    }

    /// Returns true if the connection uses TLS.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        self.is_tls
    }
}

impl fmt::Display for SocketUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}/", if self.is_tls { "wss" } else { "ws" }, self.authority)
    }
}

impl fmt::Debug for SocketUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SocketUrl({self})")
    }
}
