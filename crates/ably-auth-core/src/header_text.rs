//! Credentials as the headers of a request carry them.

use alloc::string::String;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use crate::client_id::Identity;
use crate::error::{Error, ErrorKind};
use crate::key::ApiKey;
use crate::secret::Token;

/// Padded or not: senders differ.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The text of which that is the base64, in either of its two alphabets.
fn decode(text: &str) -> Option<Zeroizing<String>> {
    let standard = Zeroizing::new(text.replace('-', "+").replace('_', "/"));
    String::from_utf8(BASE64.decode(&*standard).ok()?).ok().map(Zeroizing::new)
}

impl ApiKey {
    /// Reads a key as it stands behind `Authorization: Basic`: in base64, with or without its padding (`RSA11`).
    ///
    /// ```
    /// let key = ably_auth_core::ApiKey::from_basic("YXBwLmtleTpzZWNyZXQ=")?;
    /// assert_eq!(key.key_name().as_str(), "app.key");
    /// # Ok::<(), ably_auth_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Key`] if it is not base64, or what it decodes to is no key.
    pub fn from_basic(text: &str) -> Result<Self, Error> {
        let unfit = || {
            Error::new(
                ErrorKind::Key,
                "what follows `Basic` is not the base64 of a key",
                "encode the whole key as it is",
            )
        };
        Self::parse(&decode(text).ok_or_else(unfit)?)
    }
}

impl Token {
    /// Reads a token as it stands behind `Authorization: Bearer`: as it is, or in base64, of which some SDKs make use.
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
    /// [`ErrorKind::Token`] if it is neither.
    pub fn from_bearer(text: &str) -> Result<Self, Error> {
        // A token has a `.`, and base64 has none.
        if text.contains('.') {
            return Self::new(text);
        }
        let unfit = || {
            let advice = "pass on the token exactly as it was issued";
            Error::new(ErrorKind::Token, "token has no `.` and is not the base64 of one", advice)
        };
        Self::new(&decode(text).ok_or_else(unfit)?)
    }
}

impl Identity {
    /// Reads an identity as the `X-Ably-ClientId` header carries it: in base64, with or without its padding (`RSA7e2`).
    ///
    /// ```
    /// let bob = ably_auth_core::Identity::from_base64("Ym9i")?;
    /// assert_eq!(bob.as_str(), "bob");
    /// # Ok::<(), ably_auth_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::ClientId`] if it is not base64, or as [`new`](Self::new).
    pub fn from_base64(text: &str) -> Result<Self, Error> {
        let unfit = || {
            let advice = "encode it, or leave the header out";
            Error::new(ErrorKind::ClientId, "X-Ably-ClientId is not the base64 of a clientId", advice)
        };
        Self::new(&decode(text).ok_or_else(unfit)?)
    }
}
