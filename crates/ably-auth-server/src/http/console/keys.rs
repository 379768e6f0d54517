//! A key with examples of its use, its secret, and its replacement.

use ably_auth_core::{ErrorCode, KeyName};
use http::StatusCode;
use serde_json::json;

use super::overview::url;
use super::snippets;
use super::visit::Visit;
use crate::apps::Key;
use crate::http::format::Format;
use crate::http::reply::Reply;
use crate::policy::control;
use crate::refusal::Refusal;

/// Shown in place of a secret.
const MASK: &str = "••••••";

/// Returns the key with that name.
pub(super) fn find(visit: &Visit<'_>, name: &str) -> Result<std::sync::Arc<Key>, Refusal> {
    let name = KeyName::parse(name)?;
    let (_, key) = visit.call.state.registry.key(&name).map_err(|refusal| {
        // The request needs no credential, so an unknown key is only a name that does not exist.
        Refusal::new(ErrorCode::NOT_FOUND, refusal.info().message())
    })?;
    Ok(key)
}

/// Returns the key with examples. They have its secret only if `is_revealed` is true.
pub(super) fn answer(visit: &Visit<'_>, name: &str, is_revealed: bool) -> Result<Reply, Refusal> {
    let key = find(visit, name)?;
    let secret = if is_revealed { key.api_key().secret().expose() } else { MASK };
    let text = format!("{}:{secret}", key.name());
    visit.call.note(|notes| notes.secrets = Some(is_revealed));
    let shown = json!({
        "name": key.name(),
        "key": text,
        "revealed": is_revealed,
        "snippets": snippets::all(&text, &url(visit.call)),
    });
    Reply::new(StatusCode::OK, &shown, Format::Json)
}

/// Replaces the key by a new one with the same rights, and revokes it.
pub(super) async fn rotate(visit: &Visit<'_>, name: &str) -> Result<Reply, Refusal> {
    visit.empty_body()?;
    let key = find(visit, name)?;
    let names = (key.name().app_id(), key.name().key_id());
    let new = control::rotate_key(visit.call.state, names, visit.call.now).await?;
    visit.call.note(|notes| notes.secrets = Some(true));
    let text = format!("{}:{}", new.name(), new.api_key().secret().expose());
    Reply::new(StatusCode::CREATED, &json!({ "name": new.name(), "key": text }), Format::Json)
}
