//! Grants: the part of a requested capability that a credential permits.

use std::fmt::{self, Write};

use ably_auth_core::capability::{Entry, Work};
use ably_auth_core::{Capability, ErrorCode};

use crate::refusal::Refusal;

/// The maximum length, in bytes, of a granted capability's text. It applies only if the capability has more resources
/// than the request and the key together.
const MAX_GRANTED_BYTES: usize = 128 * 1024;

/// Returns the capability of a token: the part of the requested one that `has` permits (`RSA6`). Errors call the
/// credential with the capability `has` by the name `holder`.
pub(crate) fn grant(requested: Option<Capability>, has: &Capability, holder: &str) -> Result<Capability, Refusal> {
    let Some(requested) = requested else {
        let why = || nothing_in_common("", &format!("the {holder} permits nothing"));
        return if has.is_empty() { Err(why()) } else { Ok(has.clone()) };
    };
    let mut work = Work::steps(Work::PER_REQUEST);
    let Ok(mut granted) = has.intersect_within(&requested, &mut work) else {
        let message = format!(
            "invalid capability: it takes too much work to compare with the {holder}'s; ask for fewer resources or use wildcards"
        );
        return Err(Refusal::new(ErrorCode::BAD_REQUEST, message));
    };
    if let Some(filtered) = grant_filtered(has, &requested, &mut work) {
        for Entry { resource, operations } in &filtered {
            granted = granted.with(resource.as_str(), operations.clone())?;
        }
    }
    if !granted.is_empty() {
        if granted.len() > has.len().saturating_add(requested.len()) {
            check_length(&granted)?;
        }
        return Ok(granted);
    }
    let near = has.shares_resources_within(&requested, &mut work);
    let why = match (requested.is_empty(), has.is_empty(), near) {
        (true, ..) => "that permits nothing".into(),
        (_, true, _) => format!("the {holder} permits nothing"),
        (.., Ok(true)) => format!("the {holder} permits other operations on these resources"),
        (.., Ok(false)) => format!("the {holder} permits other resources"),
        (.., Err(_)) => format!("the {holder} permits none of these operations"),
    };
    Err(nothing_in_common(&requested.to_string(), &why))
}

/// Returns the part of the requested `[filter]` resources that the key permits. A key that permits an operation on a
/// channel also permits it through a filter.
fn grant_filtered(has: &Capability, requested: &Capability, work: &mut Work) -> Option<Capability> {
    const FILTERED: &str = "[filter]";
    let mut channels = Capability::none();
    for Entry { resource, operations } in requested {
        if let Some(channel) = resource.as_str().strip_prefix(FILTERED) {
            channels = channels.with(channel, operations.clone()).ok()?;
        }
    }
    if channels.is_empty() {
        return None;
    }
    let permitted = has.intersect_within(&channels, work).ok()?;
    permitted.iter().try_fold(Capability::none(), |granted, Entry { resource, operations }| {
        granted.with(&format!("{FILTERED}{resource}"), operations.clone()).ok()
    })
}

fn check_length(granted: &Capability) -> Result<(), Refusal> {
    struct Room(usize);

    impl Write for Room {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0 = self.0.checked_sub(text.len()).ok_or(fmt::Error)?;
            Ok(())
        }
    }

    write!(Room(MAX_GRANTED_BYTES), "{granted}").map_err(|_| {
        let message = "invalid capability: the granted part is longer than 128 KiB; ask for fewer resources or use \
                       wildcards";
        Refusal::new(ErrorCode::BAD_REQUEST, message)
    })
}

fn nothing_in_common(requested: &str, why: &str) -> Refusal {
    const MAX_CHARS: usize = 300;
    let shortened: String = requested.chars().take(MAX_CHARS).collect();
    let more = if shortened.len() < requested.len() { "…" } else { "" };
    let requested = if requested.is_empty() {
        "no capability was requested".into()
    } else {
        format!("`{shortened}{more}` was requested")
    };
    let message = format!("no capability is left: {requested}, and {why}; request what the key permits");
    Refusal::new(ErrorCode::CAPABILITY_REFUSED, message)
}
