//! The common part of two entries.

use super::operations::Operations;
use super::resource::Resource;

/// The common part of an entry of one capability and an entry of another. It is an entry, too.
///
/// **Law:** its [`resource`](Self::resource) matches a name exactly if both resources do, and its
/// [`operations`](Self::operations) are those that both have.
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
    pub(super) resource: Resource,
    pub(super) operations: Operations,
    written: bool,
}

impl<'a> Meet<'a> {
    pub(super) fn of(ours: (&'a Resource, &'a Operations), theirs: (&'a Resource, &'a Operations)) -> Option<Self> {
        let operations = ours.1.intersect(theirs.1);
        if operations.is_empty() {
            return None;
        }
        let name = ours.0.pattern().meet(theirs.0.pattern())?;
        let written = [ours.0, theirs.0].into_iter().any(|resource| resource.as_str() == name);
        Some(Self { ours, theirs, resource: Resource::from_checked(name), operations, written })
    }

    /// Returns the entry of the capability on which [`Capability::meets`](super::Capability::meets) was called.
    #[must_use]
    pub const fn ours(&self) -> (&'a Resource, &'a Operations) {
        self.ours
    }

    /// Returns the entry of the other capability.
    #[must_use]
    pub const fn theirs(&self) -> (&'a Resource, &'a Operations) {
        self.theirs
    }

    /// Returns the resource that matches exactly the names that both resources match.
    #[must_use]
    pub const fn resource(&self) -> &Resource {
        &self.resource
    }

    /// Returns the operations that both entries have.
    #[must_use]
    pub const fn operations(&self) -> &Operations {
        &self.operations
    }

    /// Returns true if one of the two entries already has the name of the resource, so that it is not a new name.
    #[must_use]
    pub const fn is_written(&self) -> bool {
        self.written
    }
}
