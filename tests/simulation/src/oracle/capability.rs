//! Capabilities, decided one channel and operation at a time, without the code under test.

use std::collections::{BTreeMap, BTreeSet};

pub const CHANNELS: [&str; 4] = ["chat:a", "chat:b", "status", "news"];
pub const OPERATIONS: [&str; 3] = ["publish", "subscribe", "history"];

const RESOURCES: [&str; 6] = ["*", "chat:*", "chat:a", "chat:b", "status", "news"];

/// Operations by resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rights(BTreeMap<String, BTreeSet<String>>);

impl Rights {
    pub fn all() -> Self {
        Self::of(&[("*", &["*"])])
    }

    pub fn of(rights: &[(&str, &[&str])]) -> Self {
        let operations = |operations: &[&str]| operations.iter().map(|name| (*name).to_owned()).collect();
        Self(rights.iter().map(|(resource, of)| ((*resource).to_owned(), operations(of))).collect())
    }

    pub fn random(rng: &mut fastrand::Rng) -> Self {
        let mut rights = BTreeMap::new();
        for _ in 0..rng.usize(1..=3) {
            let count = rng.usize(1..=2);
            let operations = OPERATIONS.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
            let operations = (0..count).map(|_| operations[rng.usize(..operations.len())].clone()).collect();
            rights.insert(RESOURCES[rng.usize(..RESOURCES.len())].to_owned(), operations);
        }
        Self(rights)
    }

    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().map(Self)
    }

    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!(self.0)
    }

    pub fn permits(&self, channel: &str, operation: &str) -> bool {
        self.0.iter().any(|(resource, operations)| {
            let matches = match resource.strip_suffix('*') {
                Some(prefix) => channel.starts_with(prefix),
                None => channel == resource,
            };
            matches && (operations.contains("*") || operations.contains(operation))
        })
    }

    /// Returns what is permitted by both, as channels with operations.
    pub fn both(&self, other: &Self) -> BTreeSet<(&'static str, &'static str)> {
        let all = CHANNELS.iter().flat_map(|channel| OPERATIONS.iter().map(|operation| (*channel, *operation)));
        all.filter(|(channel, operation)| self.permits(channel, operation) && other.permits(channel, operation))
            .collect()
    }

    /// Returns the channels with operations that are permitted.
    pub fn probe(&self) -> BTreeSet<(&'static str, &'static str)> {
        self.both(self)
    }
}
