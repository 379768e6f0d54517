//! The cipher that seals tokens: XChaCha20-Poly1305, whose nonces are long enough to be drawn at random for ever.
//!
//! It is ChaCha20-Poly1305 under a key that the first part of the nonce leads to. The parts come from two libraries, since the
//! one that has them together takes five times as long for as little as a token is.

use chacha20::{R20, hchacha};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

pub(crate) const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;

/// So much of the nonce leads to the key; the rest is the nonce under it, behind zeros.
const LEADING_BYTES: usize = 16;
const ZEROS: usize = 4;

#[derive(Clone)]
pub(crate) struct Cipher(Zeroizing<[u8; 32]>);

/// What was to be opened is not what was sealed, or was sealed with another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unsealable;

impl Cipher {
    pub(crate) const fn new(key: Zeroizing<[u8; 32]>) -> Self {
        Self(key)
    }

    /// Seals the text where it stands, and gives the tag that belongs behind it.
    pub(crate) fn seal(
        &self,
        nonce: &[u8; NONCE_BYTES],
        associated: &[u8],
        text: &mut [u8],
    ) -> Result<[u8; TAG_BYTES], Unsealable> {
        let (key, nonce) = self.under(nonce)?;
        let tag = key.seal_in_place_separate_tag(nonce, Aad::from(associated), text).map_err(|_| Unsealable)?;
        tag.as_ref().try_into().map_err(|_| Unsealable)
    }

    /// Opens where it stands what was sealed, with its tag behind it, and gives the text.
    pub(crate) fn open<'a>(
        &self,
        nonce: &[u8; NONCE_BYTES],
        associated: &[u8],
        sealed: &'a mut [u8],
    ) -> Result<&'a [u8], Unsealable> {
        let (key, nonce) = self.under(nonce)?;
        key.open_in_place(nonce, Aad::from(associated), sealed).map(|text| &*text).map_err(|_| Unsealable)
    }

    fn under(&self, nonce: &[u8; NONCE_BYTES]) -> Result<(LessSafeKey, Nonce), Unsealable> {
        let (leading, rest) = nonce.split_first_chunk::<LEADING_BYTES>().ok_or(Unsealable)?;
        let key = Zeroizing::new(hchacha::<R20>((&*self.0).into(), leading.into()).0);
        let key = UnboundKey::new(&CHACHA20_POLY1305, &*key).map_err(|_| Unsealable)?;
        let mut nonce = [0; NONCE_LEN];
        nonce.iter_mut().skip(ZEROS).zip(rest).for_each(|(to, from)| *to = *from);
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
        fn it_seals_as_another_library_does(
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
    fn what_was_changed_does_not_open() {
        let (cipher, nonce) = (cipher([7; 32]), [3; NONCE_BYTES]);
        let mut sealed = b"hush".to_vec();
        let tag = cipher.seal(&nonce, b"app", &mut sealed).unwrap();
        sealed.extend(tag);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(cipher.open(&nonce, b"app", &mut changed), Err(Unsealable), "byte {at}");
        }
        assert_eq!(cipher.open(&nonce, b"other", &mut sealed.clone()), Err(Unsealable));
        assert_eq!(cipher.open(&[4; NONCE_BYTES], b"app", &mut sealed.clone()), Err(Unsealable));
        assert_eq!(cipher.open(&nonce, b"app", &mut []), Err(Unsealable));
        assert_eq!(cipher.open(&nonce, b"app", &mut sealed), Ok(&b"hush"[..]));
    }
}
