//! Ids by which a request is found again in a log.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Longer ones, and ones that a log could misread, are not taken from clients.
const MAX_CHARS: usize = 64;

/// Makes ids that no other process makes: of random bytes of its own, and a count.
pub(crate) struct RequestIds {
    process: [u8; 6],
    made: AtomicU64,
}

impl RequestIds {
    pub(crate) const fn new(process: [u8; 6]) -> Self {
        Self { process, made: AtomicU64::new(0) }
    }

    /// The id that the client gave (`RSC7c`), if it is fit to be one, or a new one.
    pub(crate) fn id(&self, given: Option<&str>) -> String {
        if let Some(given) = given.filter(|given| is_fit(given)) {
            return given.into();
        }
        let [_, _, count @ ..] = self.made.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let mut id = [0; 12];
        id.iter_mut().zip(self.process.into_iter().chain(count)).for_each(|(to, from)| *to = from);
        URL_SAFE_NO_PAD.encode(id)
    }
}

fn is_fit(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~+/=:".contains(&byte);
    !id.is_empty() && id.len() <= MAX_CHARS && id.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::RequestIds;

    #[test]
    fn ids_differ_and_only_plain_ones_are_taken() {
        let ids = RequestIds::new([1; 6]);
        assert_ne!(ids.id(None), ids.id(None));
        assert_ne!(ids.id(None), RequestIds::new([2; 6]).id(None));
        assert_eq!(ids.id(Some("aZ09-_.~+/=:")), "aZ09-_.~+/=:");
        for unfit in ["", "a b", "a\r\nb", "ä", "<b>", &"a".repeat(65)] {
            assert_eq!(ids.id(Some(unfit)).len(), 16, "{unfit:?}");
        }
    }
}
