//! Asking the same capability again and again.

use alloc::vec::Vec;
use core::fmt;

use super::Capability;
use super::index::Index;
use super::operation::OperationName;
use super::operations::Operations;
use super::pattern::Pattern;

/// A capability made ready for being asked often: an answer takes as long as the name is deep, however many resources there
/// are. At worst, where names branch into many resources that differ in where a `*` stands, it takes as long as to look at all
/// of these.
///
/// **Law:** `Matcher::new(&a).permits(n, o) == a.permits(n, o)`.
///
/// Of ten resources or more, it is worth its making from about the tenth question. Until then, and of fewer, there is
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
    /// Makes a capability ready.
    #[must_use]
    pub fn new(capability: &Capability) -> Self {
        Self {
            index: Index::new(capability.iter().map(|(resource, _)| resource.pattern())),
            operations: capability.iter().map(|(_, operations)| operations.clone()).collect(),
        }
    }

    /// Whether the operation is permitted on the resource: what [`Capability::permits`] would say.
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

    /// Whether a single entry, other than the one at that place if so wished, has all of these operations on the resource.
    pub(super) fn has_covering(&self, asked: Pattern<'_>, needed: &Operations, but: Option<usize>) -> bool {
        self.index.any_covering(asked, |entry| {
            Some(entry) != but && self.operations.get(entry).is_some_and(|operations| operations.covers(needed))
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
