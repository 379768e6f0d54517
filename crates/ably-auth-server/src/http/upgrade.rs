//! The upgrade of a request to a realtime connection (RFC 6455, section 4.2).

use ably_auth_core::ErrorCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, UPGRADE};
use http::{HeaderValue, Method, StatusCode};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use super::call::Call;
use super::reply::Reply;
use super::route;
use crate::refusal::Refusal;

/// The text that RFC 6455 appends to the key of a handshake.
const WEBSOCKET_GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Returns whether the request asks for a WebSocket.
pub(super) fn is_requested(call: &Call<'_>) -> bool {
    call.header("upgrade").is_some_and(|upgrade| upgrade.to_ascii_lowercase().contains("websocket"))
}

/// Accepts the upgrade, with a bad credential too: its refusal is a protocol message, so that clients can read it.
pub(super) fn answer(call: &Call<'_>) -> Result<Reply, Refusal> {
    let is_served = call.state.channels && call.arrival.is_some() && call.parts.uri.path() == "/";
    if !is_served {
        return Err(route::not_offered("a realtime connection over WebSocket"));
    }
    let invalid = |problem: &str| {
        Refusal::new(ErrorCode::BAD_REQUEST, format!("invalid WebSocket handshake: {problem}; see RFC 6455"))
    };
    if call.parts.method != Method::GET {
        return Err(invalid("its method is not GET"));
    }
    if call.header("sec-websocket-version") != Some("13") {
        return Err(invalid("`Sec-WebSocket-Version` is not 13").with_status(426));
    }
    let key = call.header("sec-websocket-key").filter(|key| key.len() == 24);
    let key = key.ok_or_else(|| invalid("`Sec-WebSocket-Key` is not the base64 of 16 bytes"))?;
    let accept = digest(&SHA1_FOR_LEGACY_USE_ONLY, [key, WEBSOCKET_GUID].concat().as_bytes());
    let accept = HeaderValue::try_from(STANDARD.encode(accept)).map_err(|_| Refusal::internal())?;
    let headers = [
        (CONNECTION, HeaderValue::from_static("Upgrade")),
        (UPGRADE, HeaderValue::from_static("websocket")),
        (SEC_WEBSOCKET_ACCEPT, accept),
    ];
    Ok(Reply::empty().with_status(StatusCode::SWITCHING_PROTOCOLS).with_headers(headers))
}
