//! Token requests: the holder of a key signs one, a client exchanges it for a token, and the service verifies it.

mod sign;

#[cfg(feature = "serde")]
mod field;
#[cfg(feature = "alloc")]
mod params;
#[cfg(feature = "serde")]
mod plain;
#[cfg(feature = "alloc")]
mod request;
#[cfg(feature = "alloc")]
mod verify;
#[cfg(feature = "serde")]
mod wire;

#[cfg(feature = "alloc")]
pub use {params::TokenParams, request::TokenRequest, verify::VerifiedTokenRequest};

use core::fmt;

use crate::credentials::Mac;
use crate::error::{Error, ErrorKind};
use crate::text::Decimal;
use crate::text::json_writer::{BufferedWriter, Json, Slice};
use crate::time::{Timestamp, Ttl};

/// The values of a token request that its mac covers, borrowed from the caller.
///
/// ```
/// use ably_auth_core::{ApiKeyRef, Timestamp, TokenRequestFields, Ttl};
///
/// let key = ApiKeyRef::parse("app.key:secret")?;
/// let mac = key.signer().sign(&TokenRequestFields {
///     key_name: key.key_name(),
///     ttl: Some(Ttl::DEFAULT),
///     capability: Some(r#"{"chat":["publish"]}"#),
///     client_id: Some("bob"),
///     timestamp: Timestamp::from_millis(1_449_746_287_318),
///     nonce: "9000000830710428",
/// })?;
/// assert_eq!(core::str::from_utf8(&mac.to_base64()), Ok("1Py5dJH1mtXW66Y+iir+xpFoaGctRBlbINNQffAC2P0="));
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TokenRequestFields<'a> {
    /// The name of the signing key, `appId.keyId`.
    pub key_name: &'a str,
    /// The requested lifetime. `None` requests the service's default (`RSA5`).
    pub ttl: Option<Ttl>,
    /// The requested capability, as canonical JSON text. `None` requests the capability of the key (`RSA6`).
    pub capability: Option<&'a str>,
    /// The requested identity, `*` for any.
    pub client_id: Option<&'a str>,
    /// The time of the request.
    pub timestamp: Timestamp,
    /// A random text of at least 16 characters.
    pub nonce: &'a str,
}

impl TokenRequestFields<'_> {
    /// Writes the JSON of the signed request to `out`, with the fields in the order of the wire.
    ///
    /// ```
    /// # use ably_auth_core::{ApiKeyRef, Timestamp, TokenRequestFields};
    /// # let key = ApiKeyRef::parse("app.key:secret")?;
    /// # let fields = TokenRequestFields {
    /// #     key_name: key.key_name(), ttl: None, capability: None, client_id: Some("bob"),
    /// #     timestamp: Timestamp::from_millis(1_449_746_287_318), nonce: "9000000830710428",
    /// # };
    /// let mac = key.signer().sign(&fields)?;
    /// let mut buffer = [0; 256];
    /// let json = fields.json_into(&mac, &mut buffer)?;
    /// assert!(json.starts_with(r#"{"keyName":"app.key","clientId":"bob","timestamp":1449746287318,"nonce":"#));
    /// # Ok::<(), ably_auth_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns the error of `out`.
    pub fn write_json(&self, mac: &Mac, out: &mut (impl fmt::Write + ?Sized)) -> fmt::Result {
        self.write_json_with(&mac.to_base64(), out)
    }

    /// Does the same as [`write_json`](Self::write_json) for the text of a mac, which has no escapes.
    fn write_json_with(&self, mac: &[u8], out: &mut (impl fmt::Write + ?Sized)) -> fmt::Result {
        let mut json = BufferedWriter::new(out);
        self.write(mac, &mut json);
        json.finish()
    }

    /// Writes the JSON of the signed request into `buffer` and returns it as text, like
    /// [`write_json`](Self::write_json).
    ///
    /// # Errors
    /// [`ErrorKind::Buffer`], with [the bytes it needs](Error::needed_bytes), if the buffer is too small.
    pub fn json_into<'b>(&self, mac: &Mac, buffer: &'b mut [u8]) -> Result<&'b str, Error> {
        self.json_into_with(&mac.to_base64(), buffer)
    }

    fn json_into_with<'b>(&self, mac: &[u8], buffer: &'b mut [u8]) -> Result<&'b str, Error> {
        let mut json = Slice::new(buffer);
        self.write(mac, &mut json);
        json.finish().map_err(Self::too_long)
    }

    const fn too_long(needed: usize) -> Error {
        let advice = "give a buffer of that size";
        Error::new(ErrorKind::Buffer, "buffer is too small for the token request", advice).needs(needed)
    }

    fn write(&self, mac: &[u8], json: &mut impl Json) {
        // Computed before the output, so that these bytes are in memory when they are copied. A copy right after
        // single-byte writes would stall.
        let ttl = self.ttl.map(|ttl| Decimal::new(ttl.as_millis()));
        let timestamp = Decimal::new(self.timestamp.as_millis());

        json.raw(b"{\"keyName\":");
        json.text(self.key_name);
        if let Some(ttl) = &ttl {
            json.raw(b",\"ttl\":");
            json.raw(ttl.as_bytes());
        }
        if let Some(capability) = self.capability {
            json.raw(b",\"capability\":");
            json.text_with_escapes(capability);
        }
        if let Some(client_id) = self.client_id {
            json.raw(b",\"clientId\":");
            json.text(client_id);
        }
        json.raw(b",\"timestamp\":");
        json.raw(timestamp.as_bytes());
        json.raw(b",\"nonce\":");
        json.text(self.nonce);
        json.raw(b",\"mac\":\"");
        json.raw(mac);
        json.raw(b"\"}");
    }
}
