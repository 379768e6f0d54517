//! What a capability permits, and how two go together.
//!
//! One fact carries all of it: there is no end to the segments that a `*` may stand for, so what several resources cover
//! together, one of them covers alone. Hence `permits` looks for a single entry, `covers` asks entry by entry, and what
//! remains once each entry that another one covers is gone (`minimal`) is the same for all capabilities of the same meaning.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::Capability;
use super::matcher::Matcher;
use super::meet::Meet;
use super::operation::OperationName;
use super::operations::Operations;
use super::pattern::Pattern;
use super::resource::Resource;

impl Capability {
    /// Whether the operation is permitted on the resource.
    ///
    /// A resource with wildcards is permitted if everything that it matches is. What is not in the form of a resource is
    /// never permitted.
    ///
    /// ```
    /// use ably_auth_core::{Capability, Operation};
    ///
    /// let capability: Capability = r#"{"chat:*":["publish"],"[meta]*":["subscribe"]}"#.parse()?;
    /// assert!(capability.permits("chat:room1", Operation::Publish));
    /// assert!(capability.permits("chat:*", "publish"));
    /// assert!(!capability.permits("*", "publish"));
    /// assert!(!capability.permits("chat:room1", "*"));
    /// # Ok::<(), ably_auth_core::Error>(())
    /// ```
    #[must_use]
    pub fn permits<'a>(&self, resource: &str, operation: impl Into<OperationName<'a>>) -> bool {
        let operation = operation.into();
        Pattern::of(resource).is_some_and(|asked| {
            self.iter().any(|(known, operations)| operations.contains(operation) && known.pattern().covers(asked))
        })
    }

    /// Whether everything that `other` permits is permitted here, too. A partial order on meanings.
    ///
    /// ```
    /// use ably_auth_core::Capability;
    ///
    /// let key: Capability = r#"{"chat:*":["publish","subscribe"]}"#.parse()?;
    /// let token: Capability = r#"{"chat:room1":["publish"],"chat:room2:*":["subscribe"]}"#.parse()?;
    /// assert!(key.covers(&token) && !token.covers(&key));
    /// # Ok::<(), ably_auth_core::Error>(())
    /// ```
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let matcher = Matcher::new(self);
        other.iter().all(|(resource, operations)| {
            operations.iter().all(|operation| matcher.permits_pattern(resource.pattern(), operation))
        })
    }

    /// Whether both permit the same, however they are written. (`==` compares what is written.)
    ///
    /// ```
    /// use ably_auth_core::Capability;
    ///
    /// let terse: Capability = r#"{"chat:*":["publish"]}"#.parse()?;
    /// let wordy: Capability = r#"{"chat:*":["publish"],"chat:room1":["publish"]}"#.parse()?;
    /// assert!(terse.is_equivalent(&wordy) && terse != wordy);
    /// # Ok::<(), ably_auth_core::Error>(())
    /// ```
    #[must_use]
    pub fn is_equivalent(&self, other: &Self) -> bool {
        self.covers(other) && other.covers(self)
    }

    /// What either permits, in the names of both.
    ///
    /// ```
    /// use ably_auth_core::Capability;
    ///
    /// let one: Capability = r#"{"chat":["publish"]}"#.parse()?;
    /// let other: Capability = r#"{"chat":["subscribe"],"status":["history"]}"#.parse()?;
    /// assert_eq!(one.union(&other).to_string(), r#"{"chat":["publish","subscribe"],"status":["history"]}"#);
    /// # Ok::<(), ably_auth_core::Error>(())
    /// ```
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self::collect(
            self.iter().chain(other.iter()).map(|(resource, operations)| (resource.clone(), operations.clone())),
        )
    }

    /// The shortest way to write the same meaning: without any operation that another entry permits on the same names.
    ///
    /// It is the same for all capabilities that permit the same: the normal form of the meaning.
    ///
    /// ```
    /// use ably_auth_core::Capability;
    ///
    /// let wordy: Capability = r#"{"a:*":["publish"],"a:b":["publish","history"],"[*]*":["history"]}"#.parse()?;
    /// assert_eq!(wordy.minimal().to_string(), r#"{"[*]*":["history"],"a:*":["publish"]}"#);
    /// # Ok::<(), ably_auth_core::Error>(())
    /// ```
    #[must_use]
    pub fn minimal(&self) -> Self {
        let matcher = Matcher::new(self);
        let needed = self.iter().enumerate().map(|(at, (resource, operations))| {
            let is_needed = |operation: &OperationName<'_>| {
                !matcher.has_covering(resource.pattern(), &Operations::from_iter([*operation]), Some(at))
            };
            (resource.clone(), operations.iter().filter(is_needed).collect::<Operations>())
        });
        Self { entries: needed.filter(|(_, operations)| !operations.is_empty()).collect() }
    }

    /// What both permit, in the names that were written.
    ///
    /// An entry's name matters beyond its meaning (tokens are revoked by it), so names that either side wrote are kept,
    /// also where another entry covers them; a name that had to be made, such as `a:b` out of `a:*` and `*:b`, is kept only
    /// if no other entry covers it. `a.intersect(&a) == a`.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        let (written, made): (Vec<_>, Vec<_>) = self.meets(other).into_iter().partition(Meet::is_written);
        let entry = |meet: Meet<'_>| (meet.resource, meet.operations);
        let common = Self::collect(written.into_iter().map(entry));
        if made.is_empty() {
            return common;
        }
        let of_common = Matcher::new(&common);
        let adds = |meet: &Meet<'_>| !of_common.has_covering(meet.resource.pattern(), &meet.operations, None);
        let made: Vec<_> = made.into_iter().filter(adds).map(entry).collect();
        let all = Self::collect(common.entries.iter().cloned().chain(made));
        let of_all = Matcher::new(&all);
        let is_needed = |at, (resource, operations): &(Resource, Operations)| {
            common.get(resource.as_str()).is_some() || !of_all.has_covering(resource.pattern(), operations, Some(at))
        };
        let entries = all.entries.iter().enumerate().filter(|(at, entry)| is_needed(*at, entry));
        Self { entries: entries.map(|(_, entry)| entry.clone()).collect() }
    }

    /// How [`intersect`](Self::intersect) comes about: each pair of entries that have something in common.
    ///
    /// In the order of our entries, then of theirs.
    #[must_use]
    pub fn meets<'a>(&'a self, other: &'a Self) -> Vec<Meet<'a>> {
        self.iter().flat_map(|ours| other.iter().filter_map(move |theirs| Meet::of(ours, theirs))).collect()
    }

    /// Entries in any order, put together and in order.
    fn collect(entries: impl Iterator<Item = (Resource, Operations)>) -> Self {
        let mut by_resource: BTreeMap<Resource, Operations> = BTreeMap::new();
        for (resource, operations) in entries {
            by_resource.entry(resource).or_default().extend(operations);
        }
        Self { entries: by_resource.into_iter().collect() }
    }
}
