//! The details of a token, as JSON.

use ably_auth::TokenDetails;

use crate::draw::printable;
use crate::output::{self, Failure, Outcome};

/// Prints a new token: its details, or the token alone.
pub(super) fn print(details: &TokenDetails, token_only: bool) -> Result<Outcome, Failure> {
    if token_only {
        return Ok(Outcome::text(printable(details.token().expose())));
    }
    Ok(Outcome::json(true, output::wire(details)?))
}

/// Parses TokenDetails. The error gives the place, but not the parser's message, which may quote the text.
pub(in crate::command) fn read(text: &str) -> Result<TokenDetails, String> {
    serde_json::from_str(text)
        .map_err(|error| format!("not the JSON of a token's details (line {} column {})", error.line(), error.column()))
}
