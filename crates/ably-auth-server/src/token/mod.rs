//! Sealed tokens: the service reads them without a lookup, and their holder cannot read them.
//!
//! A token is `appId.` and the URL-safe base64 of a version, a key id, a nonce, and a ciphertext of XChaCha20-Poly1305.
//! Each app has its own sealing key, derived from the service secret. Keys of earlier secrets still open tokens. The
//! version, the key id and the app id are authenticated with the ciphertext. The plaintext is padded to whole blocks,
//! so that a token's length reveals little about its capability.
//!
//! The plaintext is the token's claims. If these are too long for a header, it is a reference to claims in the store.

pub(crate) mod xchacha;

use std::fmt;
use std::sync::Arc;

use ably_auth_core::{Capability, ClientId, ErrorCode, KeyName, Timestamp, Token};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::refusal::Refusal;
use crate::token::xchacha::{Cipher, NONCE_BYTES};

const VERSION: u8 = 1;
const KEY_ID_BYTES: usize = 4;
const ID_BYTES: usize = 16;

/// The plaintext is padded to a multiple of this many bytes.
const BLOCK_BYTES: usize = 128;

/// The initial capacity of buffers, in bytes. Most tokens fit.
const TYPICAL_TOKEN_BYTES: usize = 512;

/// The first byte of a plaintext that holds claims.
const KIND_CLAIMS: u8 = 0;
/// The first byte of a plaintext that holds a reference.
const KIND_REFERENCE: u8 = 1;

/// The random bytes of a token: its nonce and its id.
pub(crate) struct Entropy {
    nonce: [u8; NONCE_BYTES],
    id: u128,
}

impl Entropy {
    pub(crate) fn new(bytes: [u8; NONCE_BYTES + ID_BYTES]) -> Self {
        let (mut nonce, mut id) = ([0; NONCE_BYTES], [0; ID_BYTES]);
        let (of_nonce, of_id) = bytes.split_at(NONCE_BYTES);
        nonce.copy_from_slice(of_nonce);
        id.copy_from_slice(of_id);
        Self { nonce, id: u128::from_le_bytes(id) }
    }
}

/// The claims of a token.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Claims {
    pub(crate) key_name: KeyName,
    pub(crate) issued: Timestamp,
    pub(crate) expires: Timestamp,
    pub(crate) client_id: ClientId,
    pub(crate) capability: Arc<Capability>,
}

/// The id under which a store has the claims of a token that are too long for a header.
///
/// ```
/// use ably_auth_server::store::Reference;
///
/// /// A store's row, from which expired claims are deleted in this order.
/// fn row(reference: Reference) -> (u64, u128) {
///     (reference.expires().as_millis(), reference.id())
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    pub(crate) expires: Timestamp,
    pub(crate) id: u128,
}

impl Reference {
    /// Returns when the token expires. The claims are not needed after that.
    #[must_use]
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }

    /// Returns the number that differs from those of all other references.
    #[must_use]
    pub const fn id(&self) -> u128 {
        self.id
    }

    pub(crate) fn new(expires: Timestamp, entropy: &Entropy) -> Self {
        Self { expires, id: entropy.id }
    }
}

/// The contents of a token.
#[derive(Debug, PartialEq)]
pub(crate) enum Opened {
    Claims(Claims),
    Reference(Reference),
}

/// The claims in their sealed form: without field names, because a token must be short enough for a header.
#[derive(Serialize, Deserialize)]
struct SealedClaims<'a> {
    key_id: &'a str,
    issued: u64,
    expires: u64,
    client_id: Option<&'a str>,
    capability: &'a str,
    /// Distinguishes two tokens with the same claims.
    id: u128,
}

/// Seals tokens of one app with the current key, and opens them with the current and earlier keys.
#[derive(Clone)]
pub(crate) struct Sealer {
    app_id: Box<str>,
    current: SealingKey,
    earlier: Vec<SealingKey>,
}

#[derive(Clone)]
struct SealingKey {
    id: [u8; KEY_ID_BYTES],
    cipher: Cipher,
    associated: Vec<u8>,
}

impl SealingKey {
    fn new(service_secret: &[u8; 32], app_id: &str) -> Result<Self, Refusal> {
        let derive = |purpose: &[u8], to: &mut [u8]| {
            let info = [purpose, app_id.as_bytes()].concat();
            Hkdf::<Sha256>::new(None, service_secret).expand(&info, to).map_err(|_| Refusal::internal())
        };
        let (mut key, mut id) = (Zeroizing::new([0; 32]), [0; KEY_ID_BYTES]);
        derive(b"ably-auth token seal ", &mut *key)?;
        derive(b"ably-auth token key id ", &mut id)?;
        let associated = [&[VERSION], &id[..], app_id.as_bytes()].concat();
        Ok(Self { id, cipher: Cipher::new(key), associated })
    }
}

impl Sealer {
    /// Creates the sealer of an app, from the current service secret and the earlier ones.
    pub(crate) fn new<'a>(
        current: &[u8; 32],
        earlier: impl IntoIterator<Item = &'a [u8; 32]>,
        app_id: &str,
    ) -> Result<Self, Refusal> {
        Ok(Self {
            app_id: app_id.into(),
            current: SealingKey::new(current, app_id)?,
            earlier: earlier.into_iter().map(|secret| SealingKey::new(secret, app_id)).collect::<Result<_, _>>()?,
        })
    }

    /// Seals the claims in a token, which may be too long for a header. `capability` is the text of their capability.
    pub(crate) fn seal(&self, claims: &Claims, capability: &str, entropy: &Entropy) -> Result<Token, Refusal> {
        let sealed = SealedClaims {
            key_id: claims.key_name.key_id(),
            issued: claims.issued.as_millis(),
            expires: claims.expires.as_millis(),
            client_id: claims.client_id.as_str(),
            capability,
            id: entropy.id,
        };
        self.seal_value(KIND_CLAIMS, &sealed, entropy)
    }

    /// Seals a reference to claims in the store.
    pub(crate) fn seal_reference(&self, reference: Reference, entropy: &Entropy) -> Result<Token, Refusal> {
        self.seal_value(KIND_REFERENCE, &(reference.expires.as_millis(), reference.id), entropy)
    }

    fn seal_value<T: Serialize>(&self, kind: u8, value: &T, entropy: &Entropy) -> Result<Token, Refusal> {
        let SealingKey { id, cipher, associated } = &self.current;
        let nonce = &entropy.nonce;
        // One buffer holds the readable header and, after it, the plaintext, which is encrypted in place.
        let mut raw = Vec::with_capacity(TYPICAL_TOKEN_BYTES);
        raw.push(VERSION);
        raw.extend_from_slice(id);
        raw.extend_from_slice(nonce);
        let header = raw.len();
        raw.push(kind);
        rmp_serde::encode::write(&mut raw, value).map_err(|_| Refusal::internal())?;
        let sealed = raw.len().saturating_sub(header).next_multiple_of(BLOCK_BYTES);
        raw.resize(header.saturating_add(sealed), 0);
        let text = raw.get_mut(header..).ok_or_else(Refusal::internal)?;
        let tag = cipher.seal(nonce, associated, text).map_err(|_| Refusal::internal())?;
        raw.extend_from_slice(&tag);
        let mut text = Vec::with_capacity(TYPICAL_TOKEN_BYTES);
        text.extend_from_slice(self.app_id.as_bytes());
        text.push(b'.');
        let start = text.len();
        text.resize(start.saturating_add(base64::encoded_len(raw.len(), false).unwrap_or_default()), 0);
        let room = text.get_mut(start..).ok_or_else(Refusal::internal)?;
        URL_SAFE_NO_PAD.encode_slice(&raw, room).map_err(|_| Refusal::internal())?;
        Token::new(std::str::from_utf8(&text).map_err(|_| Refusal::internal())?).map_err(|_| {
            let message = "the token would be longer than 128 KiB; ask for a smaller capability";
            Refusal::new(ErrorCode::BAD_REQUEST, message)
        })
    }

    pub(crate) fn open(&self, envelope: &Envelope<'_>) -> Result<Opened, Refusal> {
        let (_, sealed) = envelope.sealed.split_first().ok_or_else(malformed)?;
        let (id, sealed) = sealed.split_first_chunk::<KEY_ID_BYTES>().ok_or_else(malformed)?;
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or_else(malformed)?;
        let mut keys = std::iter::once(&self.current).chain(&self.earlier).filter(|key| key.id == *id);
        // Two keys can have the same id by chance. Opening overwrites the ciphertext, so each key gets a copy.
        let opened = keys.find_map(|key| {
            let mut sealed = sealed.to_vec();
            key.cipher.open(nonce, &key.associated, &mut sealed).ok().map(|opened| self.read(opened))
        });
        opened.flatten().ok_or_else(unrecognised)
    }

    /// Parses a plaintext. The padding after the value is ignored.
    fn read(&self, opened: &[u8]) -> Option<Opened> {
        match opened.split_first()? {
            (&KIND_CLAIMS, sealed) => self.read_claims(&rmp_serde::from_slice(sealed).ok()?).map(Opened::Claims),
            (&KIND_REFERENCE, sealed) => {
                let (expires, id) = rmp_serde::from_slice(sealed).ok()?;
                Some(Opened::Reference(Reference { expires: Timestamp::from_millis(expires), id }))
            }
            _ => None,
        }
    }

    fn read_claims(&self, sealed: &SealedClaims<'_>) -> Option<Claims> {
        Some(Claims {
            key_name: KeyName::parse(&[&*self.app_id, sealed.key_id].join(".")).ok()?,
            issued: Timestamp::from_millis(sealed.issued),
            expires: Timestamp::from_millis(sealed.expires),
            client_id: sealed.client_id.map_or(Ok(ClientId::None), ClientId::parse).ok()?,
            capability: Capability::parse_lenient(sealed.capability).ok()?.into(),
        })
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer({}:[redacted])", self.app_id)
    }
}

/// A token whose parts are decoded but not decrypted.
pub(crate) struct Envelope<'a> {
    pub(crate) app_id: &'a str,
    sealed: Vec<u8>,
}

impl<'a> Envelope<'a> {
    pub(crate) fn of(token: &'a Token) -> Result<Self, Refusal> {
        let (app_id, sealed) = token.expose().split_once('.').ok_or_else(malformed)?;
        let sealed = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| malformed())?;
        if app_id.is_empty() || sealed.len() <= 1 + KEY_ID_BYTES + NONCE_BYTES {
            return Err(malformed());
        }
        if sealed.first() != Some(&VERSION) {
            return Err(unrecognised());
        }
        Ok(Self { app_id, sealed })
    }
}

fn malformed() -> Refusal {
    ably_auth_backend::Refusal::malformed_token().into()
}

pub(crate) fn unrecognised() -> Refusal {
    let message = "the token was not issued by this service; request a new token from it";
    Refusal::new(ErrorCode::TOKEN_UNRECOGNISED, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> Claims {
        Claims {
            key_name: KeyName::parse("app.key").unwrap(),
            issued: Timestamp::from_millis(1_000),
            expires: Timestamp::from_millis(u64::MAX),
            client_id: ClientId::parse("böb").unwrap(),
            capability: Arc::new(r#"{"chat:*":["publish"]}"#.parse().unwrap()),
        }
    }

    fn sealer(secret: u8, earlier: &[u8], app_id: &str) -> Sealer {
        let earlier: Vec<_> = earlier.iter().map(|secret| [*secret; 32]).collect();
        Sealer::new(&[secret; 32], &earlier, app_id).unwrap()
    }

    fn open(sealer: &Sealer, text: &str) -> Result<Opened, u32> {
        let token = Token::new(text).unwrap();
        let opened = Envelope::of(&token).and_then(|envelope| sealer.open(&envelope));
        opened.map_err(|refusal| refusal.info().code().as_u32())
    }

    fn sealed(sealer: &Sealer, claims: &Claims) -> String {
        sealer.seal(claims, &claims.capability.to_string(), &Entropy::new([3; 40])).unwrap().expose().to_owned()
    }

    fn raw(token: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(token.split_once('.').unwrap().1).unwrap()
    }

    #[test]
    fn sealed_token_opens_and_reveals_nothing() {
        let sealer = sealer(7, &[], "app");
        let token = sealed(&sealer, &claims());
        assert_eq!(open(&sealer, &token), Ok(Opened::Claims(claims())));
        for readable in ["chat", "publish", "key", "böb"] {
            assert!(!raw(&token).windows(readable.len()).any(|window| window == readable.as_bytes()), "{readable}");
        }
        let reference = Reference::new(Timestamp::from_millis(5), &Entropy::new([9; 40]));
        let token = sealer.seal_reference(reference, &Entropy::new([9; 40])).unwrap();
        assert_eq!(open(&sealer, token.expose()), Ok(Opened::Reference(reference)));
    }

    #[test]
    fn changed_or_foreign_token_is_rejected() {
        let ours = sealer(7, &[], "app");
        let token = sealed(&ours, &claims());
        for other in [sealer(8, &[], "app"), sealer(7, &[], "app2")] {
            assert_eq!(open(&other, &token), Err(40143));
        }
        let raw = raw(&token);
        for at in 0..raw.len() {
            let mut changed = raw.clone();
            changed[at] ^= 1;
            assert_eq!(open(&ours, &format!("app.{}", URL_SAFE_NO_PAD.encode(changed))), Err(40143), "byte {at}");
        }
    }

    #[test]
    fn earlier_secret_opens_but_does_not_seal() {
        let (before, after) = (sealer(7, &[], "app"), sealer(8, &[6, 7], "app"));
        let token = sealed(&before, &claims());
        assert_eq!(open(&after, &token), Ok(Opened::Claims(claims())));
        assert_eq!(open(&before, &sealed(&after, &claims())), Err(40143));
        assert_eq!(open(&sealer(9, &[8], "app"), &token), Err(40143), "a removed secret opens nothing");
    }

    #[test]
    fn malformed_token_is_rejected() {
        let sealer = sealer(7, &[], "app");
        for text in ["app", "app.", ".AQID", "app.!!", "app.AQID", "app.AQID=", "a.b.c"] {
            assert_eq!(open(&sealer, text), Err(40145), "{text}");
        }
    }
}
