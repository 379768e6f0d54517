//! Routing: the endpoint that a path names.

use std::borrow::Cow;

use ably_auth_core::ErrorCode;
use percent_encoding::percent_decode_str;

use crate::channels::channel_name::ChannelName;
use http::request::Parts;

use crate::ops::metrics::Endpoint;
use crate::refusal::Refusal;

/// An endpoint with its path parameters, percent-decoded once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    /// The page that describes the service.
    Root,
    Time,
    RequestToken(Cow<'a, str>),
    RevokeTokens(Cow<'a, str>),
    Channels,
    Channel(ChannelName<'a>),
    Messages(ChannelName<'a>),
    /// The older path for publishing.
    Publish(ChannelName<'a>),
    /// The older path for reading history.
    History(ChannelName<'a>),
    Presence(ChannelName<'a>),
    PresenceHistory(ChannelName<'a>),
    /// The path for publishing on several channels.
    Batch,
    Stats,
    Apps,
    App(Cow<'a, str>),
}

impl<'a> Route<'a> {
    pub(super) fn of(path: &'a str, sandbox: bool) -> Result<Self, Refusal> {
        let mut segments = path.strip_prefix('/').unwrap_or_default().splitn(4, '/');
        let segments = [(); 4].map(|()| segments.next());
        Ok(match segments {
            [Some(""), None, None, None] if path == "/" => Self::Root,
            [Some("time"), None, None, None] => Self::Time,
            [Some("keys"), Some(key), Some("requestToken"), None] => Self::RequestToken(decode(key)?),
            [Some("keys"), Some(key), Some("revokeTokens"), None] => Self::RevokeTokens(decode(key)?),
            [Some("channels"), None, None, None] => Self::Channels,
            [Some("channels"), Some(name), None, None] => Self::Channel(channel(name)?),
            [Some("channels"), Some(name), Some("messages"), None] => Self::Messages(channel(name)?),
            [Some("channels"), Some(name), Some("publish"), None] => Self::Publish(channel(name)?),
            [Some("channels"), Some(name), Some("history"), None] => Self::History(channel(name)?),
            [Some("channels"), Some(name), Some("presence"), None] => Self::Presence(channel(name)?),
            [Some("channels"), Some(name), Some("presence"), Some("history")] => Self::PresenceHistory(channel(name)?),
            [Some("messages"), None, None, None] => Self::Batch,
            [Some("stats"), None, None, None] => Self::Stats,
            [Some("apps"), None, None, None] if sandbox => Self::Apps,
            [Some("apps"), Some(id), None, None] if sandbox => Self::App(decode(id)?),
            _ if is_ably_path(segments) => return Err(not_offered("this path of Ably's API")),
            _ => return Err(not_found()),
        })
    }

    pub(super) const fn endpoint(&self) -> Endpoint {
        match self {
            Self::Root => Endpoint::Unknown,
            Self::Time => Endpoint::Time,
            Self::RequestToken(_) => Endpoint::RequestToken,
            Self::RevokeTokens(_) => Endpoint::RevokeTokens,
            Self::Channels => Endpoint::Channels,
            Self::Channel(_) | Self::Presence(_) | Self::PresenceHistory(_) => Endpoint::Channel,
            Self::Messages(_) | Self::Publish(_) | Self::History(_) | Self::Batch => Endpoint::Messages,
            Self::Stats => Endpoint::Stats,
            Self::Apps | Self::App(_) => Endpoint::Apps,
        }
    }

    /// Returns the channel, if the endpoint belongs to a single channel.
    pub(super) const fn channel(&self) -> Option<&ChannelName<'a>> {
        match self {
            Self::Channel(channel)
            | Self::Messages(channel)
            | Self::Publish(channel)
            | Self::History(channel)
            | Self::Presence(channel)
            | Self::PresenceHistory(channel) => Some(channel),
            _ => None,
        }
    }

    /// Returns whether the endpoint belongs to the channel endpoints, which can be turned off.
    pub(super) const fn is_channel_endpoint(&self) -> bool {
        self.channel().is_some() || matches!(self, Self::Channels | Self::Batch)
    }

    /// Returns the methods that the endpoint accepts, as the value of an `Allow` header.
    pub(super) const fn methods(&self, sandbox: bool) -> &'static str {
        match self {
            Self::Stats if sandbox => "GET, HEAD, POST, OPTIONS",
            Self::Root
            | Self::Time
            | Self::Channels
            | Self::Channel(_)
            | Self::History(_)
            | Self::Presence(_)
            | Self::PresenceHistory(_)
            | Self::Stats => "GET, HEAD, OPTIONS",
            Self::RevokeTokens(_) | Self::Publish(_) | Self::Batch | Self::Apps => "POST, OPTIONS",
            // `GET` on `requestToken` is allowed here and gets a 404, as on Ably.
            Self::RequestToken(_) | Self::Messages(_) => "GET, HEAD, POST, OPTIONS",
            Self::App(_) => "DELETE, OPTIONS",
        }
    }
}

/// Returns the refusal for an unknown path. SDKs look for the first words of its message.
pub(super) fn not_found() -> Refusal {
    Refusal::new(
        ErrorCode::NOT_FOUND,
        "Could not find the path: nothing is served there; check its spelling, or see `/`",
    )
}

/// Returns the refusal for a feature that Ably offers and this service does not.
pub(super) fn not_offered(what: &str) -> Refusal {
    let message = format!("Could not find the path: {what} is not offered here; see `/` for the paths that are");
    Refusal::new(ErrorCode::NOT_FOUND, message)
}

/// Returns whether Ably serves this path or paths below it.
fn is_ably_path(segments: [Option<&str>; 4]) -> bool {
    match segments {
        [Some("channels"), Some(_), Some(of_channel), _] => {
            matches!(of_channel, "messages" | "annotations" | "object" | "objects" | "presence" | "push" | "summary")
        }
        [Some(first), ..] => matches!(
            first,
            "apps" | "comet" | "connections" | "event-stream" | "presence" | "push" | "queues" | "sse" | "webhooks"
        ),
        _ => false,
    }
}

pub(super) fn decode(segment: &str) -> Result<Cow<'_, str>, Refusal> {
    percent_decode_str(segment).decode_utf8().map_err(|_| {
        Refusal::new(
            ErrorCode::BAD_REQUEST,
            "invalid path: it is not UTF-8 after percent-decoding; encode names as UTF-8",
        )
    })
}

fn channel(segment: &str) -> Result<ChannelName<'_>, Refusal> {
    ChannelName::parse(decode(segment)?)
}

/// Returns the first value of that name in the query.
pub(super) fn query<'a>(parts: &'a Parts, name: &str) -> Option<Cow<'a, str>> {
    let query = parts.uri.query()?;
    form_urlencoded::parse(query.as_bytes()).find(|(known, _)| known == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> ChannelName<'_> {
        ChannelName { name: name.into(), is_filtered: false }
    }

    #[test]
    fn names_are_decoded_once() {
        assert_eq!(Route::of("/channels/a%2Fb%2525", false).unwrap(), Route::Channel(named("a/b%25")));
        assert_eq!(Route::of("/channels/a:b/messages", false).unwrap(), Route::Messages(named("a:b")));
        assert_eq!(Route::of("/channels/%5B%3Frewind=1%5Da/history", false).unwrap(), Route::History(named("a")));
    }

    #[test]
    fn other_paths_are_unknown() {
        let paths = [
            "",
            "*",
            "/time/",
            "//time",
            "/Time",
            "/keys/a.b",
            "/channels/a/nothing",
            "/channels/a/history/1",
            "/channels/a/publish/",
            "/messages/",
            "/stat",
            "//",
        ];
        let of_ably = [
            "/channels/a/messages/1",
            "/channels/a/presence/1",
            "/channels/a/annotations/x/y",
            "/push/publish",
            "/push/deviceRegistrations/1",
            "/apps",
            "/apps/a",
            "/sse",
            "/event-stream",
            "/comet/connect",
            "/presence",
            "/connections",
        ];
        let message = |path: &str| {
            let refusal = Route::of(path, false).unwrap_err();
            assert_eq!((refusal.info().status_code(), refusal.info().code()), (404, ErrorCode::NOT_FOUND), "{path}");
            assert!(refusal.info().message().contains("Could not find"), "{path}");
            refusal.info().message().to_owned()
        };
        assert!(paths.iter().all(|path| message(path).contains("spelling")));
        assert!(of_ably.iter().all(|path| message(path).contains("not offered here")));
    }
}
