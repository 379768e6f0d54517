//! What two entries have in common.

use super::operations::Operations;
use super::resource::Resource;

/// What one entry of a capability and one entry of another have in common: an entry, too.
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
        Some(Self { ours, theirs, resource: Resource::made(name), operations, written })
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
