//! The proxies in the environment variables.

use std::ffi::OsString;
use std::fmt;

use http::Uri;
use http::uri::Scheme;

use crate::transport::{FaultKind, TransportFault};

/// The proxies in a program's environment variables, read by the same rules for every transport.
///
/// - `HTTP_PROXY` applies to requests without TLS, and `HTTPS_PROXY` to requests with TLS. `ALL_PROXY` applies to
///   requests for which no other variable is set. Each name may be in lower case; an empty variable counts as unset.
/// - Under CGI, where `REQUEST_METHOD` is set, `HTTP_PROXY` is ignored: there it holds a header that a client sent
///   (httpoxy).
/// - A proxy is an HTTP proxy: `http://host:port`, `https://host:port`, or `host:port`. With any other value, such as a
///   SOCKS proxy, requests are refused. A direct connection instead could reach another network than the intended one.
/// - `NO_PROXY` names the hosts that are reached directly.
///
/// ```
/// use ably_auth::ProxyEnv;
/// use http::Uri;
///
/// let env = ProxyEnv::read(|name| (name == "HTTPS_PROXY").then(|| "proxy.example.com:8080".into()));
/// let proxy = env.proxy_for(&Uri::from_static("https://main.realtime.ably.net/time"))?;
/// assert_eq!(proxy, Some("http://proxy.example.com:8080"));
/// assert_eq!(env.proxy_for(&Uri::from_static("http://main.realtime.ably.net/time"))?, None);
/// # Ok::<(), ably_auth::TransportFault>(())
/// ```
#[derive(Clone, Default)]
pub struct ProxyEnv {
    http: Option<ProxyVariable>,
    https: Option<ProxyVariable>,
    no_proxy: String,
}

/// A variable, and the URL in its value if that is an HTTP proxy.
#[derive(Clone)]
struct ProxyVariable {
    variable: &'static str,
    url: Option<String>,
}

impl ProxyEnv {
    /// Reads the environment through `variable`, such as [`std::env::var_os`].
    pub fn read(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let value = |name: &str| variable(name).filter(|value| !value.is_empty());
        let first = |names: [&'static str; 2]| {
            names
                .into_iter()
                .find_map(|name| value(name).map(|value| ProxyVariable { variable: name, url: url(&value) }))
        };
        let all = first(["ALL_PROXY", "all_proxy"]);
        let is_cgi = variable("REQUEST_METHOD").is_some();
        let http = if is_cgi { None } else { first(["HTTP_PROXY", "http_proxy"]) };
        let no_proxy = ["NO_PROXY", "no_proxy"].into_iter().find_map(value);
        Self {
            http: http.or_else(|| all.clone()),
            https: first(["HTTPS_PROXY", "https_proxy"]).or(all),
            no_proxy: no_proxy.map(|list| list.to_string_lossy().into_owned()).unwrap_or_default(),
        }
    }

    /// Returns the URL of the proxy for a request to `uri`. It does not apply `NO_PROXY`.
    ///
    /// # Errors
    /// [`FaultKind::Unreachable`] if the variable does not name an HTTP proxy.
    pub fn proxy_for(&self, uri: &Uri) -> Result<Option<&str>, TransportFault> {
        let named = if uri.scheme() == Some(&Scheme::HTTPS) { &self.https } else { &self.http };
        let Some(ProxyVariable { variable, url }) = named else { return Ok(None) };
        // Do not quote the value, which may contain a password.
        url.as_deref().map(Some).ok_or_else(|| {
            let text =
                format!("invalid proxy: `{variable}` does not name an HTTP proxy; set `http://host:port`, or unset it");
            TransportFault::new(FaultKind::Unreachable, text)
        })
    }

    /// Returns the value of `NO_PROXY`: the list of hosts that are reached directly.
    #[must_use]
    pub fn no_proxy(&self) -> &str {
        &self.no_proxy
    }
}

/// Returns the URL of an HTTP proxy, or `None` if `value` does not name one.
fn url(value: &OsString) -> Option<String> {
    let text = value.to_str()?.trim();
    let url = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let parsed: Uri = url.parse().ok()?;
    let authority = parsed.authority()?;
    let after_host = authority.as_str().rsplit('@').next()?.strip_prefix(authority.host())?;
    let has_good_port = after_host.is_empty() || authority.port_u16().is_some();
    let is_http = matches!(parsed.scheme_str(), Some("http" | "https"));
    let is_bare = matches!(parsed.path(), "" | "/") && parsed.query().is_none();
    (is_http && is_bare && has_good_port && !authority.host().is_empty()).then_some(url)
}

/// Shows the names of the variables, but not their proxies, which may contain a password.
impl fmt::Debug for ProxyEnv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variable = |found: &Option<ProxyVariable>| found.as_ref().map(|it| it.variable);
        f.debug_struct("ProxyEnv")
            .field("http", &variable(&self.http))
            .field("https", &variable(&self.https))
            .field("no_proxy", &self.no_proxy)
            .finish()
    }
}
