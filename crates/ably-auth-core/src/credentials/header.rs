//! Credentials in the form that request headers carry.

use alloc::string::String;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use crate::credentials::{ApiKey, Identity, Token};
use crate::error::{Error, ErrorKind};

/// Accepts base64 with and without padding, because senders differ.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Decodes base64 in the standard or in the URL-safe alphabet.
fn decode(text: &str) -> Option<Zeroizing<String>> {
    let standard = Zeroizing::new(text.replace('-', "+").replace('_', "/"));
    String::from_utf8(BASE64.decode(&*standard).ok()?).ok().map(Zeroizing::new)
}

impl ApiKey {
    /// Parses the credentials of `Authorization: Basic`: a key in base64, with or without padding (`RSA11`).
    ///
    /// ```
    /// let key = ably_auth_core::ApiKey::from_basic("YXBwLmtleTpzZWNyZXQ=")?;
    /// assert_eq!(key.key_name().as_str(), "app.key");
    /// # Ok::<(), ably_auth_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Key`] if it is not base64, or the decoded text is not a key.
    pub fn from_basic(text: &str) -> Result<Self, Error> {
        let invalid = || {
            Error::new(ErrorKind::Key, "the text after `Basic` is not a key in base64", "encode the whole key as it is")
        };
        Self::parse(&decode(text).ok_or_else(invalid)?)
    }
}

impl Token {
    /// Parses the credentials of `Authorization: Bearer`: a token as it is, or in base64, which some SDKs send.
    ///
    /// ```
    /// use ably_auth_core::Token;
    ///
    /// let token = Token::from_bearer("xVLyHw.Dtxd9tuz")?;
    /// assert_eq!(Token::from_bearer("eFZMeUh3LkR0eGQ5dHV6")?, token);
    /// # Ok::<(), ably_auth_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Token`] if it is neither a token nor the base64 of a token.
    pub fn from_bearer(text: &str) -> Result<Self, Error> {
        // Every token has a `.`, which is not in the base64 alphabet.
        if text.contains('.') {
            return Self::new(text);
        }
        let invalid = || {
            let advice = "pass on the token exactly as it was issued";
            Error::new(ErrorKind::Token, "token has no `.` and is not a token in base64", advice)
        };
        Self::new(&decode(text).ok_or_else(invalid)?)
    }
}

impl Identity {
    /// Parses the `X-Ably-ClientId` header: an identity in base64, with or without padding (`RSA7e2`).
    ///
    /// ```
    /// let bob = ably_auth_core::Identity::from_base64("Ym9i")?;
    /// assert_eq!(bob.as_str(), "bob");
    /// # Ok::<(), ably_auth_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::ClientId`] if it is not base64, or the decoded text is not a valid identity for [`new`](Self::new).
    pub fn from_base64(text: &str) -> Result<Self, Error> {
        let invalid = || {
            let advice = "encode it, or leave the header out";
            Error::new(ErrorKind::ClientId, "X-Ably-ClientId is not a clientId in base64", advice)
        };
        Self::new(&decode(text).ok_or_else(invalid)?)
    }
}
