//! The cipher that seals tokens: XChaCha20-Poly1305, whose nonces are long enough to be random without a limit on their
//! number.
//!
//! It is ChaCha20-Poly1305 with a key that is derived from the first part of the nonce. Each part is from its own
//! library, because the library that has both takes five times as long for inputs as short as a token.

use chacha20::{R20, hchacha};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

pub(crate) const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;

/// The number of bytes of the nonce that determine the derived key. The other bytes, after zeros, are the nonce of
/// ChaCha20-Poly1305.
const KEY_NONCE_BYTES: usize = 16;
const ZERO_BYTES: usize = 4;

#[derive(Clone)]
pub(crate) struct Cipher(Zeroizing<[u8; 32]>);

/// An error for a ciphertext that was changed or was sealed with another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DecryptError;

impl Cipher {
    pub(crate) const fn new(key: Zeroizing<[u8; 32]>) -> Self {
        Self(key)
    }

    /// Encrypts the text in place and returns the tag, which the caller appends.
    pub(crate) fn seal(
        &self,
        nonce: &[u8; NONCE_BYTES],
        associated: &[u8],
        text: &mut [u8],
    ) -> Result<[u8; TAG_BYTES], DecryptError> {
        let (key, nonce) = self.derive_key(nonce)?;
        let tag = key.seal_in_place_separate_tag(nonce, Aad::from(associated), text).map_err(|_| DecryptError)?;
        tag.as_ref().try_into().map_err(|_| DecryptError)
    }

    /// Decrypts a ciphertext, which includes its tag, in place and returns the text.
    pub(crate) fn open<'a>(
        &self,
        nonce: &[u8; NONCE_BYTES],
        associated: &[u8],
        sealed: &'a mut [u8],
    ) -> Result<&'a [u8], DecryptError> {
        let (key, nonce) = self.derive_key(nonce)?;
        key.open_in_place(nonce, Aad::from(associated), sealed).map(|text| &*text).map_err(|_| DecryptError)
    }

    fn derive_key(&self, nonce: &[u8; NONCE_BYTES]) -> Result<(LessSafeKey, Nonce), DecryptError> {
        let (leading, rest) = nonce.split_first_chunk::<KEY_NONCE_BYTES>().ok_or(DecryptError)?;
        let key = Zeroizing::new(hchacha::<R20>((&*self.0).into(), leading.into()).0);
        let key = UnboundKey::new(&CHACHA20_POLY1305, &*key).map_err(|_| DecryptError)?;
        let mut nonce = [0; NONCE_LEN];
        nonce.iter_mut().skip(ZERO_BYTES).zip(rest).for_each(|(to, from)| *to = *from);
        Ok((LessSafeKey::new(key), Nonce::assume_unique_for_key(nonce)))
    }
}

#[cfg(test)]
mod tests {
    use chacha20poly1305::aead::{Aead as _, Payload};
    use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};
    use proptest::prelude::*;

    use super::*;

    fn cipher(key: [u8; 32]) -> Cipher {
        Cipher::new(Zeroizing::new(key))
    }

    proptest! {
        #[test]
        fn ciphertext_equals_that_of_another_library(
            key: [u8; 32],
            nonce: [u8; NONCE_BYTES],
            associated: Vec<u8>,
            text in proptest::collection::vec(any::<u8>(), 0..700),
        ) {
            let payload = Payload { msg: &text, aad: &associated };
            let expected = XChaCha20Poly1305::new(&key.into()).encrypt(&nonce.into(), payload).unwrap();
            let mut sealed = text.clone();
            let tag = cipher(key).seal(&nonce, &associated, &mut sealed).unwrap();
            sealed.extend(tag);
            prop_assert_eq!(&sealed, &expected);
            prop_assert_eq!(cipher(key).open(&nonce, &associated, &mut sealed), Ok(&*text));
        }
    }

    #[test]
    fn changed_ciphertext_is_rejected() {
        let (cipher, nonce) = (cipher([7; 32]), [3; NONCE_BYTES]);
        let mut sealed = b"hush".to_vec();
        let tag = cipher.seal(&nonce, b"app", &mut sealed).unwrap();
        sealed.extend(tag);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(cipher.open(&nonce, b"app", &mut changed), Err(DecryptError), "byte {at}");
        }
        assert_eq!(cipher.open(&nonce, b"other", &mut sealed.clone()), Err(DecryptError));
        assert_eq!(cipher.open(&[4; NONCE_BYTES], b"app", &mut sealed.clone()), Err(DecryptError));
        assert_eq!(cipher.open(&nonce, b"app", &mut []), Err(DecryptError));
        assert_eq!(cipher.open(&nonce, b"app", &mut sealed), Ok(&b"hush"[..]));
    }
}
