//! Capabilities: permitted operations on resources.
//!
//! A [`Capability`] maps resources (channel names, queues, metachannels, with wildcards) to [`Operations`]. It is
//! always valid and always canonical: resources in byte order, operations in byte order, no duplicates. A signature
//! covers the text that was received, which may not be canonical, so that text is kept in addition to the capability.
//!
//! # Resources and wildcards
//!
//! Names are split at `:` into segments. A `*` is a wildcard only if it is a whole segment.
//!
//! | resource | matches |
//! | --- | --- |
//! | `chat` | that channel only |
//! | `foo*` | the channel with that name: `*` is not a whole segment, so it is not a wildcard |
//! | `*` | every channel, but no queue and no metachannel |
//! | `foo:*` | one or more segments after `foo:`, so `foo:a` and `foo:a:b`, but not `foo` |
//! | `foo:*:baz` | exactly one segment in the middle |
//! | `[queue]q`, `[queue]*`, `[meta]log`, `[meta]*` | a queue, all queues, a metachannel, all metachannels |
//! | `[*]*` | everything |
//!
//! The methods that check a resource take a name or a resource with wildcards, which stands for all names that it
//! matches.
//!
//! # Check a capability
//!
#![cfg_attr(feature = "alloc", doc = "```")]
#![cfg_attr(not(feature = "alloc"), doc = "```text")]
//! use ably_auth_core::{Capability, Operation};
//!
//! let key: Capability = r#"{"chat:*":["publish","subscribe"],"status":["subscribe"]}"#.parse()?;
//! assert!(key.permits("chat:room1", Operation::Publish));
//! assert!(!key.permits("status", Operation::Publish));
//!
//! let asked: Capability = r#"{"chat:room1":["*"],"secret":["publish"]}"#.parse()?;
//! let granted = key.intersect(&asked);
//! assert_eq!(granted.to_string(), r#"{"chat:room1":["publish","subscribe"]}"#);
//! # Ok::<(), ably_auth_core::Error>(())
//! ```
//!
//! [`text_permits`] checks the text of a capability without a heap. A [`Matcher`] is faster if the same capability is
//! checked many times.
//!
//! # The algebra
//!
//! A capability *means* a set of pairs of a name and an operation: each name that a resource matches, with each
//! operation of that resource's entry. There are infinitely many names. Operations and kinds of resources are also
//! unlimited, because a newer service may add some. The algebra works on these sets:
//!
//! | method | meaning | law |
//! | --- | --- | --- |
//! | `a.permits(n, o)` | is *(n, o)* in *a*? | for a resource with wildcards: are all of its names in *a*? |
//! | `a.covers(&b)` | *a* ⊇ *b* | a partial order: reflexive, transitive, and in both directions only for equivalent capabilities |
//! | `a.is_equivalent(&b)` | *a* = *b* | `a.covers(&b) && b.covers(&a)` |
//! | `a.union(&b)` | *a* ∪ *b* | permits what either permits; commutative, associative, `a.union(&a) == a` |
//! | `a.intersect(&b)` | *a* ∩ *b* | permits what both permit; commutative, associative in meaning, `a.intersect(&a) == a` |
//! | `a.minimal()` | *a* | the same for all equivalent capabilities, and no part of it can be omitted |
//! | `a.explain(n, o)` | the reason | permitted exactly if `a.permits(n, o)` |
//!
//! `==` compares the text, so it is stricter than the meaning. A law with `==` holds for the text. A law *in meaning*
//! holds by `is_equivalent`. Union and intersection distribute over each other and absorb each other, in meaning.
//! [`Capability::all`] is the greatest capability, and [`Capability::none`] is the least.
//!
//! The algebra follows from two facts.
//!
//! 1. **The names that two resources have in common are those of one resource, or there are none.** Compare the
//!    segments from the left: two equal segments give that segment, a `*` gives the other's segment, and a `*` in the
//!    last place gives all remaining segments of the other. Any other pair means that no name is common. So the
//!    intersection of two capabilities, entry by entry, is a capability.
//! 2. **If several resources together cover a resource, one of them covers it alone.** Take a name that the covered
//!    resource matches, in which each `*` is replaced by a text that no segment of the several resources has. Such a
//!    text always exists. One of the several resources matches this name. It has a `*` wherever the covered resource
//!    has one, because no other segment matches the new text. If the covered resource ends in `*`, this one ends in `*`
//!    at the same place or earlier. So it matches every name of the covered resource. The same holds for `[*]` with a
//!    new kind, and for `["*"]` with a new operation. So it is enough to search for a single entry; entries never have
//!    to be combined.
//!
#![cfg_attr(not(feature = "alloc"), doc = include_str!("../links/alloc.md"))]

// The modules in reading order. First the parts: operations and resources.
mod operation;
mod resource;

#[cfg(feature = "alloc")]
mod entries;

// Then the laws, from single entries to capabilities.
#[cfg(feature = "alloc")]
mod algebra;
#[cfg(feature = "alloc")]
mod explain;
#[cfg(feature = "alloc")]
mod intersection;
#[cfg(feature = "alloc")]
mod tree;
#[cfg(feature = "alloc")]
mod work;

// Then the index for many resources.
#[cfg(feature = "alloc")]
mod matcher;

// Last the text and serde formats.
mod json;
#[cfg(feature = "alloc")]
mod text;
#[cfg(feature = "serde")]
mod wire;

pub use json::text_permits;
pub use operation::{Operation, OperationName};
#[cfg(feature = "alloc")]
pub use {
    entries::{Entries, Entry},
    explain::{Asked, Explanation},
    intersection::Meet,
    matcher::Matcher,
    operation::{OperationNames, Operations},
    resource::Resource,
    work::Work,
};

#[cfg(feature = "serde")]
pub use wire::as_object;

#[cfg(feature = "alloc")]
use alloc::vec::Vec;

#[cfg(feature = "alloc")]
use crate::error::{Error, ErrorKind};

/// A set of permitted operations on resources: see the [module's documentation](self).
///
/// ```
/// use ably_auth_core::Capability;
///
/// let capability: Capability = r#"{"chat:*":["publish","subscribe"]}"#.parse()?;
/// assert!(capability.permits("chat:room1", "publish") && !capability.permits("chat:room1", "history"));
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[cfg(feature = "alloc")]
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Capability {
    /// Sorted by the bytes of the resource, without duplicates and without entries that have no operation.
    entries: Vec<(Resource, Operations)>,
}

#[cfg(feature = "alloc")]
impl Capability {
    /// Returns the capability for everything: `{"[*]*":["*"]}`. It covers every capability. Its intersection with a
    /// capability is that capability.
    #[must_use]
    pub fn all() -> Self {
        Self { entries: Vec::from([(Resource::everything(), Operations::ALL)]) }
    }

    /// Returns the capability for nothing: `{}`. Every capability covers it. The service issues no token with it.
    #[must_use]
    pub const fn none() -> Self {
        Self { entries: Vec::new() }
    }

    /// Returns this capability with `operations` on `resource` added.
    ///
    /// ```
    /// use ably_auth_core::{Capability, Operation};
    ///
    /// let capability = Capability::none()
    ///     .with("chat", [Operation::Publish, Operation::Subscribe])?
    ///     .with("status", [Operation::Subscribe])?;
    /// assert_eq!(capability.to_string(), r#"{"chat":["publish","subscribe"],"status":["subscribe"]}"#);
    /// # Ok::<(), ably_auth_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Capability`] if the resource is malformed or of an unknown kind, or if `operations` is empty.
    pub fn with(mut self, resource: &str, operations: impl Into<Operations>) -> Result<Self, Error> {
        let resource = Resource::parse_strict(resource)?;
        let operations = operations.into();
        if operations.is_empty() {
            return Err(Error::new(
                ErrorKind::Capability,
                "no operation is given",
                "name at least one operation, or leave the resource out",
            )
            .resource_name(resource.as_str()));
        }
        self.add(resource, operations);
        Ok(self)
    }

    /// Adds operations to those of the resource, and keeps the entries sorted.
    fn add(&mut self, resource: Resource, operations: Operations) {
        match self.entries.binary_search_by(|(known, _)| known.cmp(&resource)) {
            Ok(at) => {
                if let Some((_, known)) = self.entries.get_mut(at) {
                    // One by one: with a sort for each call, many calls that add a name each would take too long.
                    operations.iter().for_each(|operation| known.insert(operation));
                }
            }
            Err(at) => self.entries.insert(at, (resource, operations)),
        }
    }

    /// Returns true if nothing is permitted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the number of resources.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns the operations of exactly this resource. Wildcards are not expanded.
    ///
    /// ```
    /// use ably_auth_core::Capability;
    ///
    /// let capability: Capability = r#"{"chat:*":["publish"]}"#.parse()?;
    /// assert!(capability.get("chat:*").is_some_and(|operations| operations.contains("publish")));
    /// assert!(capability.get("chat:room1").is_none() && capability.permits("chat:room1", "publish"));
    /// # Ok::<(), ably_auth_core::Error>(())
    /// ```
    #[must_use]
    pub fn get(&self, resource: &str) -> Option<&Operations> {
        let at = self.entries.binary_search_by(|(known, _)| known.as_str().cmp(resource)).ok()?;
        self.entries.get(at).map(|(_, operations)| operations)
    }
}
