//! The wire: a request is read, the policies are asked, and the answer is written. No policy is decided here.

mod apps;
mod call;
mod channels;
mod credentials;
mod format;
mod keys;
mod page;
mod reply;
mod route;
mod sandbox;

use std::net::SocketAddr;

use ably_auth_core::ErrorCode;
use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response, StatusCode};

use crate::refusal::Refusal;
use crate::service::State;
use call::Call;
use format::Format;
use reply::Reply;
use route::Route;

/// The largest body that is read.
pub(crate) const MAX_BODY_BYTES: usize = 64 * 1024;

/// Answers a request, whose body is none if it is larger than that. `local` is the address on which it came, if it came
/// over a socket.
pub(crate) fn respond(
    state: &State,
    parts: &Parts,
    body: Option<&Bytes>,
    local: Option<SocketAddr>,
) -> Response<Bytes> {
    let format = Format::accepted(&parts.headers);
    let reply = match body {
        Some(body) if body.len() <= MAX_BODY_BYTES => dispatch(&Call::new(state, parts, body, format, local)),
        _ => Err(Refusal::new(ErrorCode::BODY_TOO_LARGE, "the body is over 64 KiB; send less in one request")),
    };
    reply.unwrap_or_else(|refusal| Reply::refusing(&refusal, format)).into_response()
}

fn dispatch(call: &Call<'_>) -> Result<Reply, Refusal> {
    if call.state.sandbox {
        sandbox::check(call)?;
    }
    // Whoever asks for the head alone gets it: hyper leaves the body out.
    let asked = if call.parts.method == Method::HEAD { &Method::GET } else { &call.parts.method };
    let is = |method: Method| *asked == method;
    match Route::of(call.parts.uri.path(), call.state.sandbox)? {
        Route::Time if is(Method::GET) => call.reply(StatusCode::OK, &[call.now]),
        Route::RequestToken(key) if is(Method::POST) => keys::request_token(call, &key),
        Route::RevokeTokens(key) if is(Method::POST) => keys::revoke_tokens(call, &key),
        Route::Channel(name) if is(Method::GET) => channels::status(call, &name),
        Route::Messages(name) if is(Method::GET) => channels::history(call, &name),
        Route::Messages(name) if is(Method::POST) => channels::publish(call, &name),
        Route::Stats if is(Method::GET) => channels::stats(call),
        Route::Apps if is(Method::POST) => apps::create(call),
        Route::App(app_id) if is(Method::DELETE) => apps::delete(call, &app_id),
        route => {
            let methods = route.methods();
            let message = format!("the path does not take this method; use {methods}");
            Err(Refusal::new(ErrorCode::METHOD_NOT_ALLOWED, message).with_allow(methods))
        }
    }
}
