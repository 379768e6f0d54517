//! Tokens: sealed, so that the service reads them without a look-up and their holder cannot read them at all.
//!
//! A token is `appId.` and the URL-safe base64 of a version, a nonce, and the claims under XChaCha20-Poly1305. Each app has
//! a key of its own, derived from the service's secret. Version and app id are authenticated with the claims.

use std::fmt;

use ably_auth_core::{Capability, ClientId, ErrorCode, KeyName, Timestamp, Token};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::refusal::Refusal;

const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;
const ID_BYTES: usize = 16;

/// What makes a token unlike any other.
pub(crate) struct Entropy([u8; NONCE_BYTES + ID_BYTES]);

impl Entropy {
    pub(crate) const fn new(bytes: [u8; NONCE_BYTES + ID_BYTES]) -> Self {
        Self(bytes)
    }

    fn split(&self) -> ([u8; NONCE_BYTES], u128) {
        let (mut nonce, mut id) = ([0; NONCE_BYTES], [0; ID_BYTES]);
        let mut bytes = self.0.iter().copied();
        nonce.iter_mut().chain(&mut id).zip(&mut bytes).for_each(|(to, from)| *to = from);
        (nonce, u128::from_le_bytes(id))
    }
}

/// What a token says of its holder.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Claims {
    pub(crate) key_name: KeyName,
    pub(crate) issued: Timestamp,
    pub(crate) expires: Timestamp,
    pub(crate) client_id: ClientId,
    pub(crate) capability: Capability,
}

/// The claims as they are sealed: by position, since a token travels in a header.
#[derive(Serialize, Deserialize)]
struct Sealed<'a> {
    key_id: &'a str,
    issued: u64,
    expires: u64,
    client_id: Option<&'a str>,
    capability: &'a str,
    /// Tells apart two tokens of the same claims.
    id: u128,
}

/// Seals and opens the tokens of one app.
#[derive(Clone)]
pub(crate) struct Sealer {
    app_id: Box<str>,
    cipher: XChaCha20Poly1305,
    associated: Vec<u8>,
}

impl Sealer {
    pub(crate) fn new(service_secret: &[u8; 32], app_id: &str) -> Result<Self, Refusal> {
        let mut key = Zeroizing::new([0; 32]);
        let info = [b"ably-auth token seal ", app_id.as_bytes()].concat();
        Hkdf::<Sha256>::new(None, service_secret).expand(&info, &mut *key).map_err(|_| Refusal::internal())?;
        let associated = [&[VERSION], app_id.as_bytes()].concat();
        Ok(Self { app_id: app_id.into(), cipher: XChaCha20Poly1305::new((&*key).into()), associated })
    }

    pub(crate) fn seal(&self, claims: &Claims, entropy: &Entropy) -> Result<Token, Refusal> {
        let (nonce, id) = entropy.split();
        let capability = claims.capability.to_string();
        let sealed = Sealed {
            key_id: claims.key_name.key_id(),
            issued: claims.issued.as_millis(),
            expires: claims.expires.as_millis(),
            client_id: claims.client_id.as_str(),
            capability: &capability,
            id,
        };
        let msg = rmp_serde::to_vec(&sealed).map_err(|_| Refusal::internal())?;
        let payload = Payload { msg: &msg, aad: &self.associated };
        let ciphertext = self.cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| Refusal::internal())?;
        let mut text = String::from(&*self.app_id);
        text.push('.');
        URL_SAFE_NO_PAD.encode_string([&[VERSION], &nonce[..], &ciphertext].concat(), &mut text);
        Token::new(&text).map_err(|_| {
            let message = "the token would be longer than 128 KiB; ask for a smaller capability";
            Refusal::new(ErrorCode::BAD_REQUEST, message)
        })
    }

    pub(crate) fn open(&self, envelope: &Envelope<'_>) -> Result<Claims, Refusal> {
        let (_, sealed) = envelope.sealed.split_first().ok_or_else(malformed)?;
        let (nonce, msg) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or_else(malformed)?;
        let payload = Payload { msg, aad: &self.associated };
        let opened = self.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| unrecognised())?;
        self.read(&opened).ok_or_else(unrecognised)
    }

    fn read(&self, opened: &[u8]) -> Option<Claims> {
        let sealed: Sealed<'_> = rmp_serde::from_slice(opened).ok()?;
        Some(Claims {
            key_name: KeyName::parse(&[&*self.app_id, sealed.key_id].join(".")).ok()?,
            issued: Timestamp::from_millis(sealed.issued),
            expires: Timestamp::from_millis(sealed.expires),
            client_id: sealed.client_id.map_or(Ok(ClientId::None), ClientId::parse).ok()?,
            capability: Capability::parse_lenient(sealed.capability).ok()?,
        })
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer({}:[redacted])", self.app_id)
    }
}

/// A token taken apart, and not opened yet.
pub(crate) struct Envelope<'a> {
    pub(crate) app_id: &'a str,
    sealed: Vec<u8>,
}

impl<'a> Envelope<'a> {
    pub(crate) fn of(token: &'a Token) -> Result<Self, Refusal> {
        let (app_id, sealed) = token.expose().split_once('.').ok_or_else(malformed)?;
        let sealed = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| malformed())?;
        if app_id.is_empty() || sealed.len() <= 1 + NONCE_BYTES {
            return Err(malformed());
        }
        if sealed.first() != Some(&VERSION) {
            return Err(unrecognised());
        }
        Ok(Self { app_id, sealed })
    }
}

pub(crate) fn malformed() -> Refusal {
    let message = "the token is not in the form of one; pass it on exactly as it was issued";
    Refusal::new(ErrorCode::INVALID_TOKEN, message)
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
            capability: r#"{"chat:*":["publish"]}"#.parse().unwrap(),
        }
    }

    fn open(sealer: &Sealer, text: &str) -> Result<Claims, u32> {
        let token = Token::new(text).unwrap();
        let opened = Envelope::of(&token).and_then(|envelope| sealer.open(&envelope));
        opened.map_err(|refusal| refusal.info().code().as_u32())
    }

    #[test]
    fn what_is_sealed_opens_and_shows_nothing() {
        let sealer = Sealer::new(&[7; 32], "app").unwrap();
        let token = sealer.seal(&claims(), &Entropy::new([3; 40])).unwrap();
        assert_eq!(open(&sealer, token.expose()), Ok(claims()));
        let raw = URL_SAFE_NO_PAD.decode(token.expose().split_once('.').unwrap().1).unwrap();
        for readable in ["chat", "publish", "key", "böb"] {
            assert!(!raw.windows(readable.len()).any(|window| window == readable.as_bytes()), "{readable} can be read");
        }
    }

    #[test]
    fn a_token_opens_nowhere_else_and_not_when_changed() {
        let sealer = Sealer::new(&[7; 32], "app").unwrap();
        let token = sealer.seal(&claims(), &Entropy::new([3; 40])).unwrap();
        let elsewhere = [Sealer::new(&[8; 32], "app").unwrap(), Sealer::new(&[7; 32], "app2").unwrap()];
        for other in elsewhere {
            assert_eq!(open(&other, token.expose()), Err(40143));
        }
        let raw = URL_SAFE_NO_PAD.decode(token.expose().split_once('.').unwrap().1).unwrap();
        for at in 0..raw.len() {
            let mut changed = raw.clone();
            changed[at] ^= 1;
            assert_eq!(open(&sealer, &format!("app.{}", URL_SAFE_NO_PAD.encode(changed))), Err(40143), "byte {at}");
        }
    }

    #[test]
    fn what_is_no_token_is_malformed() {
        let sealer = Sealer::new(&[7; 32], "app").unwrap();
        for text in ["app", "app.", ".AQID", "app.!!", "app.AQID", "app.AQID=", "a.b.c"] {
            assert_eq!(open(&sealer, text), Err(40145), "{text}");
        }
    }
}
