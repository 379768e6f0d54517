//! Checks and combinations of capabilities.
//!
//! The parent module states the laws and the two facts behind them: the common names of two resources are those of one
//! resource, and a resource that several cover together is covered by one of them. Each operation follows from them:
//!
//! - `permits` for a name is the definition of a capability's meaning. For a resource with wildcards, all entries
//!   together must cover it. By the second fact, it is enough to find one entry that does.
//! - `covers` does the same for each resource and operation of the other capability.
//! - `union` has the entries of both.
//! - `intersect` combines each entry of one with each entry of the other. By the first fact, the result of each pair is
//!   an entry or nothing. It omits some entries, but only those that another entry covers, so the meaning stays the
//!   same.
//! - `minimal` omits everything that another entry covers. Different resources never cover each other in both
//!   directions, so an omitted part is always covered by a part that stays. Equivalent capabilities have the same
//!   minimal form: by the second fact, each remaining entry of one covers a remaining entry of the other and is covered
//!   by one, and these must be the same.

use alloc::vec::Vec;

use super::Capability;
use super::entries::Entry;
use super::matcher::Matcher;
use super::operation::{OperationName, Operations};
use super::resource::{Pattern, Resource};

impl Capability {
    /// Returns true if the operation is permitted on the resource.
    ///
    /// **Law:** a name permits the operations of every entry whose resource matches it. A resource with wildcards
    /// permits an operation if every name that it matches permits it. `*` is permitted only where all operations are
    /// permitted, present and future. A text that is not a valid resource permits nothing.
    ///
    /// This checks each entry. Use a [`Matcher`] for many checks of the same capability.
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
            self.iter().any(|entry| entry.operations.contains(operation) && entry.resource.pattern().covers(asked))
        })
    }

    /// Returns true if this capability permits everything that `other` permits.
    ///
    /// **Law:** `a.covers(&b)` exactly if `a.permits(n, o)` wherever `b.permits(n, o)`. This is a partial order on
    /// meanings: `a.covers(&a)`; if `a.covers(&b)` and `b.covers(&c)` then `a.covers(&c)`; and each covers the other
    /// exactly if they are [equivalent](Self::is_equivalent). Also, `a.covers(&b)` exactly if `a.intersect(&b)` is
    /// equivalent to `b`.
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
        other.iter().all(|Entry { resource, operations }| {
            operations.iter().all(|operation| matcher.permits_pattern(resource.pattern(), operation))
        })
    }

    /// Returns true if both permit the same, even if they are written differently. (`==` compares the text.)
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

    /// Returns a capability that permits what either permits, with the resource names of both.
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
        self.iter().chain(other).collect()
    }

    /// Returns the shortest equivalent capability, without any operation that another entry permits on the same names.
    ///
    /// **Law:** `a.minimal().is_equivalent(&a)`, no operation in it can be omitted, and it is the same for all
    /// equivalent capabilities. It is their normal form.
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
        let needed = self.iter().enumerate().map(|(at, Entry { resource, operations })| {
            let is_needed = |operation: &OperationName<'_>| {
                !matcher.has_covering(resource.pattern(), &Operations::from_iter([*operation]), Some(at))
            };
            (resource.clone(), operations.iter().filter(is_needed).collect::<Operations>())
        });
        Self { entries: needed.filter(|(_, operations)| !operations.is_empty()).collect() }
    }

    /// Merges entries in any order into a capability.
    pub(super) fn collect(entries: impl Iterator<Item = (Resource, Operations)>) -> Self {
        let mut entries = entries.collect();
        merge(&mut entries);
        Self { entries }
    }
}

/// Sorts entries by resource, and merges those of the same resource.
pub(super) fn merge<R: Ord>(entries: &mut Vec<(R, Operations)>) {
    // A stable sort takes the fewest comparisons for sorted parts that follow each other, as they do in a union.
    entries.sort_by(|one, other| one.0.cmp(&other.0));
    entries.dedup_by(|next, known| {
        let is_same = next.0 == known.0;
        if is_same {
            known.1.append(core::mem::take(&mut next.1));
        }
        is_same
    });
    entries.iter_mut().for_each(|(_, operations)| operations.sort());
}
