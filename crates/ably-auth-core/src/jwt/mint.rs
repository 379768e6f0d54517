//! A JWT for what a client asks of a token.

use alloc::string::ToString;

use super::fields::JwtFields;
use crate::error::Error;
use crate::key::{ApiKey, KeyName};
use crate::secret::Token;
use crate::signing::Signer;
use crate::time::{Timestamp, Ttl};
use crate::token_params::TokenParams;

/// Mints a JWT for what `params` ask: a token that needs no exchange.
///
/// Where the params have no ttl it lives for the hour that the service would give, and `now` serves where they have no
/// timestamp. A nonce has no place in a JWT. For claims beyond these see [`JwtFields`].
///
/// ```
/// use ably_auth_core::{ApiKey, ClientId, Timestamp, TokenParams, jwt};
///
/// let key = ApiKey::parse("app.key:secret")?;
/// let params = TokenParams::new().client_id(ClientId::parse("bob")?).capability(r#"{"chat":["publish"]}"#.parse()?);
/// let token = jwt::mint(&key, &params, Timestamp::from_millis(1_449_746_287_318))?;
/// assert_eq!(token.expose().split('.').count(), 3);
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
///
/// # Errors
/// As [`JwtFields::mint`].
pub fn mint(key: &ApiKey, params: &TokenParams, now: Timestamp) -> Result<Token, Error> {
    mint_with(&key.signer(), key.key_name(), params, now)
}

/// As [`mint`], with the keying already done: for whoever mints many.
///
/// # Errors
/// As [`mint`].
pub fn mint_with(signer: &Signer, key_name: &KeyName, params: &TokenParams, now: Timestamp) -> Result<Token, Error> {
    let capability = params.capability.as_ref().map(ToString::to_string);
    let issued = params.timestamp.unwrap_or(now);
    let fields = JwtFields {
        capability: capability.as_deref(),
        client_id: params.client_id.as_str(),
        ..JwtFields::new(key_name.as_str(), issued, params.ttl.unwrap_or(Ttl::DEFAULT))
    };
    fields.mint(signer)
}
