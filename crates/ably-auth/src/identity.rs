//! Checks the identity of tokens.

use ably_auth_core::{ClientId, ErrorCode, Identity, TokenDetails};

use crate::error::Error;

/// Refuses a token of another identity than the client's (`RSA15`). A token without an identity is allowed, and so is a
/// token of `*`, which permits any identity.
pub(crate) fn check(identity: Option<&Identity>, token: &TokenDetails) -> Result<(), Error> {
    match (identity, token.client_id()) {
        (Some(identity), ClientId::Identified(of_token)) if identity != of_token => Err(Error::with_code(
            ErrorCode::INCOMPATIBLE_CREDENTIALS,
            format!(
                "incompatible clientId: the client has `{identity}`, but the token has `{of_token}`; use a token of \
                 the client's clientId"
            ),
        )),
        _ => Ok(()),
    }
}
