//! The entries of a capability: iteration, and collecting entries into a capability.

use core::slice;

use super::Capability;
use super::operation::Operations;
use super::resource::Resource;

/// An entry of a capability: a resource, and the operations that are permitted on it.
///
/// ```
/// use ably_auth_core::Capability;
/// use ably_auth_core::capability::Entry;
///
/// let capability: Capability = r#"{"chat":["publish"],"status":["*"]}"#.parse()?;
/// for Entry { resource, operations } in &capability {
///     println!("{resource}: {operations}");
/// }
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Entry<'a> {
    /// The resource, which may have wildcards.
    pub resource: &'a Resource,
    /// The operations, of which there is at least one.
    pub operations: &'a Operations,
}

impl<'a> Entry<'a> {
    pub(super) const fn new((resource, operations): &'a (Resource, Operations)) -> Self {
        Self { resource, operations }
    }
}

/// An iterator over the entries of a capability: see [`Capability::iter`].
///
/// ```
/// use ably_auth_core::Capability;
///
/// let capability: Capability = r#"{"chat":["publish"],"status":["*"]}"#.parse()?;
/// let resources: Vec<_> = capability.iter().map(|entry| entry.resource.as_str()).collect();
/// assert_eq!(resources, ["chat", "status"]);
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Entries<'a>(slice::Iter<'a, (Resource, Operations)>);

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    #[inline]
    fn next(&mut self) -> Option<Entry<'a>> {
        self.0.next().map(Entry::new)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl DoubleEndedIterator for Entries<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(Entry::new)
    }
}

impl ExactSizeIterator for Entries<'_> {}

impl Capability {
    /// Returns the entries, sorted by the bytes of their resources.
    ///
    /// ```
    /// use ably_auth_core::Capability;
    ///
    /// let capability: Capability = r#"{"status":["subscribe"],"chat":["*"]}"#.parse()?;
    /// let resources: Vec<&str> = capability.iter().map(|entry| entry.resource.as_str()).collect();
    /// assert_eq!(resources, ["chat", "status"]);
    /// # Ok::<(), ably_auth_core::Error>(())
    /// ```
    #[must_use]
    pub fn iter(&self) -> Entries<'_> {
        Entries(self.entries.iter())
    }
}

impl<'a> IntoIterator for &'a Capability {
    type Item = Entry<'a>;
    type IntoIter = Entries<'a>;

    fn into_iter(self) -> Entries<'a> {
        self.iter()
    }
}

/// Merges entries in any order. An entry without operations is omitted, because it permits nothing.
///
/// ```
/// use ably_auth_core::capability::Resource;
/// use ably_auth_core::{Capability, Operation};
///
/// let rooms = ["lobby", "kitchen"];
/// let capability = rooms
///     .iter()
///     .map(|room| Ok((format!("chat:{room}").parse::<Resource>()?, [Operation::Publish])))
///     .collect::<Result<Capability, ably_auth_core::Error>>()?;
/// assert_eq!(capability.to_string(), r#"{"chat:kitchen":["publish"],"chat:lobby":["publish"]}"#);
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
impl<O: Into<Operations>> FromIterator<(Resource, O)> for Capability {
    fn from_iter<I: IntoIterator<Item = (Resource, O)>>(entries: I) -> Self {
        let entries = entries.into_iter().map(|(resource, operations)| (resource, operations.into()));
        Self::collect(entries.filter(|(_, operations)| !operations.is_empty()))
    }
}

/// Merges entries of any capabilities.
impl<'a> FromIterator<Entry<'a>> for Capability {
    fn from_iter<I: IntoIterator<Item = Entry<'a>>>(entries: I) -> Self {
        Self::collect(entries.into_iter().map(|Entry { resource, operations }| (resource.clone(), operations.clone())))
    }
}

/// Adds entries to those that are there.
impl<O: Into<Operations>> Extend<(Resource, O)> for Capability {
    fn extend<I: IntoIterator<Item = (Resource, O)>>(&mut self, entries: I) {
        *self = self.union(&entries.into_iter().collect());
    }
}

/// Adds entries of other capabilities to those that are there.
impl<'a> Extend<Entry<'a>> for Capability {
    fn extend<I: IntoIterator<Item = Entry<'a>>>(&mut self, entries: I) {
        *self = self.union(&entries.into_iter().collect());
    }
}
