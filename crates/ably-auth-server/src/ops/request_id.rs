//! Request ids, by which a request is found in a log.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The length of an id, in bytes and as text.
const ID_BYTES: usize = 12;
const ID_CHARS: usize = 16;

/// The maximum length of a request id of a client, in characters.
const MAX_CHARS: usize = 64;

/// A generator of ids that are unique across processes: an id has random bytes of the process, and a count.
pub(crate) struct RequestIds {
    process: [u8; 6],
    generated: AtomicU64,
}

impl RequestIds {
    pub(crate) const fn new(process: [u8; 6]) -> Self {
        Self { process, generated: AtomicU64::new(0) }
    }

    /// Returns the id that the client sent (`RSC7c`) if it is valid, or else a new one. An id is valid if it is short
    /// and a log cannot misread it.
    pub(crate) fn id(&self, given: Option<&str>) -> String {
        if let Some(given) = given.filter(|given| is_valid(given)) {
            return given.into();
        }
        let [_, _, count @ ..] = self.generated.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let mut id = [0; ID_BYTES];
        let (of_process, counted) = id.split_at_mut(self.process.len());
        of_process.copy_from_slice(&self.process);
        counted.copy_from_slice(&count);
        let mut text = [0; ID_CHARS];
        let length = URL_SAFE_NO_PAD.encode_slice(id, &mut text).unwrap_or_default();
        String::from_utf8_lossy(text.get(..length).unwrap_or_default()).into_owned()
    }
}

fn is_valid(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~+/=:".contains(&byte);
    !id.is_empty() && id.len() <= MAX_CHARS && id.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::RequestIds;

    #[test]
    fn ids_differ_and_invalid_ones_are_replaced() {
        let ids = RequestIds::new([1; 6]);
        assert_ne!(ids.id(None), ids.id(None));
        assert_ne!(ids.id(None), RequestIds::new([2; 6]).id(None));
        assert_eq!(ids.id(Some("aZ09-_.~+/=:")), "aZ09-_.~+/=:");
        for invalid in ["", "a b", "a\r\nb", "ä", "<b>", &"a".repeat(65)] {
            assert_eq!(ids.id(Some(invalid)).len(), 16, "{invalid:?}");
        }
    }
}
