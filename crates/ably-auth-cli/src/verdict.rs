//! The result of a verification: valid, or refused with a code and a reason.

use ably_auth_core::ErrorCode;
use serde_json::json;

use crate::draw::printable;
use crate::output::Outcome;

/// The error code and the reason of a refusal.
pub(crate) type Refused = (ErrorCode, String);

/// Returns the code of an error, and its message as the reason.
#[allow(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub(crate) fn refused(error: ably_auth_core::Error) -> Refused {
    (error.ably_code(), printable(&error.to_string()))
}

/// Returns the negative outcome for a refused credential.
pub(crate) fn not_valid((code, reason): Refused) -> Outcome {
    let json = json!({ "valid": false, "code": code.as_u32(), "reason": reason });
    Outcome::no(format!("not valid: {reason}"), &json)
}
