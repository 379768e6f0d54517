//! Which endpoint a path names.

use std::borrow::Cow;

use ably_auth_core::ErrorCode;
use percent_encoding::percent_decode_str;

use crate::metrics::Endpoint;
use crate::refusal::Refusal;

/// An endpoint, with what its path holds, percent-decoded once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Time,
    RequestToken(Cow<'a, str>),
    RevokeTokens(Cow<'a, str>),
    Channels,
    Channel(Cow<'a, str>),
    Messages(Cow<'a, str>),
    Stats,
    Apps,
    App(Cow<'a, str>),
}

impl<'a> Route<'a> {
    pub(super) fn of(path: &'a str, sandbox: bool) -> Result<Self, Refusal> {
        let mut segments = path.strip_prefix('/').unwrap_or_default().splitn(4, '/');
        let segments = [(); 4].map(|()| segments.next());
        Ok(match segments {
            [Some("time"), None, None, None] => Self::Time,
            [Some("keys"), Some(key), Some("requestToken"), None] => Self::RequestToken(decode(key)?),
            [Some("keys"), Some(key), Some("revokeTokens"), None] => Self::RevokeTokens(decode(key)?),
            [Some("channels"), None, None, None] => Self::Channels,
            [Some("channels"), Some(name), None, None] => Self::Channel(channel(name)?),
            [Some("channels"), Some(name), Some("messages"), None] => Self::Messages(channel(name)?),
            [Some("stats"), None, None, None] => Self::Stats,
            [Some("apps"), None, None, None] if sandbox => Self::Apps,
            [Some("apps"), Some(id), None, None] if sandbox => Self::App(decode(id)?),
            _ => return Err(Refusal::new(ErrorCode::NOT_FOUND, "there is no such path; check its spelling")),
        })
    }

    pub(super) const fn endpoint(&self) -> Endpoint {
        match self {
            Self::Time => Endpoint::Time,
            Self::RequestToken(_) => Endpoint::RequestToken,
            Self::RevokeTokens(_) => Endpoint::RevokeTokens,
            Self::Channels => Endpoint::Channels,
            Self::Channel(_) => Endpoint::Channel,
            Self::Messages(_) => Endpoint::Messages,
            Self::Stats => Endpoint::Stats,
            Self::Apps | Self::App(_) => Endpoint::Apps,
        }
    }

    /// Returns whether the endpoint is there for channels alone.
    pub(super) const fn is_of_channels(&self) -> bool {
        matches!(self, Self::Channels | Self::Channel(_) | Self::Messages(_))
    }

    /// The methods that it takes, as an `Allow` header says it.
    pub(super) const fn methods(&self) -> &'static str {
        match self {
            Self::Time | Self::Channels | Self::Channel(_) | Self::Stats => "GET, HEAD, OPTIONS",
            Self::RequestToken(_) | Self::RevokeTokens(_) | Self::Apps => "POST, OPTIONS",
            Self::Messages(_) => "GET, HEAD, POST, OPTIONS",
            Self::App(_) => "DELETE, OPTIONS",
        }
    }
}

pub(super) fn decode(segment: &str) -> Result<Cow<'_, str>, Refusal> {
    percent_decode_str(segment).decode_utf8().map_err(|_| {
        Refusal::new(ErrorCode::BAD_REQUEST, "the path is not UTF-8 once percent-decoded; encode names as UTF-8")
    })
}

fn channel(segment: &str) -> Result<Cow<'_, str>, Refusal> {
    let name = decode(segment)?;
    if name.is_empty() || name.starts_with('[') {
        let message = "a channel's name is not empty and does not begin with `[`; qualifiers are not supported";
        return Err(Refusal::new(ErrorCode::BAD_REQUEST, message));
    }
    if name.len() > MAX_CHANNEL_NAME {
        let message = format!("invalid channel name: it has over {MAX_CHANNEL_NAME} bytes; use a shorter name");
        return Err(Refusal::new(INVALID_CHANNEL_NAME, message));
    }
    Ok(name)
}

/// The longest name of a channel, in bytes.
const MAX_CHANNEL_NAME: usize = 2_048;

const INVALID_CHANNEL_NAME: ErrorCode = ErrorCode::new(40010);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_decoded_once() {
        assert_eq!(Route::of("/channels/a%2Fb%2525", false).unwrap(), Route::Channel("a/b%25".into()));
        assert_eq!(Route::of("/channels/a:b/messages", false).unwrap(), Route::Messages("a:b".into()));
    }

    #[test]
    fn long_channel_name_is_refused() {
        let path = |bytes: usize| format!("/channels/{}/messages", "a".repeat(bytes));
        assert!(Route::of(&path(MAX_CHANNEL_NAME), false).is_ok());
        let refusal = Route::of(&path(MAX_CHANNEL_NAME + 1), false).unwrap_err();
        assert_eq!(refusal.info().code().as_u32(), 40010);
    }

    #[test]
    fn other_paths_are_unknown() {
        let paths =
            ["", "/", "*", "/time/", "//time", "/Time", "/keys/a.b", "/channels/a/messages/1", "/apps", "/apps/a"];
        for path in paths {
            assert_eq!(Route::of(path, false).unwrap_err().info().status_code(), 404, "{path}");
        }
    }
}
