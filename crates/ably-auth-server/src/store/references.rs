//! Claims of tokens that refer to them, since a header would not hold them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use ably_auth_core::{Capability, ClientId, KeyName, Timestamp, Token};
use serde::{Deserialize, Serialize};

use crate::token::Claims;

/// The most text, of capabilities and clientIds, that is kept: room for thousands of honest ones, and an end for others.
pub(super) const MAX_BYTES: usize = 512 * Token::MAX_BYTES;

/// Under what a store has the claims of a token that would not fit into a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    pub(crate) expires: Timestamp,
    pub(crate) id: u128,
}

impl Reference {
    /// When the token expires, from which on nobody asks.
    #[must_use]
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }

    /// What tells it from all others.
    #[must_use]
    pub const fn id(&self) -> u128 {
        self.id
    }
}

/// What a token says of its holder, for a store to keep. `Debug` does not show it.
#[derive(Clone, PartialEq)]
pub struct KeptClaims(pub(crate) Arc<Claims>);

/// By position.
#[derive(Serialize, Deserialize)]
struct Written<'a> {
    key_name: &'a str,
    issued: u64,
    expires: u64,
    client_id: Option<&'a str>,
    capability: &'a str,
}

impl KeptClaims {
    /// As bytes; none if there is no room for them.
    #[must_use]
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        let Claims { key_name, issued, expires, client_id, capability } = &*self.0;
        let written = Written {
            key_name: key_name.as_str(),
            issued: issued.as_millis(),
            expires: expires.as_millis(),
            client_id: client_id.as_str(),
            capability: &capability.to_string(),
        };
        rmp_serde::to_vec(&written).ok()
    }

    /// From such bytes; none if they are not such.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let Written { key_name, issued, expires, client_id, capability } = rmp_serde::from_slice(bytes).ok()?;
        Some(Self(Arc::new(Claims {
            key_name: KeyName::parse(key_name).ok()?,
            issued: Timestamp::from_millis(issued),
            expires: Timestamp::from_millis(expires),
            client_id: client_id.map_or(Ok(ClientId::None), ClientId::parse).ok()?,
            capability: Capability::parse_lenient(capability).ok()?.into(),
        })))
    }
}

impl fmt::Debug for KeptClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeptClaims([redacted])")
    }
}

#[derive(Debug)]
struct Kept {
    claims: KeptClaims,
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
    pub(super) fn keep(&mut self, reference: Reference, claims: KeptClaims, now: Timestamp) -> bool {
        while let Some(first) = self.kept.first_entry().filter(|first| first.key().expires <= now) {
            self.bytes = self.bytes.saturating_sub(first.remove().bytes);
        }
        let client_id = claims.0.client_id.as_str().map_or(0, str::len);
        let bytes = claims.0.capability.to_string().len().saturating_add(client_id);
        let all = self.bytes.saturating_add(bytes);
        if all > MAX_BYTES {
            return false;
        }
        self.bytes = all;
        self.kept.insert(reference, Kept { claims, bytes });
        true
    }

    pub(super) fn get(&self, reference: Reference) -> Option<KeptClaims> {
        self.kept.get(&reference).map(|kept| kept.claims.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(bytes: usize, client_id: &str) -> KeptClaims {
        let name = "x".repeat(bytes.saturating_sub(r#"{"":["*"]}"#.len()));
        let capability: Capability = format!(r#"{{"{name}":["*"]}}"#).parse().unwrap();
        KeptClaims(Arc::new(Claims {
            key_name: KeyName::parse("app.key").unwrap(),
            issued: Timestamp::from_millis(0),
            expires: Timestamp::from_millis(100),
            client_id: ClientId::parse(client_id).unwrap(),
            capability: Arc::new(capability),
        }))
    }

    fn reference(expires: u64, id: u128) -> Reference {
        Reference { expires: Timestamp::from_millis(expires), id }
    }

    #[test]
    fn there_is_an_end_to_what_is_kept_and_room_again_once_tokens_expire() {
        let (mut references, start) = (References::default(), Timestamp::from_millis(0));
        let claims = claims(Token::MAX_BYTES - 3, "bob");
        let kept = (0..1_000).filter(|id| references.keep(reference(100, *id), claims.clone(), start)).count();
        assert_eq!(kept, 512);
        assert!(references.get(reference(100, 511)).is_some() && references.get(reference(100, 512)).is_none());
        assert!(!references.keep(reference(200, 1), claims.clone(), Timestamp::from_millis(99)));
        assert!(references.keep(reference(200, 1), claims, Timestamp::from_millis(100)));
        assert!(references.get(reference(100, 0)).is_none());
        assert_eq!(references.bytes, Token::MAX_BYTES);
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let claims = claims(100, "böb");
        let bytes = claims.to_bytes().unwrap();
        assert_eq!(KeptClaims::from_bytes(&bytes), Some(claims.clone()));
        for end in 0..bytes.len() {
            assert_eq!(KeptClaims::from_bytes(&bytes[..end]), None);
        }
        assert_eq!(format!("{claims:?}"), "KeptClaims([redacted])");
    }
}
