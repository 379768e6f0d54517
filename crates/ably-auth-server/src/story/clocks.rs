//! The clocks that a refusal compares.

use ably_auth_core::Timestamp;
use serde_json::{Value, json};

/// Compares a time that the sender wrote with the service's clock. `allowed_ms` is the difference that is tolerated.
pub(super) fn compare(label: &str, sent: Timestamp, now: Timestamp, allowed_ms: u64) -> Value {
    let difference = i128::from(sent.as_millis()).saturating_sub(i128::from(now.as_millis()));
    json!({
        "sender": { "label": label, "at": sent },
        "service": { "at": now },
        "differenceMs": i64::try_from(difference).unwrap_or(if difference < 0 { i64::MIN } else { i64::MAX }),
        "allowedMs": allowed_ms,
    })
}
