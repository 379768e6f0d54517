//! HTTP requests and responses: this module reads a request, calls the policies and writes the response. It decides no
//! policy.

mod about;
mod apps;
mod arrival;
mod batch;
mod call;
mod channels;
#[cfg(feature = "console")]
mod console;
#[cfg(feature = "console")]
pub(crate) mod console_path;
mod control;
mod cors;
#[cfg(feature = "sandbox")]
pub(crate) mod delivery;
mod format;
mod keys;
mod lists;
mod msgpack;
#[cfg(feature = "console")]
mod observations;
mod page;
#[cfg(feature = "console")]
mod recorder;
mod refusal_log;
mod reply;
mod request_labels;
pub(crate) mod request_log;
mod revocation_body;
mod route;
mod sandbox;
mod stats;
mod trail;
mod upgrade;

pub(crate) use arrival::Arrival;
#[cfg(feature = "console")]
pub(crate) use console::access::has_admin_token;

#[cfg(feature = "sandbox")]
use std::sync::Arc;

use ably_auth_core::ErrorCode;
use bytes::Bytes;
use http::request::Parts;
use http::{Method, StatusCode};

use crate::journal::checks::Check;
use crate::ops::metrics::Endpoint;
use crate::refusal::Refusal;
use crate::state::State;
#[cfg(feature = "sandbox")]
use crate::state::faults::InjectedFault;
use call::Call;
#[cfg(feature = "console")]
use console_path::Mode;
#[cfg(feature = "sandbox")]
use delivery::Delivery;
use reply::Reply;
use request_log::CompletedRequest;
use route::Route;

/// Answers a request. `body` is `None` if it is larger than the service accepts.
pub(crate) async fn respond(
    state: &State,
    parts: &Parts,
    body: Option<&Bytes>,
    arrival: Option<Arrival>,
) -> CompletedRequest {
    let call = Call::new(state, parts, body, arrival);
    let reply = match call.checks.record(Check::Accepted, admit(&call)) {
        Err(refusal) => Err(refusal),
        Ok(()) if control::is_control_request(&call) => {
            control::dispatch(&call).await.map(|reply| (Endpoint::Control, reply))
        }
        #[cfg(feature = "console")]
        // Boxed, so that the future of other requests is smaller.
        Ok(()) if call.console.is_some() => Box::pin(console::dispatch(&call, Mode::Sandbox)).await,
        Ok(()) => dispatch(&call).await,
    };
    finish(call, reply)
}

/// Answers a request to the console on the admin address.
#[cfg(feature = "console")]
pub(crate) async fn respond_admin(
    state: &State,
    parts: &Parts,
    body: Option<&Bytes>,
    arrival: Arrival,
) -> CompletedRequest {
    let call = Call::new_admin(state, parts, body, arrival);
    let reply = match call.body() {
        Ok(_) => console::dispatch(&call, Mode::Admin).await,
        Err(refusal) => Err(refusal),
    };
    finish(call, reply)
}

/// Answers a request with a refusal, without processing it.
pub(crate) fn refuse(state: &State, parts: &Parts, refusal: Refusal, arrival: Option<Arrival>) -> CompletedRequest {
    finish(Call::new(state, parts, None, arrival), Err(refusal))
}

fn finish(call: Call<'_>, reply: Result<(Endpoint, Reply), Refusal>) -> CompletedRequest {
    let (state, parts) = (call.state, call.parts);
    let is_of_console = is_console_request(&call);
    let (endpoint, reply) = match reply {
        Ok((endpoint, reply)) => match call.admit_answer(reply) {
            Ok(reply) => (endpoint, reply),
            Err(refusal) => (endpoint, refused(&call, &refusal).1),
        },
        Err(refusal) => refused(&call, &refusal),
    };
    #[cfg(feature = "console")]
    recorder::record(&call, &reply, endpoint);
    let code = reply.code;
    #[cfg(feature = "sandbox")]
    let delivery = call.delivery();
    let (request_id, key) = call.finish(code);
    let mut response = reply.into_response(&request_id);
    // A refusal has no stream.
    #[cfg(feature = "sandbox")]
    if let Some(delivery) = delivery.filter(|delivery| code.is_none() || !delivery.is_streamed()) {
        response.extensions_mut().insert(delivery);
    }
    if !is_of_console {
        cors::add(state, parts, response.headers_mut());
    }
    CompletedRequest { response, endpoint, code, request_id, key }
}

/// Logs a refusal, and returns the answer in the form of the API that was called.
fn refused(call: &Call<'_>, refusal: &Refusal) -> (Endpoint, Reply) {
    refusal_log::record(call, refusal.info());
    #[cfg(feature = "console")]
    call.observations.note_refusal(refusal);
    if control::is_control_request(call) {
        return (Endpoint::Control, control::error_reply(refusal));
    }
    #[cfg(feature = "console")]
    if is_console_request(call) {
        return (Endpoint::Console, console::error_reply(call, refusal));
    }
    let route = Route::of(call.parts.uri.path(), call.state.sandbox);
    let endpoint = route.map_or(Endpoint::Unknown, |route| route.endpoint());
    (endpoint, Reply::error(refusal, call.format, &call.request_id))
}

/// Returns true if the console answers the request.
fn is_console_request(call: &Call<'_>) -> bool {
    #[cfg(feature = "console")]
    return call.console.is_some();
    #[cfg(not(feature = "console"))]
    {
        let _ = call;
        false
    }
}

/// Performs the checks that apply to requests for any path.
fn admit(call: &Call<'_>) -> Result<(), Refusal> {
    if call.state.sandbox {
        sandbox::check(call)?;
        #[cfg(feature = "sandbox")]
        inject_fault(call)?;
    }
    // `/time` is served even if the clock is wrong: it only reports the clock.
    if call.parts.uri.path() != "/time" {
        call.state.check_clock(call.now)?;
    }
    call.body().map(|_| ())
}

/// Applies a fault that the sandbox injects into this request.
#[cfg(feature = "sandbox")]
fn inject_fault(call: &Call<'_>) -> Result<(), Refusal> {
    // A page cannot read why its preflight failed.
    let is_exempt = call.parts.method == Method::OPTIONS || is_console_request(call);
    let Some(back) = call.state.back().filter(|_| !is_exempt) else {
        return Ok(());
    };
    match back.faults.inject() {
        None => Ok(()),
        Some(InjectedFault::Refused(refusal)) => Err(refusal),
        Some(InjectedFault::Held(time, permit)) => {
            call.deliver(Delivery::Held(time, Arc::new(permit)));
            Ok(())
        }
        Some(InjectedFault::Dropped(refusal)) => {
            call.deliver(Delivery::Dropped);
            Err(refusal)
        }
    }
}

async fn dispatch(call: &Call<'_>) -> Result<(Endpoint, Reply), Refusal> {
    // A HEAD request is handled as GET; hyper leaves the body out.
    let method = if call.parts.method == Method::HEAD { &Method::GET } else { &call.parts.method };
    let is = |expected: Method| *method == expected;
    if upgrade::is_requested(call) {
        return Ok((Endpoint::Realtime, upgrade::answer(call)?));
    }
    let route = Route::of(call.parts.uri.path(), call.state.sandbox)?;
    let endpoint = route.endpoint();
    if route.is_channel_endpoint() && !call.state.channels {
        let message = "channels are not served here; start the service with `--channels true` to try them";
        return Err(Refusal::new(ErrorCode::NOT_FOUND, message));
    }
    let reply = match route {
        route if is(Method::OPTIONS) => Ok(Reply::options(route.methods(call.state.sandbox))),
        Route::Root if is(Method::GET) => about::answer(call),
        Route::Time if is(Method::GET) => call.reply(StatusCode::OK, &[call.now]),
        Route::RequestToken(key) if is(Method::POST) => keys::request_token(call, &key).await,
        Route::RequestToken(_) if is(Method::GET) => Err(about::get_not_served()),
        Route::RevokeTokens(key) if is(Method::POST) => keys::revoke_tokens(call, &key).await,
        Route::Channel(channel) if is(Method::GET) => channels::status(call, &channel).await,
        Route::Messages(channel) if is(Method::GET) => channels::history(call, &channel, "messages").await,
        Route::History(channel) if is(Method::GET) => channels::history(call, &channel, "history").await,
        Route::Messages(channel) | Route::Publish(channel) if is(Method::POST) => {
            channels::publish(call, &channel).await
        }
        Route::Presence(channel) if is(Method::GET) => channels::presence(call, &channel).await,
        Route::PresenceHistory(channel) if is(Method::GET) => channels::presence_history(call, &channel).await,
        Route::Batch if is(Method::POST) => batch::publish(call).await,
        Route::Channels if is(Method::GET) => channels::list(call).await,
        Route::Stats if is(Method::GET) => stats::read(call).await,
        Route::Stats if is(Method::POST) && call.state.sandbox => stats::add(call).await,
        Route::Apps if is(Method::POST) => apps::create(call).await,
        Route::App(app_id) if is(Method::DELETE) => apps::delete(call, &app_id).await,
        route => Err(Refusal::method_not_allowed(route.methods(call.state.sandbox))),
    };
    reply.map(|reply| (endpoint, reply))
}
