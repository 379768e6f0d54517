//! The encodings in which senders write a mac.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};

use crate::secrets::lenient_base64;
use crate::trial::Mistake;

/// A mac as bytes, and the mistake in its encoding.
pub(super) struct Encoded {
    pub(super) bytes: Vec<u8>,
    pub(super) mistake: Option<Mistake>,
}

const FIX: &str = "Encode the 32 bytes of the mac in standard base64, with padding.";
const MAX_MAC_BYTES: usize = 256;

/// Decodes a mac in each encoding that it may be in.
pub(super) fn decode(mac: &str) -> Vec<Encoded> {
    let mut decoded = Vec::new();
    if mac.len() > MAX_MAC_BYTES {
        return decoded;
    }
    let mistake =
        |title: &str, how: &str| Some(Mistake::new(title, format!("The mac matches, but it is encoded {how}."), FIX));
    if let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(mac) {
        if let Some(inner) = std::str::from_utf8(&bytes).ok().and_then(hex) {
            decoded.push(Encoded {
                bytes: inner,
                mistake: mistake("The mac is base64 of hex digits", "in hex, and then in base64"),
            });
        }
        decoded.push(Encoded { bytes, mistake: None });
    } else if let Ok(bytes) = lenient_base64(&STANDARD).decode(mac) {
        decoded
            .push(Encoded { bytes, mistake: mistake("The mac lacks its padding", "in base64 without `=` at its end") });
    } else if let Ok(bytes) = lenient_base64(&URL_SAFE).decode(mac) {
        decoded.push(Encoded { bytes, mistake: mistake("The mac is in base64url", "in base64url, with `-` and `_`") });
    }
    if let Some(bytes) = hex(mac) {
        decoded.push(Encoded { bytes, mistake: mistake("The mac is in hex", "in hex") });
    }
    if let Some(trimmed) = mac.strip_suffix(['\n', ' ']) {
        let trimmed = base64::engine::general_purpose::STANDARD.decode(trimmed.trim());
        decoded.extend(trimmed.ok().map(|bytes| Encoded {
            bytes,
            mistake: mistake("White space follows the mac", "with white space at its end"),
        }));
    }
    decoded
}

fn hex(text: &str) -> Option<Vec<u8>> {
    if text.is_empty() || text.len() % 2 != 0 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let digit = |c: u8| char::from(c).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)?.wrapping_shl(4) | digit(*low)?),
            _ => None,
        })
        .collect()
}
