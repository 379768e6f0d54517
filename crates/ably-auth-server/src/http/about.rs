//! The page at `/`, which describes the service and lists its paths.

use ably_auth_core::ErrorCode;
use http::header::ACCEPT;
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::call::Call;
use super::reply::Reply;
use crate::refusal::Refusal;

const DESCRIPTION: &str = "ably-auth: a token service that speaks Ably's REST protocol. It is not Ably's own service.";

const NOT_OFFERED: &str = "SSE, the HTTP streaming transport (`/comet`), push, objects, annotations and integrations.";

/// The paths that every service has, with a description of each.
const PATHS: &[(&str, &str)] = &[
    ("GET /time", "the service's clock; needs no credentials"),
    ("POST /keys/{keyName}/requestToken", "exchange a token request for a token"),
    ("POST /keys/{keyName}/revokeTokens", "revoke tokens; needs the key"),
    ("GET /stats", "counters"),
];

/// The additional paths of a service that serves channels.
const CHANNEL_PATHS: &[(&str, &str)] = &[
    ("GET /channels", "channels that have messages"),
    ("GET /channels/{channel}", "the status of a channel"),
    ("GET /channels/{channel}/messages", "the history of a channel"),
    ("GET /channels/{channel}/history", "the history of a channel, by its older path"),
    ("POST /channels/{channel}/messages", "publish on a channel"),
    ("POST /channels/{channel}/publish", "publish on a channel, by its older path"),
    ("POST /messages", "publish on several channels"),
    ("GET /channels/{channel}/presence", "the presence members of a channel"),
    ("GET /channels/{channel}/presence/history", "an empty list"),
];

/// The description of realtime connections.
const REALTIME: &str = "Realtime connections: `GET /` with `Upgrade: websocket`, in JSON or MessagePack.";

/// The additional paths of a sandbox.
const SANDBOX_PATHS: &[(&str, &str)] = &[
    ("POST /apps", "create an app with keys"),
    ("DELETE /apps/{appId}", "delete an app"),
    ("POST /stats", "add counters"),
];

pub(super) fn answer(call: &Call<'_>) -> Result<Reply, Refusal> {
    let of_channels = if call.state.channels { CHANNEL_PATHS } else { &[] };
    let of_sandbox = if call.state.sandbox { SANDBOX_PATHS } else { &[] };
    let paths = || PATHS.iter().chain(of_channels).chain(of_sandbox);
    if wants_data(&call.parts.headers) {
        let served: serde_json::Map<_, _> = paths().map(|(path, what)| ((*path).into(), (*what).into())).collect();
        let body = json!({
            "service": "ably-auth", "description": DESCRIPTION, "sandbox": call.state.sandbox, "served": served,
            "realtime": call.state.channels.then_some(REALTIME), "notOffered": NOT_OFFERED,
        });
        return call.reply(StatusCode::OK, &body);
    }
    let mut text = format!("{DESCRIPTION}\n");
    if call.state.sandbox {
        text.push_str("This service is a sandbox: use it for tests only.\n");
    }
    text.push('\n');
    paths().for_each(|(path, what)| text.extend([&format!("  {path:<42}"), *what, "\n"]));
    if call.state.channels {
        text.extend(["\n", REALTIME]);
    }
    text.extend(["\nNot offered here: ", NOT_OFFERED, "\nFor JSON, send `Accept: application/json`.\n"]);
    Ok(Reply::text(text))
}

/// Returns whether the `Accept` header names JSON or MessagePack.
fn wants_data(headers: &HeaderMap) -> bool {
    let accepts = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepts.flat_map(|value| value.split(',')).any(|range| {
        let name = range.split(';').next().unwrap_or_default().trim();
        ["application/json", "application/x-msgpack"].iter().any(|format| name.eq_ignore_ascii_case(format))
    })
}

/// Returns the refusal for `GET` on a `requestToken` path: 404, as on Ably, and not 405.
pub(super) fn get_not_served() -> Refusal {
    let message = "Could not find the path: it does not serve `GET`; `POST` a token request";
    Refusal::new(ErrorCode::NOT_FOUND, message)
}
