//! Verification of token requests.

use alloc::string::ToString as _;

use super::request::TokenRequest;
use super::sign::CanonicalText;
use crate::capability::Capability;
use crate::credentials::{ApiKey, ClientId, KeyName, Mac, Signer, client_id, nonce};
use crate::error::{Error, ErrorKind};
use crate::time::{Integer, Timestamp, Ttl};

/// The ttl in milliseconds that some SDKs sign if the request has none, as the oldest specification says.
const OMITTED_TTL: &str = "3600000";

/// The maximum total bytes of capability, clientId and nonce for which a mac over another form than the sent one is
/// accepted. A longer request with a wrong mac is refused after one mac computation instead of up to four.
const MAX_ALTERNATIVE_BYTES: usize = 4 * 1024;

impl TokenRequest {
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
