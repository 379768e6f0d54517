//! What a capability permits, and how two go together.
//!
//! The module above states the laws and the two facts that they follow from: two resources meet in one or in none, and what
//! several cover together, one covers alone. How each operation follows from them:
//!
//! - `permits` of a name is what a capability means. Of a resource with wildcards it asks whether all entries together cover
//!   it; by the second fact it looks for one that does so alone.
//! - `covers` asks the same for each resource and operation of the other capability.
//! - `union` is the entries of both.
//! - `intersect` is what each entry of the one has in common with each of the other, which by the first fact is an entry. It
//!   leaves some of them out, but only such as another covers, so the meaning stays.
//! - `minimal` leaves out all that another covers. No two resources cover one another, so what covers a thing that is left
//!   out is kept, or else what covers that. And the same is left for the same meaning: by the second fact each entry that is
//!   left covers, and is covered by, one that is left of the other capability, which must be itself.

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
    /// **Law:** a name is permitted what an entry has whose resource matches it; a resource with wildcards is permitted what
    /// all the names are that it matches; `*` is permitted where all operations are, present and future. What is not in the
    /// form of a resource is never permitted.
    ///
    /// This looks at every entry. For many questions there is a [`Matcher`].
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

    /// Whether everything that `other` permits is permitted here, too.
    ///
    /// **Law:** `a.covers(&b)` exactly if `a.permits(n, o)` wherever `b.permits(n, o)`. That is a partial order on meanings:
    /// `a.covers(&a)`; if `a.covers(&b)` and `b.covers(&c)` then `a.covers(&c)`; and each covers the other exactly if they
    /// are [equivalent](Self::is_equivalent). And `a.covers(&b)` exactly if `a.intersect(&b)` is equivalent to `b`.
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
    /// **Law:** `a.is_equivalent(&b)` exactly if `a.minimal() == b.minimal()`.
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
    /// **Law:** `a.union(&b).permits(n, o) == (a.permits(n, o) || b.permits(n, o))`. `a.union(&b) == b.union(&a)`,
    /// `a.union(&b).union(&c) == a.union(&b.union(&c))` and `a.union(&a) == a`.
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
    /// **Law:** `a.minimal().is_equivalent(&a)`, no operation in it can be left out, and it is the same for all capabilities
    /// that permit the same: the normal form of their meaning.
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

    /// How [`intersect`](Self::intersect) comes about: each pair of entries that have something in common.
    ///
    /// In the order of our entries, then of theirs.
    ///
    /// **Law:** what all of the meets permit together is what `intersect` permits.
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
