//! Fast repeated checks of one capability.

use alloc::vec::Vec;
use core::fmt;

use super::Capability;
use super::index::Index;
use super::operation::OperationName;
use super::operations::Operations;
use super::pattern::Pattern;

/// An index of a capability for many checks. A check takes time in proportion to the number of segments of the name,
/// independent of the number of resources. In the worst case, with many resources that have `*` in different places, it
/// takes as long as a check of all of these.
///
/// **Law:** `Matcher::new(&a).permits(n, o) == a.permits(n, o)`.
///
/// For ten or more resources, creating one pays off from about the tenth check. For fewer checks or resources, use
/// [`Capability::permits`].
///
/// ```
/// use ably_auth_core::capability::Matcher;
/// use ably_auth_core::{Capability, Operation};
///
/// let capability: Capability = r#"{"chat:*":["publish"],"status":["subscribe"]}"#.parse()?;
/// let matcher = Matcher::new(&capability);
/// assert!(matcher.permits("chat:room1", Operation::Publish));
/// assert!(!matcher.permits("chat:room1", "subscribe"));
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Matcher {
    index: Index,
    operations: Vec<Operations>,
}

impl Matcher {
    /// Creates the index of a capability.
    #[must_use]
    pub fn new(capability: &Capability) -> Self {
        Self {
            index: Index::new(capability.iter().map(|(resource, _)| resource.pattern())),
            operations: capability.iter().map(|(_, operations)| operations.clone()).collect(),
        }
    }

    /// Returns true if the operation is permitted on the resource, the same as [`Capability::permits`].
    #[must_use]
    pub fn permits<'a>(&self, resource: &str, operation: impl Into<OperationName<'a>>) -> bool {
        let operation = operation.into();
        Pattern::of(resource).is_some_and(|asked| self.permits_pattern(asked, operation))
    }

    pub(super) fn permits_pattern(&self, asked: Pattern<'_>, operation: OperationName<'_>) -> bool {
        self.index.any_covering(asked, |entry| {
            self.operations.get(entry).is_some_and(|operations| operations.contains(operation))
        })
    }

    /// Returns true if a single entry, other than the entry at index `except`, has all operations in `needed` on the
    /// resource.
    pub(super) fn has_covering(&self, asked: Pattern<'_>, needed: &Operations, except: Option<usize>) -> bool {
        self.index.any_covering(asked, |entry| {
            Some(entry) != except && self.operations.get(entry).is_some_and(|operations| operations.covers(needed))
        })
    }
}

impl From<&Capability> for Matcher {
    fn from(capability: &Capability) -> Self {
        Self::new(capability)
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Matcher({} resources)", self.operations.len())
    }
}
