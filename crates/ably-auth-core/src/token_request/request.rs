//! Token requests as owned values.

use alloc::string::{String, ToString as _};
use core::fmt;

use crate::capability::Capability;
use crate::credentials::{ApiKey, ClientId, KeyName, Mac, Nonce, Signer, client_id, nonce};
use crate::error::{Error, ErrorKind};
use crate::text::canonical::CanonicalText;
use crate::time::{Integer, Timestamp, Ttl};
use crate::token_request::{TokenParams, TokenRequestFields};

/// The ttl in milliseconds that some SDKs sign if the request has none, as the oldest specification says.
const OMITTED_TTL: &str = "3600000";

/// The maximum total bytes of capability, clientId and nonce for which a mac over another form than the sent one is
/// accepted. A longer request with a wrong mac is refused after one mac computation instead of up to four.
const MAX_ALTERNATIVE_BYTES: usize = 4 * 1024;

/// A signed request for a token. Its holder can exchange it once (`TE1`).
///
/// A received request keeps its original text, because its mac covers that text. Call [`verify`](Self::verify) before
/// you use any of its values. `Debug` does not show the mac.
///
/// ```
/// use ably_auth_core::{ApiKey, ClientId, Nonce, Timestamp, TokenParams, TokenRequest};
///
/// let key = ApiKey::parse("app.key:secret")?;
/// let params = TokenParams::new().client_id(ClientId::parse("bob")?);
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
    pub(super) other: crate::wire::OtherFields,
}

impl TokenRequest {
    /// Signs a request for a token with `params` (`RSA9`).
    ///
    /// Uses `now` and `nonce` if `params` has no timestamp or no nonce (`RSA9c`, `RSA9d`). Does not fill in a missing
    /// ttl or capability (`RSA5`, `RSA6`).
    ///
    /// # Errors
    /// None today: the types of the arguments exclude every invalid value.
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
        let capability = params.capability.as_ref().map(Capability::to_string);
        let timestamp = params.timestamp.unwrap_or(now);
        let nonce = params.nonce.clone().unwrap_or(nonce);
        let mac = signer.sign_checked(&TokenRequestFields {
            key_name: key_name.as_str(),
            ttl: params.ttl,
            capability: capability.as_deref(),
            client_id: params.client_id.as_str(),
            timestamp,
            nonce: nonce.as_str(),
        });
        Ok(Self {
            key_name: key_name.as_str().into(),
            ttl: params.ttl.map(|ttl| Integer::Millis(ttl.as_millis())),
            capability,
            client_id: params.client_id.as_str().map(Into::into),
            timestamp: Some(Integer::Millis(timestamp.as_millis())),
            nonce: Some(nonce.into_string()),
            mac: Some(core::str::from_utf8(&mac.to_base64()).unwrap_or_default().into()),
            #[cfg(feature = "serde")]
            other: crate::wire::OtherFields::new(),
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
            Some((fields, mac)) => fields.write_json(&mac, out),
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
    /// [`ErrorKind::Buffer`], with [the bytes it needs](Error::needed_bytes), if the buffer is too small.
    pub fn json_into<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b str, Error> {
        if let Some((fields, mac)) = self.as_fields() {
            return fields.json_into(&mac, buffer);
        }
        let mut json = String::new();
        // A write to a string cannot fail.
        let _ = self.write_json(&mut json);
        let room = buffer.get_mut(..json.len()).ok_or_else(|| TokenRequestFields::too_long(json.len()))?;
        room.copy_from_slice(json.as_bytes());
        Ok(core::str::from_utf8(room).unwrap_or_default())
    }

    /// Returns the values and the mac, or `None` if the request is not as [`sign`](Self::sign) makes it: a value in
    /// another form, a missing value or an unknown field.
    fn as_fields(&self) -> Option<(TokenRequestFields<'_>, Mac)> {
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
        Some((fields, Mac::from_base64(self.mac.as_deref()?).ok()?))
    }

    /// Checks the mac over the received text, in constant time.
    ///
    /// It also accepts what some peers sign instead of what they send: the canonical form of the capability, a ttl of
    /// one hour for an omitted ttl, and an empty ttl for 0. This applies if capability, clientId and nonce have at most
    /// 4 KiB together; a longer request must be signed as it is sent.
    ///
    /// # Errors
    /// - [`ErrorKind::TokenRequest`] if the request names a key other than `key`;
    /// - [`ErrorKind::ClientId`], [`ErrorKind::Nonce`], [`ErrorKind::Timestamp`] or [`ErrorKind::Ttl`] if a value is
    ///   missing or has a control character, which could give two different requests the same mac, or if a ttl or a
    ///   timestamp is longer than 32 bytes;
    /// - [`ErrorKind::Mac`] if there is no mac, or it is not the mac of `key` for these values.
    pub fn verify(&self, key: &ApiKey) -> Result<VerifiedTokenRequest<'_>, Error> {
        self.verify_with(&key.single_use_signer(), key.key_name())
    }

    /// Does the same as [`verify`](Self::verify) with an existing signer, which is faster for many requests.
    ///
    /// # Errors
    /// Returns the same errors as [`verify`](Self::verify).
    pub fn verify_with(&self, signer: &Signer, key_name: &KeyName) -> Result<VerifiedTokenRequest<'_>, Error> {
        self.check_key_name(key_name)?;
        let advice = "sign the request, or authenticate it with the key itself";
        let mac = self.mac.as_deref().ok_or(Error::new(ErrorKind::Mac, "token request has no mac", advice))?;
        let mac = Mac::from_base64(mac)?;
        client_id::check_sent(self.client_id.as_deref())?;
        let missing_nonce = Error::new(ErrorKind::Nonce, "token request has no nonce", "sign it with a random nonce");
        nonce::check(self.nonce.as_deref().ok_or(missing_nonce)?)?;
        let missing =
            || Error::new(ErrorKind::Timestamp, "token request has no timestamp", "sign it with the current time");
        let timestamp = self.timestamp.as_ref().ok_or_else(missing)?.to_text().ok_or_else(Self::invalid_timestamp)?;
        let ttl = self.ttl.as_ref().map(|ttl| ttl.to_text().ok_or(Ttl::out_of_range())).transpose()?;

        let [sent, client_id, nonce] =
            [&self.capability, &self.client_id, &self.nonce].map(|field| field.as_deref().unwrap_or_default());
        let is_signed = |ttl: &str, capability: &str| {
            let text = CanonicalText {
                key_name: &self.key_name,
                ttl: ttl.as_bytes(),
                capability,
                client_id,
                timestamp: timestamp.as_bytes(),
                nonce,
            };
            signer.mac(&text) == mac
        };
        let (ttl, other_ttl) = match ttl.as_deref() {
            None => ("", Some(OMITTED_TTL)),
            Some("0") => ("0", Some("")),
            Some(sent) => (sent, None),
        };
        let is_signed_with =
            |capability: &str| is_signed(ttl, capability) || other_ttl.is_some_and(|ttl| is_signed(ttl, capability));
        let bytes = [sent, client_id, nonce].iter().fold(0_usize, |sum, field| sum.saturating_add(field.len()));
        let is_genuine = if bytes > MAX_ALTERNATIVE_BYTES {
            is_signed(ttl, sent)
        } else {
            is_signed_with(sent)
                || Capability::parse_lenient(sent)
                    .map(|capability| capability.to_string())
                    .is_ok_and(|canonical| canonical != sent && is_signed_with(&canonical))
        };
        if is_genuine {
            return Ok(VerifiedTokenRequest(self));
        }
        Err(Mac::mismatch())
    }

    /// Accepts the request without checking its mac, because Basic authentication has already shown that the sender
    /// holds the key. The mac, the nonce and the timestamp may be missing.
    ///
    /// # Errors
    /// [`ErrorKind::TokenRequest`] if the request names another key; [`ErrorKind::ClientId`] or [`ErrorKind::Nonce`] if
    /// the clientId or the nonce is invalid.
    pub fn trust_key_holder(&self, key_name: &KeyName) -> Result<VerifiedTokenRequest<'_>, Error> {
        self.check_key_name(key_name)?;
        client_id::check_sent(self.client_id.as_deref())?;
        self.nonce.as_deref().map_or(Ok(()), nonce::check)?;
        Ok(VerifiedTokenRequest(self))
    }

    fn check_key_name(&self, key_name: &KeyName) -> Result<(), Error> {
        if self.key_name == key_name.as_str() {
            return Ok(());
        }
        let advice = "verify it with the key that its `keyName` names";
        Err(match KeyName::parse(&self.key_name) {
            Ok(other) => {
                Error::new(ErrorKind::TokenRequest, "token request names another key:", advice).input(other.as_str())
            }
            // The text is not shown, because some senders put the whole key into `keyName`.
            Err(_) => Error::new(ErrorKind::TokenRequest, "token request's `keyName` is not the name of a key", advice),
        })
    }

    fn invalid_timestamp() -> Error {
        let advice = "give whole milliseconds since the epoch";
        Error::new(ErrorKind::Timestamp, "timestamp is not a whole number of milliseconds", advice)
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

/// A token request that is unchanged since the holder of the key made it. Only [`TokenRequest::verify`] and
/// [`TokenRequest::trust_key_holder`] create one.
///
/// ```
/// use ably_auth_core::{ApiKey, ClientId, Nonce, Timestamp, TokenParams, TokenRequest};
///
/// let key = ApiKey::parse("app.key:secret")?;
/// let now = Timestamp::from_millis(1_449_746_287_318);
/// let params = TokenParams::new().client_id(ClientId::parse("bob")?);
/// let request = TokenRequest::sign(&key, &params, now, Nonce::parse("9000000830710428")?)?;
///
/// let verified = request.verify(&key)?; // with the key that `request.key_name()` names
/// assert!(verified.timestamp()?.is_some_and(|signed| signed.abs_diff(now) <= 120_000));
/// assert!(verified.client_id()?.permits("bob") && verified.capability()?.is_none());
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
///
/// The requested values may still be out of range. Each method checks its own value, so that a service can choose the
/// order of the checks and give no details to a sender that did not sign the request.
#[derive(Clone, Copy, Debug)]
pub struct VerifiedTokenRequest<'a>(&'a TokenRequest);

impl<'a> VerifiedTokenRequest<'a> {
    /// Returns the name of the key that signed the request.
    #[must_use]
    pub fn key_name(&self) -> &'a str {
        &self.0.key_name
    }

    /// Returns the requested lifetime.
    ///
    /// # Errors
    /// [`ErrorKind::Ttl`] if it is not a number, is 0 or negative, or is longer than 24 hours.
    pub fn ttl(&self) -> Result<Option<Ttl>, Error> {
        self.0.ttl.as_ref().map(|ttl| ttl.as_millis().ok_or(Ttl::out_of_range()).and_then(Ttl::from_millis)).transpose()
    }

    /// Returns the requested capability, parsed strictly as an issuer must. An empty text counts as no capability.
    ///
    /// # Errors
    /// Returns the same errors as [`Capability::parse_strict`].
    pub fn capability(&self) -> Result<Option<Capability>, Error> {
        self.capability_text().map(Capability::parse_strict).transpose()
    }

    /// Returns the text of the requested capability, as it was sent.
    #[must_use]
    pub fn capability_text(&self) -> Option<&'a str> {
        self.0.capability.as_deref().filter(|text| !text.is_empty())
    }

    /// Returns the requested identity. An empty clientId requests none: some peers send it for no clientId.
    ///
    /// # Errors
    /// [`ErrorKind::ClientId`] if the clientId has a control character.
    pub fn client_id(&self) -> Result<ClientId, Error> {
        self.0.client_id.as_deref().map_or(Ok(ClientId::None), ClientId::parse_sent)
    }

    /// Returns the time of signing. It can be `None` only with Basic authentication.
    ///
    /// # Errors
    /// [`ErrorKind::Timestamp`] if it is not a whole number of milliseconds.
    pub fn timestamp(&self) -> Result<Option<Timestamp>, Error> {
        let read =
            |sent: &Integer| sent.as_millis().map(Timestamp::from_millis).ok_or_else(TokenRequest::invalid_timestamp);
        self.0.timestamp.as_ref().map(read).transpose()
    }

    /// Returns the nonce. It can be `None` only with Basic authentication.
    #[must_use]
    pub fn nonce(&self) -> Option<&'a str> {
        self.0.nonce.as_deref()
    }
}
