//! The overview: the service, and its apps and keys without their secrets.

use ably_auth_inspect::Matrix;
use http::StatusCode;
use http::header::HOST;
use serde::Serialize;
use serde_json::{Value, json};

use super::faults;
use super::visit::Visit;
use crate::apps::Key;
use crate::http::call::Call;
use crate::http::console_path::Mode;
use crate::http::format::Format;
use crate::http::reply::Reply;
use crate::refusal::Refusal;
use crate::state::emulation::Back;
use crate::state::registry::RunningApp;

/// The size in bytes above which the overview leaves out the capabilities of further keys.
const MAX_CAPABILITIES: usize = 1024 * 1024;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Overview<'a> {
    service: Value,
    apps: Vec<ShownApp<'a>>,
    faults: Option<Value>,
}

#[derive(Serialize)]
struct ShownApp<'a> {
    id: &'a str,
    name: &'a str,
    keys: Vec<Value>,
}

pub(super) fn answer(visit: &Visit<'_>) -> Result<Reply, Refusal> {
    let Visit { call, mode } = visit;
    let mut running = call.state.registry.all();
    running.sort_unstable_by(|one, other| one.app.id().cmp(other.app.id()));
    let mut room = MAX_CAPABILITIES;
    let apps = running.iter().map(|running| show_app(running, &mut room)).collect();
    let faults = call.state.back().and_then(|back| back.faults.pending()).map(faults::describe);
    let overview = Overview { service: service(call, *mode), apps, faults };
    Reply::new(StatusCode::OK, &overview, Format::Json)
}

fn service(call: &Call<'_>, mode: Mode) -> Value {
    let back = call.state.back();
    let mut can = match mode {
        Mode::Sandbox => vec!["reveal", "issue", "revoke", "rotate", "end"],
        Mode::Admin => vec!["revoke", "end"],
    };
    if let Some(back) = back.filter(|_| mode == Mode::Sandbox) {
        if back.recipe().is_some() {
            can.extend(["reset", "clock"]);
        }
        can.push("faults");
    }
    let journal = call.state.journal.as_ref().map(|journal| {
        let (rows, bytes) = journal.usage();
        json!({ "rows": rows, "bytes": bytes, "maxBytes": journal.max_bytes(), "leftOut": journal.admission.left_out() })
    });
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "now": call.now,
        "url": (mode == Mode::Sandbox).then(|| url(call)),
        "mode": mode.name(),
        "clockAheadMs": back.map_or(0, Back::ahead),
        "can": can,
        "connections": call.state.connections.counts().0,
        "journal": journal,
    })
}

/// Returns the base URL under which the client reached the service.
pub(super) fn url(call: &Call<'_>) -> String {
    let scheme = if call.is_tls() { "https" } else { "http" };
    let of_target = call.parts.uri.authority().map(http::uri::Authority::as_str);
    // A host may contain characters that a shell interprets, and the examples contain it.
    let is_plain = |host: &&str| {
        !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte))
    };
    let host = of_target.or_else(|| call.header(HOST.as_str())).filter(is_plain);
    format!("{scheme}://{}", host.unwrap_or("localhost"))
}

fn show_app<'a>(running: &'a RunningApp, room: &mut usize) -> ShownApp<'a> {
    let app = &running.app;
    ShownApp { id: app.id(), name: app.label(), keys: app.keys().map(|key| show_key(key, room)).collect() }
}

fn show_key(key: &Key, room: &mut usize) -> Value {
    let mut shown = json!({
        "name": key.name(),
        "label": key.label(),
        "enabled": key.is_enabled(),
        "expires": key.expires(),
        "revocableTokens": key.revocable_tokens(),
    });
    if let Some((capability, matrix)) = show_capability(key.capability(), room) {
        if let Some(members) = shown.as_object_mut() {
            members.insert("capability".into(), capability.into());
            members.insert("matrix".into(), matrix);
        }
    }
    shown
}

/// Returns a capability as text and as a matrix; `None` if there is no room for it.
pub(super) fn show_capability(capability: &ably_auth_core::Capability, room: &mut usize) -> Option<(String, Value)> {
    /// The bytes of a mark in a matrix, with its quotes and a comma.
    const MARK: usize = 16;
    let text = capability.to_string();
    let cells = capability.iter().count().saturating_mul(Matrix::MAX_OPERATIONS.min(text.len()));
    *room = room.checked_sub(text.len().saturating_add(cells.saturating_mul(MARK)))?;
    let matrix = serde_json::to_value(Matrix::of(capability)).ok()?;
    Some((text, matrix))
}
