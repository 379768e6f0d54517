//! HMAC-SHA-256 over the canonical text of a token request.

use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::KeyInit as _;
use hmac::block_api::HmacCore;
use hmac::digest::block_api::{Block, Buffer, FixedOutputCore as _, UpdateCore as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::canonical::{CanonicalText, Decimal};
use crate::client_id;
use crate::error::{Error, ErrorKind};
use crate::json_text::{BufferedWriter, Json, Slice};
use crate::key;
use crate::nonce;
use crate::time::{Timestamp, Ttl};

/// The block size of SHA-256 in bytes, to which HMAC pads its key.
pub(crate) const BLOCK_BYTES: usize = 64;

type HmacBlock = Block<HmacCore<Sha256>>;
type HmacBuffer = Buffer<HmacCore<Sha256>>;

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
        let mut json = Slice::new(buffer);
        self.write(mac, &mut json);
        json.finish().map_err(Self::too_long)
    }

    pub(crate) const fn too_long(needed: usize) -> Error {
        let advice = "give a buffer of that size";
        Error::new(ErrorKind::Buffer, "buffer is too small for the token request", advice).needs(needed)
    }

    fn write(&self, mac: &Mac, json: &mut impl Json) {
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
        json.raw(&mac.to_base64());
        json.raw(b"\"}");
    }
}

/// A key's secret, prepared to sign many requests.
///
/// Signing allocates nothing. The prepared secret is wiped when it is dropped.
///
/// ```
/// use ably_auth_core::{ApiKeyRef, Timestamp, TokenRequestFields};
///
/// let key = ApiKeyRef::parse("app.key:secret")?;
/// let signer = key.signer();
/// let of_nonce = |nonce| TokenRequestFields {
///     key_name: key.key_name(),
///     ttl: None,
///     capability: None,
///     client_id: None,
///     timestamp: Timestamp::from_millis(1_767_225_600_000),
///     nonce,
/// };
/// let macs = [signer.sign(&of_nonce("9000000830710428"))?, signer.sign(&of_nonce("9000000830710429"))?];
/// assert_ne!(macs[0].to_base64(), macs[1].to_base64());
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Signer {
    hmac: HmacCore<Sha256>,
    #[cfg(feature = "alloc")]
    prefix: Option<HmacPrefix>,
}

/// The first block of a text, and the hash state after it.
#[cfg(feature = "alloc")]
#[derive(Clone)]
struct HmacPrefix {
    block: [u8; BLOCK_BYTES],
    hmac: HmacCore<Sha256>,
}

impl Signer {
    /// Prepares a secret, given as the bytes in the key.
    pub(crate) fn new(secret: &[u8]) -> Self {
        // The key padding of HMAC (RFC 2104). The library's function returns an error that cannot happen, so it is not
        // used.
        let mut block = Zeroizing::new([0; BLOCK_BYTES]);
        match block.get_mut(..secret.len()) {
            Some(start) => start.copy_from_slice(secret),
            None => block.iter_mut().zip(Sha256::digest(secret)).for_each(|(byte, hashed)| *byte = hashed),
        }
        Self {
            hmac: HmacCore::new((&*block).into()),
            #[cfg(feature = "alloc")]
            prefix: None,
        }
    }

    /// Prepares the first block of texts that begin the same way. Each such text is signed with one block less to hash.
    #[cfg(feature = "alloc")]
    pub(crate) fn with_prefix(mut self, block: Option<[u8; BLOCK_BYTES]>) -> Self {
        self.prefix = block.map(|block| {
            let mut hmac = self.hmac.clone();
            hmac.update_blocks(&[block.into()]);
            HmacPrefix { block, hmac }
        });
        self
    }

    /// Signs the values of a token request.
    ///
    /// # Errors
    /// [`ErrorKind::Key`], [`ErrorKind::ClientId`] or [`ErrorKind::Nonce`] if the key name, the clientId or the nonce
    /// is invalid.
    pub fn sign(&self, fields: &TokenRequestFields<'_>) -> Result<Mac, Error> {
        key::check_name(fields.key_name)?;
        if let Some(client_id) = fields.client_id {
            client_id::check(client_id)?;
        }
        nonce::check(fields.nonce)?;
        Ok(self.sign_checked(fields))
    }

    /// Does the same as [`sign`](Self::sign) for values that are known to be valid.
    #[inline]
    pub(crate) fn sign_checked(&self, fields: &TokenRequestFields<'_>) -> Mac {
        let ttl = fields.ttl.map(|ttl| Decimal::new(ttl.as_millis()));
        let timestamp = Decimal::new(fields.timestamp.as_millis());
        self.mac(&CanonicalText {
            key_name: fields.key_name,
            ttl: ttl.as_ref().map_or(b"", Decimal::as_bytes),
            capability: fields.capability.unwrap_or_default(),
            client_id: fields.client_id.unwrap_or_default(),
            timestamp: timestamp.as_bytes(),
            nonce: fields.nonce,
        })
    }

    /// Checks the mac of these values, in constant time.
    ///
    /// # Errors
    /// [`ErrorKind::Mac`] if it is not the mac of this key for these values; otherwise the errors of [`Signer::sign`].
    pub fn verify(&self, fields: &TokenRequestFields<'_>, mac: &Mac) -> Result<(), Error> {
        if self.sign(fields)? == *mac { Ok(()) } else { Err(Mac::mismatch()) }
    }

    /// Returns the HMAC of any bytes, such as the signature of a JWT.
    pub(crate) fn hmac(&self, bytes: &[u8]) -> [u8; 32] {
        let (mut hmac, bytes) = self.begin(bytes);
        let (blocks, rest) = HmacBlock::slice_as_chunks(bytes);
        hmac.update_blocks(blocks);
        let mut mac = Default::default();
        hmac.finalize_fixed_core(&mut HmacBuffer::new(rest), &mut mac);
        mac.into()
    }

    #[cfg(feature = "alloc")]
    fn begin<'b>(&self, bytes: &'b [u8]) -> (HmacCore<Sha256>, &'b [u8]) {
        if let (Some(prefix), Some((block, rest))) = (&self.prefix, bytes.split_first_chunk()) {
            if *block == prefix.block {
                return (prefix.hmac.clone(), rest);
            }
        }
        (self.hmac.clone(), bytes)
    }

    #[cfg(not(feature = "alloc"))]
    fn begin<'b>(&self, bytes: &'b [u8]) -> (HmacCore<Sha256>, &'b [u8]) {
        (self.hmac.clone(), bytes)
    }

    #[inline]
    pub(crate) fn mac(&self, text: &CanonicalText<'_>) -> Mac {
        let (mut hmac, mut buffer) = (self.hmac.clone(), HmacBuffer::default());
        text.feed(|piece| update(&mut hmac, &mut buffer, piece));
        let mut mac = Default::default();
        hmac.finalize_fixed_core(&mut buffer, &mut mac);
        Mac(mac.into())
    }
}

/// Hashes one piece of text. It is not inlined, because each copy would take a quarter of a kilobyte of firmware.
#[inline(never)]
fn update(hmac: &mut HmacCore<Sha256>, buffer: &mut HmacBuffer, piece: &[u8]) {
    buffer.digest_blocks(piece, |blocks| hmac.update_blocks(blocks));
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer([redacted])")
    }
}

/// The signature of a token request: 32 bytes, on the wire as padded standard base64.
///
/// Anyone who has a signed request can exchange it for a token, so `Debug` does not show the mac.
#[derive(Clone, Copy)]
pub struct Mac([u8; 32]);

impl Mac {
    /// The length of the base64 text of a mac in bytes.
    pub const BASE64_LEN: usize = 44;

    /// Parses the base64 text on the wire.
    ///
    /// # Errors
    /// [`ErrorKind::Mac`] if it is not 32 bytes in standard base64 with padding.
    pub fn from_base64(text: &str) -> Result<Self, Error> {
        let mut bytes = [0; 33];
        match STANDARD.decode_slice(text, &mut bytes) {
            Ok(32) => {
                let [mac @ .., _] = bytes;
                Ok(Self(mac))
            }
            _ => Err(Error::new(ErrorKind::Mac, "mac is not 32 bytes in base64", Self::ADVICE)),
        }
    }

    /// Returns the base64 text on the wire, as ASCII bytes.
    #[must_use]
    pub fn to_base64(&self) -> [u8; Self::BASE64_LEN] {
        let mut text = [0; Self::BASE64_LEN];
        // 32 bytes always make 44 characters, so the slice is never too short.
        let _ = STANDARD.encode_slice(self.0, &mut text);
        text
    }

    const ADVICE: &'static str = "sign the request, unchanged, with the secret of the key that it names";

    pub(crate) const fn mismatch() -> Error {
        Error::new(ErrorKind::Mac, "mac does not match the token request", Self::ADVICE)
    }
}

impl PartialEq for Mac {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Mac {}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mac([redacted])")
    }
}
