//! The auth URL: a URL at which a server of the application gives tokens.

use std::fmt;

use http::uri::Scheme;
use http::{HeaderMap, Uri};

use crate::error::Error;

/// The HTTP method of requests to an auth URL (`AO2d`).
///
/// ```
/// use ably_auth::{Async, AuthMethod, AuthUrl, ClientOptions};
///
/// let auth_url = AuthUrl::new("https://example.com/ably-token")?.auth_method(AuthMethod::Post);
/// let options = ClientOptions::<Async>::new().auth_url(auth_url);
/// # Ok::<(), ably_auth::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AuthMethod {
    /// GET, with the params in the query (`RSA8c1a`).
    #[default]
    Get,
    /// POST, with the params as a form in the body (`RSA8c1b`).
    Post,
}

/// A URL of the application that gives tokens (`RSA8c`): a token, token details, or a signed token request.
///
/// The client sends neither a key nor a token to it. Put the user's own credentials, such as a session, into the
/// headers or the params.
///
/// ```
/// use ably_auth::{AuthMethod, AuthUrl};
/// use http::HeaderMap;
///
/// let mut headers = HeaderMap::new();
/// headers.insert("x-session", "5f0c".parse().unwrap());
/// let auth_url = AuthUrl::new("https://example.com/ably?tenant=7")?
///     .auth_method(AuthMethod::Post)
///     .auth_headers(headers)
///     .auth_params([("room", "lobby")]);
/// assert_eq!(
///     format!("{auth_url:?}"),
///     r#"AuthUrl { url: "https://example.com/ably", method: Post, headers: ["x-session"], params: ["room"] }"#,
/// );
/// # Ok::<(), ably_auth::Error>(())
/// ```
#[derive(Clone)]
pub struct AuthUrl {
    pub(crate) url: Uri,
    pub(crate) method: AuthMethod,
    pub(crate) headers: HeaderMap,
    pub(crate) params: Vec<(String, String)>,
}

impl AuthUrl {
    /// Creates an auth URL from `url`, which may have a query.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if `url` is not an `http` or `https` URL, or
    /// contains credentials.
    pub fn new(url: &str) -> Result<Self, Error> {
        // Do not quote the text: its query may contain credentials.
        let bad = |why: &str| {
            Error::configuration(format!(
                "invalid auth URL: it {why}; use one such as `https://example.com/ably-token`"
            ))
        };
        let url: Uri = url.parse().map_err(|_| bad("is not a URL"))?;
        if url.scheme() != Some(&Scheme::HTTPS) && url.scheme() != Some(&Scheme::HTTP) {
            return Err(bad("does not begin with `https://` or `http://`"));
        }
        match url.authority() {
            Some(authority) if authority.as_str().contains('@') => {
                Err(bad("contains credentials, which belong into `auth_headers`"))
            }
            Some(authority) if !authority.host().is_empty() => {
                Ok(Self { url, method: AuthMethod::Get, headers: HeaderMap::new(), params: Vec::new() })
            }
            _ => Err(bad("has no host")),
        }
    }

    /// Sets the HTTP method, by default GET.
    #[must_use]
    pub const fn auth_method(mut self, method: AuthMethod) -> Self {
        self.method = method;
        self
    }

    /// Sets the headers to send, which replace those set before. They are marked as sensitive.
    #[must_use]
    pub fn auth_headers(mut self, headers: HeaderMap) -> Self {
        self.headers = headers;
        self.headers.values_mut().for_each(|value| value.set_sensitive(true));
        self
    }

    /// Sets the params to send, which replace those set before. A token param of the same name has priority (`RSA8c2`).
    /// A param of the same name in the URL's query is left out.
    #[must_use]
    pub fn auth_params(mut self, params: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>) -> Self {
        self.params = params.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        self
    }
}

impl fmt::Debug for AuthUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, authority) = (self.url.scheme_str().unwrap_or_default(), self.url.authority());
        let host = authority.map_or("", |authority| authority.as_str());
        f.debug_struct("AuthUrl")
            .field("url", &format!("{scheme}://{host}{}", self.url.path()))
            .field("method", &self.method)
            .field("headers", &self.headers.keys().map(http::HeaderName::as_str).collect::<Vec<_>>())
            .field("params", &self.params.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .finish()
    }
}
