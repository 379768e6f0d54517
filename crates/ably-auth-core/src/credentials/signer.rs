//! HMAC-SHA-256 with a key's secret.

use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::KeyInit as _;
use hmac::block_api::HmacCore;
use hmac::digest::Output;
use hmac::digest::block_api::{Block, Buffer, CoreProxy, FixedOutputCore as _, UpdateCore as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind};
use crate::text::base64url;

/// The block size of SHA-256 in bytes, to which HMAC pads its key.
pub(crate) const BLOCK_BYTES: usize = 64;

type HashCore = <Sha256 as CoreProxy>::Core;
type HmacBlock = Block<HmacCore<Sha256>>;
type HmacBuffer = Buffer<HmacCore<Sha256>>;

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
            None => block.iter_mut().zip(hash(secret)).for_each(|(byte, hashed)| *byte = hashed),
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

    /// Returns the HMAC of any bytes, such as the signature of a JWT.
    pub(crate) fn hmac(&self, bytes: &[u8]) -> [u8; 32] {
        let (mut hmac, bytes) = self.begin(bytes);
        let (blocks, rest) = HmacBlock::slice_as_chunks(bytes);
        hmac.update_blocks(blocks);
        let mut mac = Default::default();
        hmac.finalize_fixed_core(&mut HmacBuffer::new(rest), &mut mac);
        mac.into()
    }

    /// Starts the HMAC of a text that comes in pieces.
    #[inline]
    pub(crate) fn piecewise(&self) -> PiecewiseHmac {
        PiecewiseHmac { hmac: self.hmac.clone(), buffer: HmacBuffer::default() }
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
}

/// Returns the hash of a secret that is longer than a block. The functions for blocks are those that HMAC uses too;
/// with `Sha256::digest`, firmware would contain a second way to collect blocks.
fn hash(secret: &[u8]) -> Output<HashCore> {
    let mut hash = HashCore::default();
    let (blocks, rest) = Block::<HashCore>::slice_as_chunks(secret);
    hash.update_blocks(blocks);
    let mut hashed = Default::default();
    hash.finalize_fixed_core(&mut Buffer::<HashCore>::new(rest), &mut hashed);
    hashed
}

/// The HMAC of a text that comes in pieces.
pub(crate) struct PiecewiseHmac {
    hmac: HmacCore<Sha256>,
    buffer: HmacBuffer,
}

impl PiecewiseHmac {
    /// Hashes one piece. It is not inlined, because each copy would take a quarter of a kilobyte of firmware.
    #[inline(never)]
    pub(crate) fn update(&mut self, piece: &[u8]) {
        self.buffer.digest_blocks(piece, |blocks| self.hmac.update_blocks(blocks));
    }

    #[inline]
    pub(crate) fn finish(mut self) -> Mac {
        let mut mac = Default::default();
        self.hmac.finalize_fixed_core(&mut self.buffer, &mut mac);
        Mac(mac.into())
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer([redacted])")
    }
}

/// The signature of a token request: 32 bytes, on the wire as padded standard base64.
///
/// Anyone who has a signed request can exchange it for a token, so `Debug` does not show the mac.
///
/// ```
/// use ably_auth_core::Mac;
///
/// let mac = Mac::from_base64("SVt6d9F8Xgpf3kO+Nstlr68xI063cRpg4anDbcSQ+yE=")?;
/// assert!(mac.to_base64().starts_with(b"SVt6"));
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
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
        // Zeros first: filling the array with `=` would add another function to firmware.
        let mut text = [0; Self::BASE64_LEN];
        let (characters, padding) = text.split_at_mut(base64url::SIGNATURE_LEN);
        characters.copy_from_slice(&base64url::encoded_hmac(&self.0, base64url::STANDARD));
        padding.copy_from_slice(b"=");
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

#[cfg(all(test, feature = "std"))]
mod tests;
