//! Claims of tokens that refer to them, since a header would not hold them.

use std::collections::BTreeMap;

use ably_auth_core::{Timestamp, Token};

use crate::token::{Claims, Reference};

/// The most text, of capabilities and clientIds, that is kept: room for thousands of honest ones, and an end for others.
const MAX_BYTES: usize = 512 * Token::MAX_BYTES;

#[derive(Debug)]
struct Kept {
    claims: Claims,
    bytes: usize,
}

/// Claims by when they expire, so that those that do so first come first.
#[derive(Debug, Default)]
pub(super) struct References {
    kept: BTreeMap<Reference, Kept>,
    bytes: usize,
}

impl References {
    /// Whether there was room.
    pub(super) fn keep(&mut self, reference: Reference, claims: Claims, now: Timestamp) -> bool {
        while let Some(first) = self.kept.first_entry().filter(|first| first.key().expires <= now) {
            self.bytes = self.bytes.saturating_sub(first.remove().bytes);
        }
        let client_id = claims.client_id.as_str().map_or(0, str::len);
        let bytes = claims.capability.to_string().len().saturating_add(client_id);
        let all = self.bytes.saturating_add(bytes);
        if all > MAX_BYTES {
            return false;
        }
        self.bytes = all;
        self.kept.insert(reference, Kept { claims, bytes });
        true
    }

    pub(super) fn get(&self, reference: Reference) -> Option<Claims> {
        self.kept.get(&reference).map(|kept| kept.claims.clone())
    }

    pub(super) fn forget_app(&mut self, app_id: &str) {
        self.kept.retain(|_, kept| kept.claims.key_name.app_id() != app_id);
        self.bytes = self.kept.values().map(|kept| kept.bytes).sum();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ably_auth_core::{Capability, ClientId, KeyName};

    use super::*;

    fn claims(app_id: &str, bytes: usize) -> Claims {
        let name = "x".repeat(bytes.saturating_sub(r#"{"":["*"]}"#.len()));
        let capability: Capability = format!(r#"{{"{name}":["*"]}}"#).parse().unwrap();
        Claims {
            key_name: KeyName::parse(&format!("{app_id}.key")).unwrap(),
            issued: Timestamp::from_millis(0),
            expires: Timestamp::from_millis(100),
            client_id: ClientId::None,
            capability: Arc::new(capability),
        }
    }

    fn reference(expires: u64, id: u128) -> Reference {
        Reference { expires: Timestamp::from_millis(expires), id }
    }

    #[test]
    fn there_is_an_end_to_what_is_kept_and_room_again_once_tokens_expire() {
        let (mut references, start) = (References::default(), Timestamp::from_millis(0));
        let claims = claims("app", Token::MAX_BYTES);
        let kept = (0..1_000).filter(|id| references.keep(reference(100, *id), claims.clone(), start)).count();
        assert_eq!(kept, 512);
        assert!(references.get(reference(100, 511)).is_some() && references.get(reference(100, 512)).is_none());
        assert!(!references.keep(reference(200, 1), claims.clone(), Timestamp::from_millis(99)));
        assert!(references.keep(reference(200, 1), claims, Timestamp::from_millis(100)));
        assert!(references.get(reference(100, 0)).is_none());
        assert_eq!(references.bytes, Token::MAX_BYTES);
    }

    #[test]
    fn an_app_that_is_gone_leaves_nothing() {
        let (mut references, start) = (References::default(), Timestamp::from_millis(0));
        for (id, app_id) in [(1, "app1"), (2, "app2"), (3, "app1")] {
            references.keep(reference(100, id), claims(app_id, 100), start);
        }
        references.forget_app("app1");
        assert_eq!((references.bytes, references.get(reference(100, 2)).is_some()), (100, true));
    }
}
