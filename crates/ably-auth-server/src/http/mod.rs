//! The wire: a request is read, the policies are asked, and the answer is written. No policy is decided here.

mod apps;
mod call;
mod channels;
mod control;
mod cors;
mod credentials;
mod format;
mod keys;
mod page;
mod reply;
mod route;
mod sandbox;

use ably_auth_core::ErrorCode;
use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response, StatusCode};

use crate::refusal::Refusal;
use crate::service::Arrival;
use crate::state::State;
use call::Call;
use reply::Reply;
use route::Route;

/// The largest body that is read.
pub(crate) const MAX_BODY_BYTES: usize = 64 * 1024;

/// Answers a request, whose body is none if it is larger than that.
pub(crate) async fn respond(
    state: &State,
    parts: &Parts,
    body: Option<&Bytes>,
    arrival: Option<Arrival>,
) -> Response<Bytes> {
    let call = Call::new(state, parts, body, arrival);
    let is_control = control::has(&call);
    let reply = match admit(&call) {
        Err(refusal) => Err(refusal),
        Ok(()) if is_control => control::dispatch(&call).await,
        Ok(()) => dispatch(&call).await,
    };
    let reply = reply.unwrap_or_else(|refusal| {
        if is_control { control::refusing(&refusal) } else { Reply::refusing(&refusal, call.format, &call.request_id) }
    });
    let mut response = reply.into_response(&call.request_id);
    cors::add(state.sandbox, parts, response.headers_mut());
    response
}

/// Refuses what no path takes.
fn admit(call: &Call<'_>) -> Result<(), Refusal> {
    if call.state.sandbox {
        sandbox::check(call)?;
    }
    call.body.map(|_| ()).ok_or_else(too_large)
}

async fn dispatch(call: &Call<'_>) -> Result<Reply, Refusal> {
    // Whoever asks for the head alone gets it: hyper leaves the body out.
    let asked = if call.parts.method == Method::HEAD { &Method::GET } else { &call.parts.method };
    let is = |method: Method| *asked == method;
    match Route::of(call.parts.uri.path(), call.state.sandbox)? {
        route if is(Method::OPTIONS) => Ok(Reply::options(route.methods())),
        Route::Time if is(Method::GET) => call.reply(StatusCode::OK, &[call.now]),
        Route::RequestToken(key) if is(Method::POST) => keys::request_token(call, &key).await,
        Route::RevokeTokens(key) if is(Method::POST) => keys::revoke_tokens(call, &key).await,
        Route::Channel(name) if is(Method::GET) => channels::status(call, &name).await,
        Route::Messages(name) if is(Method::GET) => channels::history(call, &name).await,
        Route::Messages(name) if is(Method::POST) => channels::publish(call, &name).await,
        Route::Channels if is(Method::GET) => channels::list(call).await,
        Route::Stats if is(Method::GET) => channels::stats(call).await,
        Route::Apps if is(Method::POST) => apps::create(call).await,
        Route::App(app_id) if is(Method::DELETE) => apps::delete(call, &app_id).await,
        route => Err(Refusal::method_not_allowed(route.methods())),
    }
}

fn too_large() -> Refusal {
    Refusal::new(ErrorCode::BODY_TOO_LARGE, "the body is over 64 KiB; send less in one request")
}
