//! Signatures that are made without this project's code.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

pub(crate) const KEY: &str = "app.key:c2VjcmV0LW9mLXRoZS1rZXk_";
pub(crate) const SECRET: &str = "c2VjcmV0LW9mLXRoZS1rZXk_";
pub(crate) const OTHER_KEY: &str = "app.other:YW5vdGhlci1zZWNyZXQtdGhlcmU";
pub(crate) const OTHER_SECRET: &str = "YW5vdGhlci1zZWNyZXQtdGhlcmU";

pub(crate) fn hmac(secret: impl AsRef<[u8]>, text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut hmac = Hmac::<Sha256>::new_from_slice(secret.as_ref()).unwrap();
    hmac.update(text.as_ref());
    hmac.finalize().into_bytes().to_vec()
}

pub(crate) fn base64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
