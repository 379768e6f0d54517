//! What a capability permits, and what two have in common.

use alloc::vec::Vec;

use super::Capability;
use super::operation::OperationName;
use super::operations::Operations;
use super::pattern::Pattern;
use super::resource::Resource;

/// What one entry of a capability and one entry of another have in common.
///
/// ```
/// use ably_auth_core::Capability;
///
/// let key: Capability = r#"{"a:*":["publish"]}"#.parse()?;
/// let asked: Capability = r#"{"*:b":["*"]}"#.parse()?;
/// let meets = key.meets(&asked);
/// assert_eq!((meets[0].ours().0.as_str(), meets[0].theirs().0.as_str()), ("a:*", "*:b"));
/// assert_eq!(meets[0].resource().as_str(), "a:b");
/// assert_eq!(meets[0].operations().to_string(), r#"["publish"]"#);
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meet<'a> {
    ours: (&'a Resource, &'a Operations),
    theirs: (&'a Resource, &'a Operations),
    resource: Resource,
    operations: Operations,
    written: bool,
}

impl<'a> Meet<'a> {
    fn of(ours: (&'a Resource, &'a Operations), theirs: (&'a Resource, &'a Operations)) -> Option<Self> {
        let operations = ours.1.intersect(theirs.1);
        if operations.is_empty() {
            return None;
        }
        let (resource, written) = if ours.0.covers(theirs.0) {
            (theirs.0.clone(), true)
        } else if theirs.0.covers(ours.0) {
            (ours.0.clone(), true)
        } else {
            (Resource::synthesised(&ours.0.pattern().meet(theirs.0.pattern())?), false)
        };
        Some(Self { ours, theirs, resource, operations, written })
    }

    /// The entry of the capability that was asked.
    #[must_use]
    pub const fn ours(&self) -> (&'a Resource, &'a Operations) {
        self.ours
    }

    /// The entry of the other capability.
    #[must_use]
    pub const fn theirs(&self) -> (&'a Resource, &'a Operations) {
        self.theirs
    }

    /// The resource that matches exactly what both match.
    #[must_use]
    pub const fn resource(&self) -> &Resource {
        &self.resource
    }

    /// The operations that both have.
    #[must_use]
    pub const fn operations(&self) -> &Operations {
        &self.operations
    }

    /// Whether the resource's name is one that either side wrote, rather than a new one.
    #[must_use]
    pub const fn is_written(&self) -> bool {
        self.written
    }
}

impl Capability {
    /// Whether the operation is permitted on the resource.
    ///
    /// A resource with wildcards is permitted if everything that it matches is: since there is no end to the segments that
    /// a `*` may stand for, that is so only if a single entry covers it. What is not in the form of a resource is never
    /// permitted.
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

    /// What both permit, in the names that were written.
    ///
    /// An entry's name matters beyond its meaning (tokens are revoked by it), so names that either side wrote are kept,
    /// also where another entry covers them; a name that had to be made, such as `a:b` out of `a:*` and `*:b`, is kept only
    /// if no other entry covers it. `a.intersect(&a) == a`.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        let (written, made): (Vec<_>, Vec<_>) = self.meets(other).into_iter().partition(Meet::is_written);
        let mut common = Self::none();
        for meet in written {
            common.add(meet.resource, meet.operations);
        }
        let mut all = common.clone();
        for meet in made {
            if !common.has_covering(&meet.resource, &meet.operations) {
                all.add(meet.resource, meet.operations);
            }
        }
        let is_needed = |(resource, operations): &(Resource, Operations)| {
            let mut others = all.iter().filter(|(other, _)| *other != resource);
            common.get(resource.as_str()).is_some()
                || !others.any(|(other, of_other)| other.covers(resource) && of_other.covers(operations))
        };
        Self { entries: all.entries.iter().filter(|entry| is_needed(entry)).cloned().collect() }
    }

    /// Whether one of the entries covers all of this one.
    fn has_covering(&self, resource: &Resource, operations: &Operations) -> bool {
        self.iter().any(|(known, of_known)| known.covers(resource) && of_known.covers(operations))
    }

    /// How [`intersect`](Self::intersect) comes about: each pair of entries that have something in common.
    ///
    /// In the order of our entries, then of theirs.
    #[must_use]
    pub fn meets<'a>(&'a self, other: &'a Self) -> Vec<Meet<'a>> {
        self.iter().flat_map(|ours| other.iter().filter_map(move |theirs| Meet::of(ours, theirs))).collect()
    }
}
