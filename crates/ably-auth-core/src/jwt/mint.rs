//! Minting of JWTs from a key and token parameters.

use alloc::string::ToString;

use super::fields::{JwtFields, header_prefix};
use crate::credentials::{ApiKey, KeyName, Signer, Token};
use crate::error::Error;
use crate::time::{Timestamp, Ttl};
use crate::token_request::TokenParams;

impl ApiKey {
    /// Returns a signer with the HMAC key schedule already computed. It also has the hash state of the JWT header that
    /// every JWT of this key has.
    #[must_use]
    pub fn signer(&self) -> Signer {
        self.single_use_signer().with_prefix(header_prefix(self.key_name().as_str()))
    }
}

/// Mints a JWT with the properties in `params`. The token needs no exchange.
///
/// If `params` has no ttl, the JWT lives for one hour, the service's default. If it has no timestamp, `now` is used. A
/// nonce is ignored, because a JWT has none. For more claims, use [`JwtFields`].
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
/// Returns the same errors as [`JwtFields::mint`].
pub fn mint(key: &ApiKey, params: &TokenParams, now: Timestamp) -> Result<Token, Error> {
    mint_with(&key.signer(), key.key_name(), params, now)
}

/// Does the same as [`mint`] with an existing signer, which is faster for many JWTs.
///
/// # Errors
/// Returns the same errors as [`mint`].
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
