//! The realtime connections: what they do and may do, and the end of one.

use std::time::Duration;

use ably_auth_core::{ErrorCode, TokenRevocationResult};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::actions;
use super::overview::show_capability;
use super::visit::Visit;
use crate::http::call::Call;
use crate::http::format::Format;
use crate::http::keys;
use crate::http::reply::Reply;
use crate::live::inquiry::Description;
use crate::policy::revoke::Revocation;
use crate::refusal::Refusal;

/// The maximum number of connections in the list.
const MAX_LISTED: usize = 500;

/// The time for which connections may take to describe themselves. The others are left out.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);

/// The size in bytes above which the list leaves out the capabilities and channels of further connections.
const MAX_DETAILS: usize = 2 * 1024 * 1024;

pub(super) async fn list(visit: &Visit<'_>) -> Result<Reply, Refusal> {
    let (total, _) = visit.call.state.connections.counts();
    let mut found = ask(visit.call, None).await;
    found.sort_unstable_by_key(|found| std::cmp::Reverse(found.number));
    let mut room = MAX_DETAILS;
    let connections: Vec<_> = found.iter().map(|found| show(found, &mut room)).collect();
    Reply::new(StatusCode::OK, &json!({ "total": total, "connections": connections }), Format::Json)
}

/// Asks the newest connections, or the one with that id, to describe themselves.
async fn ask(call: &Call<'_>, id: Option<&str>) -> Vec<Description> {
    let Some(console) = &call.state.console else {
        return Vec::new();
    };
    // A connection answers one question at a time.
    let _guard = console.inquiry.lock().await;
    let (asked, mut answers) = call.state.connections.ask(id, MAX_LISTED);
    let mut found = Vec::new();
    // Connections exist only on a runtime, but a caller without a socket may poll this elsewhere.
    if asked > 0 && Handle::try_current().is_ok() {
        let receive = async {
            while let Some(description) = answers.recv().await {
                found.push(description);
            }
        };
        // Those that have not answered in time are busy.
        let _ = timeout(ANSWER_TIMEOUT, receive).await;
    }
    found
}

fn show(found: &Description, room: &mut usize) -> Value {
    let mut shown = json!({
        "id": found.id,
        "key": found.key,
        "clientId": found.client_id,
        "credential": found.credential,
        "opened": found.opened,
        "issued": found.validity.map(|(issued, _)| issued),
        "expires": found.validity.map(|(_, expires)| expires),
        "promptAt": found.prompt_at,
        "prompted": found.is_prompted,
    });
    let names = found.channels.iter().chain(&found.presence);
    let names = names.fold(0_usize, |size, name| size.saturating_add(name.len()).saturating_add(4));
    let Some(members) = shown.as_object_mut() else {
        return shown;
    };
    if let Some(left) = room.checked_sub(names) {
        *room = left;
        members.insert("channels".into(), json!(found.channels));
        members.insert("presence".into(), json!(found.presence));
    }
    if let Some((capability, matrix)) = show_capability(&found.capability, room) {
        members.insert("capability".into(), capability.into());
        members.insert("matrix".into(), matrix);
    }
    shown
}

pub(super) fn end(visit: &Visit<'_>, id: &str) -> Result<Reply, Refusal> {
    visit.empty_body()?;
    if visit.call.state.connections.end(id) { Ok(Reply::empty()) } else { Err(unknown()) }
}

/// Revokes the token of a connection, by the attribute that concerns the fewest other tokens.
pub(super) async fn revoke(visit: &Visit<'_>, id: &str) -> Result<Reply, Refusal> {
    visit.empty_body()?;
    let call = visit.call;
    let found = ask(call, Some(id)).await.pop().ok_or_else(unknown)?;
    let target = found.target.map_err(|problem| Refusal::new(ErrorCode::BAD_REQUEST, problem))?;
    let principal = actions::holder(visit, found.key.as_str()).await?;
    let revocation = Revocation { targets: vec![target], issued_before: None, with_margin: false };
    let done = keys::revoke(call, &principal, revocation).await?;
    match done.results.into_iter().next() {
        Some(TokenRevocationResult::Success(done)) => {
            let shown = json!({ "target": done.target.as_str(), "revokedBefore": done.issued_before });
            Reply::new(StatusCode::OK, &shown, Format::Json)
        }
        Some(TokenRevocationResult::Failure(failed)) => Err(Refusal::new(failed.error.code(), failed.error.message())),
        None => Err(Refusal::internal()),
    }
}

fn unknown() -> Refusal {
    let message = "no such connection is open; reload the list of connections";
    Refusal::new(ErrorCode::NOT_FOUND, message)
}
