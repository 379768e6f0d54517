//! The explanation of wrong signatures. Causes are looked for in a sandbox only: in production, a cause would tell the
//! console's reader about the secrets of keys.

use ably_auth_core::{ApiKey, TokenRequest};
use ably_auth_inspect::{Cause, MacExplanation, jwt, mac};

use crate::apps::{App, Key};
use crate::state::State;

/// Explains the mac of a token request.
pub(crate) fn explain_mac(state: &State, request: &TokenRequest, app: &App, key: &Key) -> MacExplanation {
    if state.sandbox {
        mac::explain(request, key.api_key(), other_keys(app, key))
    } else {
        mac::canonical(request, key.api_key())
    }
}

/// Returns the cause of a JWT's wrong signature, if it is looked for.
pub(super) fn explain_jwt(state: &State, text: &str, app: &App, key: &Key) -> Option<Cause> {
    state.sandbox.then(|| jwt::explain_signature(text, key.api_key(), other_keys(app, key)))
}

/// Returns the other keys of an app, whose secrets a sender may have used by mistake.
fn other_keys<'a>(app: &'a App, key: &'a Key) -> impl Iterator<Item = &'a ApiKey> {
    app.keys().map(Key::api_key).filter(|other| other.key_name() != key.name())
}
