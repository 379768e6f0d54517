//! The claims of tokens by reference, which are too large for a header.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex};

use ably_auth_core::{Capability, ClientId, KeyName, Timestamp};
use serde::{Deserialize, Serialize};

use super::StoreLimits;
use super::parsed::Parsed;
use crate::sync::lock;
use crate::token::{Claims, Reference};

/// The bytes that an entry uses in addition to its encoded claims: its places in the indexes and its counters.
pub(super) const ENTRY_BYTES: usize = 160;

/// The divisor that gives the additional size for parsed claims: an eighth of [`StoreLimits::large_token_bytes`].
const PARSED_SHARE: usize = 8;

/// The claims of a token by reference, as a store keeps them. `Debug` does not show them.
///
/// ```
/// use ably_auth_server::store::KeptClaims;
///
/// fn decode(bytes: &[u8]) -> Option<KeptClaims> {
///     KeptClaims::from_bytes(bytes) // of `to_bytes`, in `Store::keep`
/// }
/// assert!(decode(b"of another format").is_none());
/// ```
#[derive(Clone, PartialEq)]
pub struct KeptClaims(pub(crate) Arc<Claims>);

/// The encoded form, without field names.
#[derive(Serialize, Deserialize)]
struct Written<'a> {
    key_name: &'a str,
    issued: u64,
    expires: u64,
    client_id: Option<&'a str>,
    capability: &'a str,
}

impl KeptClaims {
    /// Returns the ID of the token's app.
    #[must_use]
    pub fn app_id(&self) -> &str {
        self.0.key_name.app_id()
    }

    /// Encodes the claims; returns `None` if there is too little memory.
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

    /// Decodes claims; returns `None` if the bytes are malformed.
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

/// Encoded claims. The parsed form would use about ten times as much memory.
struct Kept {
    bytes: Arc<[u8]>,
    app_id: Arc<str>,
}

impl Kept {
    fn counted(&self) -> usize {
        self.bytes.len().saturating_add(ENTRY_BYTES)
    }
}

/// Claims in the order in which they expire.
pub(super) struct References {
    limits: StoreLimits,
    kept: BTreeMap<Reference, Kept>,
    bytes: usize,
    by_app: HashMap<Arc<str>, usize>,
    parsed: Parsed,
}

impl References {
    pub(super) fn new(limits: StoreLimits) -> Self {
        let parsed = Parsed::new(limits.large_token_bytes.checked_div(PARSED_SHARE).unwrap_or_default());
        Self { limits, kept: BTreeMap::new(), bytes: 0, by_app: HashMap::new(), parsed }
    }

    /// Drops expired claims, then keeps `bytes`. Returns false if the limit of the app, or that of the store, is
    /// reached.
    pub(super) fn keep(&mut self, reference: Reference, app_id: &str, bytes: Vec<u8>, now: Timestamp) -> bool {
        while let Some(first) = self.kept.first_entry().filter(|first| first.key().expires <= now) {
            let (reference, kept) = first.remove_entry();
            self.forget(reference, &kept);
        }
        let counted = bytes.len().saturating_add(ENTRY_BYTES);
        let of_app = self.by_app.get(app_id).copied().unwrap_or_default();
        if of_app.saturating_add(counted) > self.limits.large_token_bytes_per_app
            || self.bytes.saturating_add(counted) > self.limits.large_token_bytes
        {
            return false;
        }
        self.restore(reference, app_id, bytes);
        true
    }

    /// Restores claims that were kept before, even if they exceed the limits.
    pub(super) fn restore(&mut self, reference: Reference, app_id: &str, bytes: Vec<u8>) {
        let known = self.by_app.get_key_value(app_id).map(|(known, _)| Arc::clone(known));
        let app_id = known.unwrap_or_else(|| app_id.into());
        let kept = Kept { bytes: bytes.into(), app_id: Arc::clone(&app_id) };
        let of_app = self.by_app.entry(app_id).or_default();
        *of_app = of_app.saturating_add(kept.counted());
        self.bytes = self.bytes.saturating_add(kept.counted());
        if let Some(before) = self.kept.insert(reference, kept) {
            self.forget(reference, &before);
        }
    }

    fn forget(&mut self, reference: Reference, kept: &Kept) {
        self.parsed.remove(reference);
        self.bytes = self.bytes.saturating_sub(kept.counted());
        if let Some(of_app) = self.by_app.get_mut(&kept.app_id) {
            *of_app = of_app.saturating_sub(kept.counted());
            if *of_app == 0 {
                self.by_app.remove(&kept.app_id);
            }
        }
    }
}

/// Returns the claims kept under `reference`. Parses them without the lock, so that other callers do not wait.
pub(super) fn get(references: &Mutex<References>, reference: Reference) -> Option<KeptClaims> {
    let bytes = {
        let mut references = lock(references);
        if let Some(claims) = references.parsed.get(reference) {
            return Some(KeptClaims(claims));
        }
        Arc::clone(&references.kept.get(&reference)?.bytes)
    };
    let claims = KeptClaims::from_bytes(&bytes)?;
    let mut references = lock(references);
    if references.kept.contains_key(&reference) {
        references.parsed.put(reference, Arc::clone(&claims.0));
    }
    Some(claims)
}

impl fmt::Debug for References {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("References").field("kept", &self.kept.len()).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(app_id: &str, client_id: &str) -> KeptClaims {
        KeptClaims(Arc::new(Claims {
            key_name: KeyName::parse(&format!("{app_id}.key")).unwrap(),
            issued: Timestamp::from_millis(0),
            expires: Timestamp::from_millis(100),
            client_id: ClientId::parse(client_id).unwrap(),
            capability: Arc::new(r#"{"chat":["publish"]}"#.parse().unwrap()),
        }))
    }

    fn reference(expires: u64, id: u128) -> Reference {
        Reference { expires: Timestamp::from_millis(expires), id }
    }

    #[test]
    fn app_limit_and_total_limit_are_enforced() {
        let mut limits = StoreLimits::default();
        (limits.large_token_bytes, limits.large_token_bytes_per_app) = (8 * 1_000, 3 * 1_000);
        let mut references = References::new(limits);
        let mut keep = |app: &str, expires: u64, id: u128, now: u64| {
            let bytes = vec![0; 1_000 - ENTRY_BYTES];
            references.keep(reference(expires, id), app, bytes, Timestamp::from_millis(now))
        };
        assert_eq!([1, 2, 3, 4].map(|id| keep("a", 100, id, 0)), [true, true, true, false]);
        assert_eq!([5, 6, 7, 8].map(|id| keep("b", 100, id, 0)), [true, true, true, false]);
        assert_eq!([9, 10, 11].map(|id| keep("c", 200, id, 99)), [true, true, false], "the store's limit is reached");
        assert!(keep("a", 200, 4, 100), "there is room once tokens have expired");
        assert_eq!((references.bytes, references.kept.len(), references.by_app.len()), (3_000, 3, 2));
    }

    #[test]
    fn claims_are_parsed_once_and_dropped_on_expiry() {
        let references = Mutex::new(References::new(StoreLimits::default()));
        let (claims, id) = (claims("app", "böb"), reference(100, 1));
        let keep = |id, now| {
            let bytes = claims.to_bytes().unwrap();
            lock(&references).keep(id, claims.app_id(), bytes, Timestamp::from_millis(now))
        };
        assert!(keep(id, 0));
        let [first, again] = [get(&references, id).unwrap(), get(&references, id).unwrap()];
        assert!(first == claims && Arc::ptr_eq(&first.0, &again.0));
        assert!(keep(reference(200, 2), 100));
        assert_eq!(get(&references, id), None);
    }

    #[test]
    fn claims_round_trip_and_truncated_bytes_are_rejected() {
        let claims = claims("app", "böb");
        let bytes = claims.to_bytes().unwrap();
        assert_eq!(KeptClaims::from_bytes(&bytes), Some(claims.clone()));
        for end in 0..bytes.len() {
            assert_eq!(KeptClaims::from_bytes(&bytes[..end]), None);
        }
        assert_eq!(format!("{claims:?}"), "KeptClaims([redacted])");
    }
}
