//! A cache of parsed claims, since parsing a large capability takes milliseconds.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Reference;
use crate::token::Claims;
use ably_auth_core::Capability;

/// The bytes that an entry of a parsed capability uses in addition to its text: the entry, in a vector that may be half empty,
/// and the allocation of the text.
const ENTRY_BYTES: usize = 128;

struct Used {
    claims: Arc<Claims>,
    bytes: usize,
    turn: u64,
}

/// The max_bytes recently used claims, up to a total size in bytes.
pub(super) struct Parsed {
    max_bytes: usize,
    bytes: usize,
    claims: BTreeMap<Reference, Used>,
    /// The references, the least recently used first.
    turns: BTreeMap<u64, Reference>,
    turn: u64,
}

impl Parsed {
    pub(super) const fn new(max_bytes: usize) -> Self {
        Self { max_bytes, bytes: 0, claims: BTreeMap::new(), turns: BTreeMap::new(), turn: 0 }
    }

    pub(super) fn get(&mut self, reference: Reference) -> Option<Arc<Claims>> {
        let used = self.claims.get_mut(&reference)?;
        self.turns.remove(&used.turn);
        self.turn = self.turn.wrapping_add(1);
        used.turn = self.turn;
        self.turns.insert(self.turn, reference);
        Some(Arc::clone(&used.claims))
    }

    pub(super) fn put(&mut self, reference: Reference, claims: Arc<Claims>) {
        self.remove(reference);
        let bytes = bytes_of(&claims.capability);
        if bytes > self.max_bytes {
            return;
        }
        while self.bytes.saturating_add(bytes) > self.max_bytes {
            let Some((_, oldest)) = self.turns.pop_first() else {
                break;
            };
            self.remove(oldest);
        }
        self.turn = self.turn.wrapping_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
        self.turns.insert(self.turn, reference);
        self.claims.insert(reference, Used { claims, bytes, turn: self.turn });
    }

    pub(super) fn remove(&mut self, reference: Reference) {
        if let Some(used) = self.claims.remove(&reference) {
            self.turns.remove(&used.turn);
            self.bytes = self.bytes.saturating_sub(used.bytes);
        }
    }
}

/// Returns the approximate size of a parsed capability in bytes.
fn bytes_of(capability: &Capability) -> usize {
    let entries = capability.iter().map(|entry| entry.resource.as_str().len().saturating_add(ENTRY_BYTES));
    entries.fold(ENTRY_BYTES, usize::saturating_add)
}

#[cfg(test)]
mod tests {
    use ably_auth_core::{ClientId, KeyName, Timestamp};

    use super::*;

    fn reference(id: u128) -> Reference {
        Reference { expires: Timestamp::from_millis(100), id }
    }

    #[test]
    fn least_recently_used_claims_are_dropped_first() {
        let claims = Arc::new(Claims {
            key_name: KeyName::parse("app.key").unwrap(),
            issued: Timestamp::from_millis(0),
            expires: Timestamp::from_millis(100),
            client_id: ClientId::None,
            capability: Arc::new(r#"{"chat":["publish"]}"#.parse().unwrap()),
        });
        let one = bytes_of(&claims.capability);
        let mut parsed = Parsed::new(2 * one);
        for id in [1, 2] {
            parsed.put(reference(id), Arc::clone(&claims));
        }
        assert!(parsed.get(reference(1)).is_some());
        parsed.put(reference(3), Arc::clone(&claims));
        let there = |parsed: &mut Parsed| [1, 2, 3].map(|id| parsed.get(reference(id)).is_some());
        assert_eq!(there(&mut parsed), [true, false, true]);
        parsed.remove(reference(1));
        parsed.put(reference(3), Arc::clone(&claims));
        assert_eq!((there(&mut parsed), parsed.bytes, parsed.turns.len()), ([false, false, true], one, 1));
        let mut small = Parsed::new(one - 1);
        small.put(reference(1), claims);
        assert!(small.get(reference(1)).is_none());
    }
}
