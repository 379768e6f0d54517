//! API keys.

use ably_auth_core::{ApiKey, Signer};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::failure::Failure;

/// A key with its signer. Its secret cannot be read.
#[wasm_bindgen]
pub struct SigningKey {
    pub(crate) key: ApiKey,
    pub(crate) signer: Signer,
}

#[wasm_bindgen]
impl SigningKey {
    /// Parses `appId.keyId:secret`.
    ///
    /// # Errors
    /// The error of core, which does not show the key.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let key = ApiKey::parse(text)?;
        Ok(Self { signer: key.signer(), key })
    }

    /// Returns `appId.keyId`.
    pub fn name(&self) -> String {
        self.key.key_name().to_string()
    }
}
