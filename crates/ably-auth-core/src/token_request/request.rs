//! Token requests as owned values.

use alloc::string::{String, ToString as _};
use core::fmt;

use crate::credentials::{ApiKey, KeyName, Nonce, Signer};
use crate::error::Error;
use crate::text::is_all_plain;
use crate::time::{Integer, Timestamp, Ttl};
use crate::token_request::{TokenParams, TokenRequestFields};

/// A signed request for a token. Its holder can exchange it once (`TE1`).
///
/// A received request keeps its original text, because its mac covers that text. Call [`verify`](Self::verify) before
/// you use any of its values. `Debug` does not show the mac.
///
/// ```
/// use ably_auth_core::{ApiKey, Nonce, Timestamp, TokenParams, TokenRequest};
///
/// let key = ApiKey::parse("app.key:secret")?;
/// let params = TokenParams::new().client_id("bob");
/// let now = Timestamp::from_millis(1_449_746_287_318);
/// let request = TokenRequest::sign(&key, &params, now, Nonce::parse("9000000830710428")?)?;
///
/// assert_eq!(request.key_name(), "app.key");
/// assert!(request.verify(&key).is_ok());
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
pub struct TokenRequest {
    pub(super) key_name: String,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub(super) ttl: Option<Integer>,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub(super) capability: Option<String>,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub(super) client_id: Option<String>,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub(super) timestamp: Option<Integer>,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub(super) nonce: Option<String>,
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub(super) mac: Option<String>,
    #[cfg(feature = "serde")]
    #[serde(flatten)]
    pub(super) other: crate::text::OtherFields,
}

impl TokenRequest {
    /// Signs a request for a token with `params` (`RSA9`).
    ///
    /// Uses `now` and `nonce` if `params` has no timestamp or no nonce (`RSA9c`, `RSA9d`). Does not fill in a missing
    /// ttl or capability (`RSA5`, `RSA6`).
    ///
    /// # Errors
    /// Returns the error of [`TokenParams::check`].
    pub fn sign(key: &ApiKey, params: &TokenParams, now: Timestamp, nonce: Nonce) -> Result<Self, Error> {
        Self::sign_with(&key.single_use_signer(), key.key_name(), params, now, nonce)
    }

    /// Does the same as [`sign`](Self::sign) with an existing signer, which is faster for many requests.
    ///
    /// # Errors
    /// Returns the same errors as [`sign`](Self::sign).
    pub fn sign_with(
        signer: &Signer,
        key_name: &KeyName,
        params: &TokenParams,
        now: Timestamp,
        nonce: Nonce,
    ) -> Result<Self, Error> {
        params.check()?;
        let timestamp = params.get_timestamp().unwrap_or(now);
        let nonce = params.get_nonce().cloned().unwrap_or(nonce);
        let mac = signer.sign_checked(&TokenRequestFields {
            key_name: key_name.as_str(),
            ttl: params.get_ttl(),
            capability: params.capability_text(),
            client_id: params.get_client_id().as_str(),
            timestamp,
            nonce: nonce.as_str(),
        });
        Ok(Self {
            key_name: key_name.as_str().into(),
            ttl: params.get_ttl().map(|ttl| Integer::Millis(ttl.as_millis())),
            capability: params.capability_text().map(Into::into),
            client_id: params.get_client_id().as_str().map(Into::into),
            timestamp: Some(Integer::Millis(timestamp.as_millis())),
            nonce: Some(nonce.into_string()),
            mac: Some(core::str::from_utf8(&mac.to_base64()).unwrap_or_default().into()),
            #[cfg(feature = "serde")]
            other: crate::text::OtherFields::new(),
        })
    }

    /// Returns the name of the key that the request claims to be signed with.
    #[must_use]
    pub fn key_name(&self) -> &str {
        &self.key_name
    }

    /// Returns true if the request has a mac. An unsigned request is valid only with Basic authentication.
    #[must_use]
    pub const fn is_signed(&self) -> bool {
        self.mac.is_some()
    }

    /// Writes the request's JSON to `out`. The text is the same as with serde, but this needs no serde.
    ///
    /// ```
    /// use ably_auth_core::{ApiKey, Nonce, Timestamp, TokenParams, TokenRequest};
    ///
    /// let key = ApiKey::parse("app.key:secret")?;
    /// let now = Timestamp::from_millis(1_449_746_287_318);
    /// let request = TokenRequest::sign(&key, &TokenParams::new(), now, Nonce::parse("9000000830710428")?)?;
    /// let mut json = String::new();
    /// request.write_json(&mut json).expect("a string takes any text");
    /// assert!(json.starts_with(r#"{"keyName":"app.key","timestamp":1449746287318,"nonce":"9000000830710428","mac":""#));
    /// # Ok::<(), ably_auth_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the error of `out`.
    pub fn write_json(&self, out: &mut (impl fmt::Write + ?Sized)) -> fmt::Result {
        match self.as_fields() {
            Some((fields, mac)) => fields.write_json_with(mac, out),
            #[cfg(feature = "serde")]
            None => out.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?),
            // Without serde, no request is received from outside, so each one was signed here.
            #[cfg(not(feature = "serde"))]
            None => Err(fmt::Error),
        }
    }

    /// Writes the request's JSON into `buffer` and returns it as text, like [`write_json`](Self::write_json).
    ///
    /// # Errors
    /// [`ErrorKind::Buffer`](crate::ErrorKind::Buffer), with [the bytes it needs](Error::needed_bytes), if the buffer is too small.
    pub fn json_into<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b str, Error> {
        if let Some((fields, mac)) = self.as_fields() {
            return fields.json_into_with(mac, buffer);
        }
        let mut json = String::new();
        // A write to a string cannot fail.
        let _ = self.write_json(&mut json);
        let room = buffer.get_mut(..json.len()).ok_or_else(|| TokenRequestFields::too_long(json.len()))?;
        room.copy_from_slice(json.as_bytes());
        Ok(core::str::from_utf8(room).unwrap_or_default())
    }

    /// Returns the values and the text of the mac, or `None` if the request is not as [`sign`](Self::sign) makes it: a
    /// value in another form, a missing value or an unknown field.
    fn as_fields(&self) -> Option<(TokenRequestFields<'_>, &[u8])> {
        #[cfg(feature = "serde")]
        if !self.other.is_empty() {
            return None;
        }
        let ttl = match &self.ttl {
            None => None,
            Some(ttl) => Some(Ttl::from_millis(ttl.as_integer()?).ok()?),
        };
        let fields = TokenRequestFields {
            key_name: &self.key_name,
            ttl,
            capability: self.capability.as_deref(),
            client_id: self.client_id.as_deref(),
            timestamp: Timestamp::from_millis(self.timestamp.as_ref()?.as_integer()?),
            nonce: self.nonce.as_deref()?,
        };
        let mac = self.mac.as_deref().filter(|mac| is_all_plain(mac))?;
        Some((fields, mac.as_bytes()))
    }
}

impl fmt::Debug for TokenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Some senders put the whole key into `keyName`.
        let key_name = KeyName::parse(&self.key_name).map_or("[not the name of a key]".into(), |name| name.to_string());
        f.debug_struct("TokenRequest")
            .field("key_name", &key_name)
            .field("ttl", &self.ttl.as_ref().and_then(Integer::as_millis))
            .field("capability", &self.capability)
            .field("client_id", &self.client_id)
            .field("timestamp", &self.timestamp.as_ref().and_then(Integer::as_millis))
            .field("mac", &self.mac.as_ref().map(|_| format_args!("[redacted]")))
            .finish_non_exhaustive()
    }
}
