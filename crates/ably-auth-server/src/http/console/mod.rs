//! The console: a page at `/console` that shows what the service decides and why, and the API that the page uses.

pub(crate) mod access;
mod actions;
mod connections;
mod faults;
mod inspect;
mod keys;
mod log;
mod overview;
mod page;
mod sandbox;
mod snippets;
mod stream;
mod visit;

use http::Method;

use super::call::Call;
use super::console_path::{Mode, api_path};
use super::format::Format;
use super::reply::Reply;
use super::route;
use crate::ops::metrics::Endpoint;
use crate::refusal::Refusal;
use visit::Visit;

/// Returns the response to a refused request, in the format of the console.
pub(super) fn error_reply(call: &Call<'_>, refusal: &Refusal) -> Reply {
    Reply::error(refusal, Format::Json, &call.request_id).with_headers(page::HEADERS)
}

/// Answers a request to the console.
pub(super) async fn dispatch(call: &Call<'_>, mode: Mode) -> Result<(Endpoint, Reply), Refusal> {
    let visit = Visit { call, mode };
    access::check_origin(&visit)?;
    let path = call.parts.uri.path();
    let Some(path) = api_path(path) else {
        return Ok((Endpoint::Console, page::answer(call)?));
    };
    let segments: Vec<_> = path.splitn(5, '/').map(route::decode).collect::<Result<_, _>>()?;
    let segments: Vec<&str> = segments.iter().map(|segment| &**segment).collect();
    let methods = methods(mode, &segments);
    if methods.is_empty() {
        return Err(route::not_found());
    }
    if call.parts.method == Method::OPTIONS {
        return Ok((Endpoint::Console, Reply::options(methods).with_headers(page::HEADERS)));
    }
    if mode == Mode::Admin {
        access::check_token(call)?;
    }
    call.note(|notes| notes.actor = Some("console".to_owned()));
    let reply = answer(&visit, &segments, methods).await?;
    Ok((Endpoint::Console, reply.with_headers(page::HEADERS)))
}

/// Returns the methods that a path of the API accepts; an empty text if there is no such path.
fn methods(mode: Mode, segments: &[&str]) -> &'static str {
    match segments {
        ["overview" | "connections"] | ["log", _] => "GET, HEAD, OPTIONS",
        ["log"] => "GET, HEAD, DELETE, OPTIONS",
        ["inspect" | "intersect" | "revocations"] | ["connections", _, "end" | "revoke"] => "POST, OPTIONS",
        _ if mode == Mode::Admin => "",
        ["keys", _] => "GET, HEAD, OPTIONS",
        ["keys", _, "reveal" | "rotate"] | ["tokens" | "reset" | "clock"] => "POST, OPTIONS",
        ["faults"] => "PUT, DELETE, OPTIONS",
        _ => "",
    }
}

async fn answer(visit: &Visit<'_>, segments: &[&str], methods: &'static str) -> Result<Reply, Refusal> {
    let method = &visit.call.parts.method;
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    match (method.as_str(), segments) {
        ("GET", ["overview"]) => overview::answer(visit),
        ("GET", ["log"]) => log::list(visit),
        ("DELETE", ["log"]) => log::clear(visit),
        ("GET", ["log", "stream"]) => stream::answer(visit),
        ("GET", ["log", seq]) => log::story(visit, seq),
        ("POST", ["inspect"]) => inspect::answer(visit).await,
        ("POST", ["intersect"]) => inspect::intersect(visit),
        ("GET", ["connections"]) => connections::list(visit).await,
        ("POST", ["connections", id, "end"]) => connections::end(visit, id),
        ("POST", ["connections", id, "revoke"]) => connections::revoke(visit, id).await,
        ("POST", ["revocations"]) => actions::revoke(visit).await,
        ("GET", ["keys", name]) => keys::answer(visit, name, false),
        ("POST", ["keys", name, "reveal"]) => {
            visit.empty_body()?;
            keys::answer(visit, name, true)
        }
        ("POST", ["keys", name, "rotate"]) => keys::rotate(visit, name).await,
        ("POST", ["tokens"]) => actions::issue(visit).await,
        ("POST", ["reset"]) => sandbox::reset(visit),
        ("POST", ["clock"]) => sandbox::move_clock(visit),
        ("PUT", ["faults"]) => faults::set(visit),
        ("DELETE", ["faults"]) => faults::clear(visit),
        _ => Err(Refusal::method_not_allowed(methods)),
    }
}
