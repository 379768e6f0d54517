//! The text that a token request's mac covers, and the mac over it.

use super::TokenRequestFields;
use crate::credentials::{Mac, Signer, client_id, key, nonce};
use crate::error::Error;
use crate::text::Decimal;

impl Signer {
    /// Signs the values of a token request.
    ///
    /// # Errors
    /// [`ErrorKind::Key`](crate::ErrorKind::Key), [`ErrorKind::ClientId`](crate::ErrorKind::ClientId) or
    /// [`ErrorKind::Nonce`](crate::ErrorKind::Nonce) if the key name, the clientId or the nonce is invalid.
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
    pub(super) fn sign_checked(&self, fields: &TokenRequestFields<'_>) -> Mac {
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
    /// [`ErrorKind::Mac`](crate::ErrorKind::Mac) if it is not the mac of this key for these values; otherwise the errors
    /// of [`Signer::sign`].
    pub fn verify(&self, fields: &TokenRequestFields<'_>, mac: &Mac) -> Result<(), Error> {
        if self.sign(fields)? == *mac { Ok(()) } else { Err(Mac::mismatch()) }
    }

    #[inline]
    pub(super) fn mac(&self, text: &CanonicalText<'_>) -> Mac {
        let mut hmac = self.piecewise();
        text.feed(|piece| hmac.update(piece));
        hmac.finish()
    }
}

/// The text that a token request's mac covers.
///
/// The text has six values in a fixed order, each followed by a line feed. Empty values and the last value also have
/// the line feed. Only the capability may have control characters, and it is a single field between two others, so two
/// different requests never have the same text.
pub(super) struct CanonicalText<'a> {
    pub(super) key_name: &'a str,
    pub(super) ttl: &'a [u8],
    pub(super) capability: &'a str,
    pub(super) client_id: &'a str,
    pub(super) timestamp: &'a [u8],
    pub(super) nonce: &'a str,
}

/// The maximum bytes that are passed to the hash at once. Most texts are shorter.
const PIECE_BYTES: usize = 256;

impl CanonicalText<'_> {
    /// Passes the text to `sink` in a few pieces, so that it need not be stored as a whole.
    pub(super) fn feed(&self, mut sink: impl FnMut(&[u8])) {
        let [key_name, capability, client_id, nonce] =
            [self.key_name, self.capability, self.client_id, self.nonce].map(str::as_bytes);
        let mut piece = [0; PIECE_BYTES];
        let mut len = 0_usize;
        for field in [key_name, self.ttl, capability, client_id, self.timestamp, nonce] {
            let rest = piece.get_mut(len..).and_then(|rest| rest.split_at_mut_checked(field.len()));
            if let Some((room, [line_feed, ..])) = rest {
                room.copy_from_slice(field);
                *line_feed = b'\n';
                len = len.saturating_add(field.len()).saturating_add(1);
            } else {
                sink(piece.get(..len).unwrap_or_default());
                sink(field);
                sink(b"\n");
                len = 0;
            }
        }
        sink(piece.get(..len).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    extern crate alloc;

    use alloc::string::String;
    use alloc::vec::Vec;

    use super::{CanonicalText, PIECE_BYTES};

    #[test]
    fn text_is_the_same_for_any_field_length() {
        for len in [0, 1, PIECE_BYTES - 20, PIECE_BYTES - 2, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 1_000] {
            let capability: String = ('a'..='z').cycle().take(len).collect();
            let text = CanonicalText {
                key_name: "app.key",
                ttl: b"1",
                capability: &capability,
                client_id: "bob",
                timestamp: b"2",
                nonce: "n",
            };
            let mut fed = Vec::new();
            text.feed(|piece| fed.extend_from_slice(piece));
            assert_eq!(fed, ["app.key\n1\n", &capability, "\nbob\n2\nn\n"].concat().into_bytes(), "{len}");
        }
    }
}
