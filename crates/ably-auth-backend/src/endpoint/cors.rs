//! CORS: the origins whose pages may use an auth URL, and the headers that they may read.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Uri};

use crate::error::{Error, ErrorKind};

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST");
const EXPOSED: HeaderValue = HeaderValue::from_static("X-Ably-Errorcode, X-Ably-Errormessage");
/// Time for which a browser caches a preflight, in seconds. Browsers cap it at two hours.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

#[derive(Clone, Debug)]
pub(super) enum Cors {
    /// Any origin, without cookies: browsers refuse the combination of both.
    Any,
    Listed(Vec<HeaderValue>),
}

impl Default for Cors {
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

impl Cors {
    pub(super) fn with(self, origin: &str) -> Result<Self, Error> {
        let origin = parse_origin(origin)?;
        let mut origins = match self {
            Self::Any => Vec::new(),
            Self::Listed(origins) => origins,
        };
        origins.push(origin);
        Ok(Self::Listed(origins))
    }

    /// Returns the `Cross-Origin-Resource-Policy` of an answer: `cross-origin` if another origin is allowed, else
    /// `same-origin`.
    pub(super) fn resource_policy(&self) -> HeaderValue {
        match self {
            Self::Listed(origins) if origins.is_empty() => HeaderValue::from_static("same-origin"),
            Self::Listed(_) | Self::Any => HeaderValue::from_static("cross-origin"),
        }
    }

    /// Adds the CORS headers of an answer.
    pub(super) fn add(&self, asked: &HeaderMap, answer: &mut HeaderMap) {
        if matches!(self, Self::Listed(origins) if !origins.is_empty()) {
            answer.append(VARY, HeaderValue::from_static("Origin"));
        }
        let Some(origin) = asked.get(ORIGIN) else {
            return;
        };
        let allowed = match self {
            Self::Any => HeaderValue::from_static("*"),
            Self::Listed(origins) if origins.contains(origin) => {
                answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
                origin.clone()
            }
            Self::Listed(_) => return,
        };
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }

    /// Adds the headers of a preflight's answer, if the origin is allowed.
    pub(super) fn permit(&self, asked: &HeaderMap, answer: &mut HeaderMap) {
        if !answer.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) || !asked.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
            return;
        }
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        answer.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        if let Some(headers) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS) {
            answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, headers.clone());
        }
    }
}

/// Parses an origin. It must be written as browsers send it, since it is compared with their text.
fn parse_origin(origin: &str) -> Result<HeaderValue, Error> {
    let uri: Option<Uri> = origin.parse().ok();
    let written = uri.and_then(|uri| Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?)));
    let as_browsers_do = written.is_some_and(|written| written == origin && written.to_ascii_lowercase() == origin);
    match HeaderValue::from_str(origin) {
        Ok(value) if as_browsers_do && !origin.contains(['@', '*']) => Ok(value),
        _ => Err(Error::new(
            ErrorKind::Origin,
            format!(
                "invalid origin `{}`: give scheme and host, and the port if it is not the default, in lower case and without \
                 a path, for example `https://app.example.com`",
                origin.escape_debug()
            ),
        )),
    }
}
