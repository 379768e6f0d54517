//! The story of a request: the credential, the checks that it passed, the one that it failed, and what to do.
//!
//! The evidence is gathered when a request is refused, because it needs the credential, which the journal does not keep.
//! Everything else is read from the journal when the console shows the story.

mod checks;
mod clocks;
mod evidence;
mod facts;
mod jwt;
mod signatures;

use ably_auth_core::{Capability, Timestamp};
use ably_auth_inspect::{Legend, Life, Matrix};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::journal::row::{CredentialFacts, CredentialKind, Entry, IssuedFacts};
use crate::state::State;
pub(crate) use evidence::{Asked, Refused};
pub(crate) use facts::{credential_text, is_secret, limited, named_key, shown};
pub(crate) use signatures::explain_mac;

/// Returns the story of the entry with the number `seq` as JSON. Life bars show the time `now`.
pub(crate) fn story(state: &State, entry: &Entry<'_>, seq: u64, now: Timestamp) -> Value {
    let details = entry.details();
    let row: Map<String, Value> = serde_json::from_str(entry.row(seq).get()).unwrap_or_default();
    let evidence: Map<String, Value> =
        details.evidence.and_then(|text| serde_json::from_str(text.get()).ok()).unwrap_or_default();
    let mut story = Map::new();
    story.insert("checks".into(), checks::list(&row, &details.checks, &evidence));
    if let Some(reason) = row.get("reason").and_then(Value::as_str) {
        let (reason, advice) = reason.split_once("; ").map_or((reason, None), |(why, advice)| (why, Some(advice)));
        story.insert("reason".into(), reason.into());
        story.insert("advice".into(), advice.into());
    }
    if let Some(credential) = details.credential.and_then(read::<CredentialFacts<'_>>) {
        story.insert("credential".into(), report(&credential, now));
    }
    if let Some(issued) = details.issued.and_then(read::<IssuedFacts<'_>>) {
        story.insert("issued".into(), report(&issued.token, now));
        story.insert("matrix".into(), issued_matrix(state, issued.asked.as_deref(), &issued.token));
    }
    if let Some(nonce) = evidence.get("replayed").and_then(Value::as_str) {
        let key = row.get("key").and_then(Value::as_str).unwrap_or_default();
        let first = state.journal.as_ref().and_then(|journal| journal.first_use(key, nonce));
        let (at, seq) = first.unzip();
        story.insert("replay".into(), json!({ "firstUsed": at, "seq": seq }));
    }
    story.insert("row".into(), row.into());
    story.extend(evidence);
    refresh_life(&mut story, now);
    Value::Object(story)
}

fn read<'a, T: Deserialize<'a>>(json: &'a RawValue) -> Option<T> {
    serde_json::from_str(json.get()).ok()
}

/// Reports on a credential that was accepted, in the form of the reports on pasted ones.
pub(crate) fn report(facts: &CredentialFacts<'_>, now: Timestamp) -> Value {
    let (kind, title) = match facts.kind {
        CredentialKind::Key => ("key", "API key"),
        CredentialKind::Token => ("token", "Ably token"),
        CredentialKind::Jwt => ("jwt", "JWT"),
    };
    let fact = |name: &str, label: &str, value: &str| json!({ "name": name, "label": label, "value": value });
    let mut list = vec![fact("keyName", "key name", facts.key.as_str()), fact("appId", "app id", facts.key.app_id())];
    list.extend(facts.client_id.as_deref().map(|client_id| fact("clientId", "client id", client_id)));
    let capability = Capability::parse_lenient(&facts.capability).ok();
    json!({
        "kind": kind,
        "title": title,
        "facts": list,
        "life": facts.validity.map(|(issued, expires)| Life::new(issued, expires, now)),
        "capability": facts.capability,
        "matrix": capability.as_ref().map(Matrix::of),
        "problems": [],
    })
}

/// Compares the capability that was asked for with the key's.
fn issued_matrix(state: &State, asked: Option<&str>, issued: &CredentialFacts<'_>) -> Value {
    let Ok((_, key)) = state.registry.key(&issued.key) else {
        return Value::Null;
    };
    // A long capability is not kept whole, and cannot be compared.
    let Ok(asked) = asked.map(Capability::parse_lenient).transpose() else {
        return Value::Null;
    };
    // A token request without a capability asks for all rights of the key.
    let asked = asked.as_ref().unwrap_or_else(|| key.capability());
    json!({ "title": "What was asked for, and what the key has", "matrix": Matrix::compared(asked, key.capability(), &Legend::KEY) })
}

/// Moves the life bars to the time `now`.
fn refresh_life(story: &mut Map<String, Value>, now: Timestamp) {
    for member in ["credential", "issued"] {
        let Some(life) = story.get_mut(member).and_then(|report| report.get_mut("life")) else { continue };
        let at = |name: &str| life.get(name).and_then(Value::as_u64).map(Timestamp::from_millis);
        if let (Some(issued), Some(expires)) = (at("issued"), at("expires")) {
            *life = json!(Life::new(issued, expires, now));
        }
    }
}
