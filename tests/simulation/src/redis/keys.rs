//! The data of Redis.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

type Bytes = Vec<u8>;

/// Members with their scores, in the order of Redis.
#[derive(Clone, Debug, Default)]
pub struct Sorted {
    scores: BTreeMap<Bytes, u64>,
    order: BTreeSet<(u64, Bytes)>,
}

/// Converts a score to a number with the same order.
fn sortable(score: f64) -> u64 {
    let bits = (score + 0.0).to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
}

fn score(sortable: u64) -> f64 {
    f64::from_bits(if sortable >> 63 == 1 { sortable & !(1 << 63) } else { !sortable })
}

impl Sorted {
    pub fn len(&self) -> usize {
        self.scores.len()
    }

    pub fn score(&self, member: &[u8]) -> Option<f64> {
        self.scores.get(member).copied().map(score)
    }

    pub fn insert(&mut self, member: Bytes, score: f64) {
        self.remove(&member);
        self.order.insert((sortable(score), member.clone()));
        self.scores.insert(member, sortable(score));
    }

    pub fn remove(&mut self, member: &[u8]) -> bool {
        match self.scores.remove(member) {
            Some(score) => self.order.remove(&(score, member.to_vec())),
            None => false,
        }
    }

    /// Returns the members in their order.
    pub fn members(&self) -> impl DoubleEndedIterator<Item = (f64, &Bytes)> {
        self.order.iter().map(|(order, member)| (score(*order), member))
    }
}

#[derive(Clone, Debug)]
pub enum Value {
    Text(Bytes),
    Hash(BTreeMap<Bytes, Bytes>),
    Sorted(Sorted),
}

impl Value {
    fn is_empty(&self) -> bool {
        match self {
            Self::Text(_) => false,
            Self::Hash(hash) => hash.is_empty(),
            Self::Sorted(sorted) => sorted.len() == 0,
        }
    }
}

/// All keys, with the time at which each is dropped.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    values: BTreeMap<Bytes, Value>,
    expiries: BTreeMap<Bytes, Instant>,
}

impl Keys {
    /// Drops the keys that have expired.
    pub fn expire(&mut self, now: Instant) {
        let expired: Vec<_> = self.expiries.iter().filter(|(_, at)| **at <= now).map(|(key, _)| key.clone()).collect();
        expired.iter().for_each(|key| self.remove(key));
    }

    pub fn get(&self, key: &[u8]) -> Option<&Value> {
        self.values.get(key)
    }

    pub fn set(&mut self, key: Bytes, value: Value) {
        self.expiries.remove(&key);
        self.values.insert(key, value);
    }

    pub fn set_expiry(&mut self, key: &[u8], at: Instant) {
        if self.values.contains_key(key) {
            self.expiries.insert(key.to_vec(), at);
        }
    }

    pub fn remove(&mut self, key: &[u8]) {
        self.values.remove(key);
        self.expiries.remove(key);
    }

    pub fn hash(&mut self, key: &[u8]) -> &mut BTreeMap<Bytes, Bytes> {
        let value = self.values.entry(key.to_vec()).or_insert_with(|| Value::Hash(BTreeMap::new()));
        match value {
            Value::Hash(hash) => hash,
            other => panic!("a hash is expected, but the key holds {other:?}"),
        }
    }

    pub fn sorted(&mut self, key: &[u8]) -> &mut Sorted {
        let value = self.values.entry(key.to_vec()).or_insert_with(|| Value::Sorted(Sorted::default()));
        match value {
            Value::Sorted(sorted) => sorted,
            other => panic!("a sorted set is expected, but the key holds {other:?}"),
        }
    }

    /// Removes a key without members, as Redis does after each command.
    pub fn remove_if_empty(&mut self, key: &[u8]) {
        if self.values.get(key).is_some_and(Value::is_empty) {
            self.remove(key);
        }
    }
}
