//! The part of a requested capability that a credential permits.

use std::borrow::Cow;
use std::fmt::{self, Write};

use ably_auth_core::capability::{Entry, Work};
use ably_auth_core::{Capability, ErrorCode};

use crate::refusal::Refusal;

/// The maximum length, in bytes, of a granted capability's text. It applies only if the capability has more resources
/// than the request and the key together.
const MAX_GRANTED_BYTES: usize = 128 * 1024;

/// Returns the part of a requested capability that a credential permits (`RSA6`): `permitted`, or all of that if none is
/// requested. `holder` is the credential in the texts of refusals, for example `key`.
///
/// It is the intersection of both. In addition, who may use a channel may also use it through a `[filter]`.
///
/// ```
/// use std::borrow::Cow;
/// use ably_auth_backend::{Capability, limit_capability};
///
/// let of_key: Capability = r#"{"chat:*":["publish","subscribe"]}"#.parse()?;
/// let requested = r#"{"chat:a":["publish"],"secret":["*"]}"#.parse()?;
/// let granted = limit_capability(Some(&requested), &of_key, "key")?;
/// assert_eq!(granted.to_string(), r#"{"chat:a":["publish"]}"#);
/// assert!(matches!(limit_capability(None, &of_key, "key")?, Cow::Borrowed(_)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// - 40160 if nothing is left;
/// - 40000 if the comparison takes more than [`Work::PER_REQUEST`] steps, or the result is longer than 128 KiB.
pub fn limit_capability<'a>(
    requested: Option<&Capability>,
    permitted: &'a Capability,
    holder: &str,
) -> Result<Cow<'a, Capability>, Refusal> {
    let Some(requested) = requested else {
        let why = || nothing_in_common("", &format!("the {holder} permits nothing"));
        return if permitted.is_empty() { Err(why()) } else { Ok(Cow::Borrowed(permitted)) };
    };
    let mut work = Work::steps(Work::PER_REQUEST);
    let Ok(mut granted) = permitted.intersect_within(requested, &mut work) else {
        let message = format!(
            "invalid capability: it takes too much work to compare with the {holder}'s; ask for fewer resources or use wildcards"
        );
        return Err(Refusal::new(ErrorCode::BAD_REQUEST, message));
    };
    if let Some(filtered) = limit_filtered(requested, permitted, &mut work) {
        for Entry { resource, operations } in &filtered {
            granted = granted.with(resource.as_str(), operations.clone()).map_err(Refusal::invalid_input)?;
        }
    }
    if !granted.is_empty() {
        if granted.len() > permitted.len().saturating_add(requested.len()) {
            check_length(&granted)?;
        }
        return Ok(Cow::Owned(granted));
    }
    let near = permitted.shares_resources_within(requested, &mut work);
    let why = match (requested.is_empty(), permitted.is_empty(), near) {
        (true, ..) => "that permits nothing".into(),
        (_, true, _) => format!("the {holder} permits nothing"),
        (.., Ok(true)) => format!("the {holder} permits other operations on these resources"),
        (.., Ok(false)) => format!("the {holder} permits other resources"),
        (.., Err(_)) => format!("the {holder} permits none of these operations"),
    };
    Err(nothing_in_common(&requested.to_string(), &why))
}

/// Returns the part of the requested `[filter]` resources that the credential permits. A right to a channel is also one
/// to the channel through a filter.
fn limit_filtered(requested: &Capability, permitted: &Capability, work: &mut Work) -> Option<Capability> {
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
    let permitted = permitted.intersect_within(&channels, work).ok()?;
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
