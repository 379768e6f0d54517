//! The verdict on something that is verified: valid, or refused with a code and a reason.

use ably_auth_core::ErrorCode;
use serde_json::json;

use crate::draw::printable;
use crate::output::Outcome;

/// A code and a reason.
pub(crate) type Refused = (ErrorCode, String);

/// Returns the code and the reason of an error.
#[allow(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub(crate) fn refused(error: ably_auth_core::Error) -> Refused {
    (error.ably_code(), printable(&error.to_string()))
}

/// Returns the outcome for something that is refused.
pub(crate) fn not_valid((code, reason): Refused) -> Outcome {
    let json = json!({ "valid": false, "code": code.as_u32(), "reason": reason });
    Outcome::no(format!("not valid: {reason}"), &json)
}
