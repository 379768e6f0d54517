//! Capabilities: which operations on which resources.
//!
//! A [`Capability`] maps resources (channel names, queues, metachannels, with wildcards) to [`Operations`]. It is always
//! valid and always canonical: resources in byte order, operations in byte order, nothing written twice. Text from outside
//! that a signature covers is therefore not replaced by a capability's own text but kept beside it.
//!
//! # What a resource matches
//!
//! Names are split by `:` into segments, and `*` stands for whole segments only.
//!
//! | resource | matches |
//! | --- | --- |
//! | `chat` | that channel alone |
//! | `foo*` | the one channel of that name: no wildcard, since `*` is not the whole segment |
//! | `*` | every channel; no queue, no metachannel |
//! | `foo:*` | one or more segments after `foo:`, so `foo:a` and `foo:a:b`, not `foo` |
//! | `foo:*:baz` | exactly one segment between |
//! | `[queue]q`, `[queue]*`, `[meta]log`, `[meta]*` | a queue, all queues, a metachannel, all metachannels |
//! | `[*]*` | everything |
//!
//! What is asked about is a name, or itself a resource with wildcards, which stands for all the names that it matches.
//!
//! # Asking
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
//! Without a heap, [`text_permits`] asks the text; a [`Matcher`] is for a capability that is asked again and again.
//!
//! # The algebra
//!
//! A capability *means* a set of pairs: each name with each operation that an entry has on a resource that matches it. There
//! is no end to names, nor, since a newer service may have more of them, to operations and to kinds of resources. The algebra
//! is that of such sets:
//!
//! | written | on meanings | law |
//! | --- | --- | --- |
//! | `a.permits(n, o)` | is *(n, o)* in *a*? | of a resource with wildcards: are all of its names? |
//! | `a.covers(&b)` | *a* ⊇ *b* | a partial order: reflexive, transitive, and both ways only between equivalents |
//! | `a.is_equivalent(&b)` | *a* = *b* | `a.covers(&b) && b.covers(&a)` |
//! | `a.union(&b)` | *a* ∪ *b* | permits what either permits; commutes, associates, `a.union(&a) == a` |
//! | `a.intersect(&b)` | *a* ∩ *b* | permits what both permit; commutes, associates in meaning, `a.intersect(&a) == a` |
//! | `a.minimal()` | *a* | the same for all that are equivalent, and nothing in it can be left out |
//! | `a.explain(n, o)` | why? | says yes exactly if `permits` does |
//!
//! `==` is finer than all of this: it compares what is written. So a law with `==` holds to the last name, and one that
//! holds *in meaning* holds by `is_equivalent`. Union and intersection distribute over one another and absorb one another,
//! in meaning; [`Capability::all`] and [`Capability::none`] are the greatest and the least.
//!
//! Two facts carry all of it.
//!
//! 1. **What two resources have in common is one resource, or nothing.** Read along both: two equal segments give that
//!    segment, a `*` gives what the other has in its place, a `*` in last place gives all that the other still has, and
//!    anything else has no name in common. So what two capabilities have in common is, entry by entry, a capability again.
//! 2. **What several resources cover together, one of them covers alone.** Of what is covered, take a name in which each
//!    `*`, the last one too, stands for one segment of a text that none of the several has; there is always one. Whichever of
//!    them matches that name has a `*` wherever the covered one has, and ends in one, there or earlier, if the covered one
//!    ends in one. So it matches all other names of the covered one, too. A kind that none of them names does the same for
//!    `[*]`, and an operation that none of them names for `["*"]`. So it is enough to look for a single entry: no two have to
//!    be put together.
//!
#![cfg_attr(not(feature = "alloc"), doc = include_str!("../links/alloc.md"))]

// In the order in which they are best read. First what is named: operations, and resources by their patterns.
mod operation;
#[cfg(feature = "alloc")]
mod operations;
mod pattern;
#[cfg(feature = "alloc")]
mod resource;

// Then the laws, from entries to capabilities.
#[cfg(feature = "alloc")]
mod algebra;
#[cfg(feature = "alloc")]
mod explain;
#[cfg(feature = "alloc")]
mod intersection;
#[cfg(feature = "alloc")]
mod meet;
#[cfg(feature = "alloc")]
mod tree;
#[cfg(feature = "alloc")]
mod work;

// Then how many resources are asked at once.
#[cfg(feature = "alloc")]
mod index;
#[cfg(feature = "alloc")]
mod matcher;

// At last how all of it is written.
mod asked_text;
mod json;
#[cfg(feature = "serde")]
mod object;
#[cfg(feature = "alloc")]
mod text;

pub use asked_text::text_permits;
pub use operation::{Operation, OperationName};
#[cfg(feature = "alloc")]
pub use {
    explain::{Asked, Explanation},
    matcher::Matcher,
    meet::Meet,
    operations::Operations,
    resource::Resource,
    work::Work,
};

#[cfg(feature = "serde")]
pub use object::as_object;

#[cfg(feature = "alloc")]
use alloc::string::String;
#[cfg(feature = "alloc")]
use alloc::vec::Vec;
#[cfg(feature = "alloc")]
use core::fmt;

use crate::error::{Error, ErrorKind};

fn repeated(at: usize) -> Error {
    let advice = "name each resource once, with all of its operations";
    Error::new(ErrorKind::Capability, "repeated resource", advice).at(at)
}

/// Which operations on which resources: see the [module's documentation](self).
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
    /// In byte order of the resources' text, no text twice, no entry without an operation.
    entries: Vec<(Resource, Operations)>,
}

#[cfg(feature = "alloc")]
impl Capability {
    /// Reads JSON text as an issuer does: what the service would refuse in a request is refused.
    ///
    /// This is what [`FromStr`](core::str::FromStr) does.
    ///
    /// ```
    /// use ably_auth_core::Capability;
    ///
    /// let capability = Capability::parse_strict(r#"{ "chat": ["subscribe", "publish"] }"#)?;
    /// assert_eq!(capability.to_string(), r#"{"chat":["publish","subscribe"]}"#);
    /// let error = Capability::parse_strict(r#"{"chat":["pubish"]}"#).unwrap_err();
    /// assert_eq!((error.resource(), error.offset()), (Some("chat"), Some(10)));
    /// # Ok::<(), ably_auth_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Capability`], with the byte offset and the resource, if the text is not a JSON object of lists of
    /// strings, if it names a resource twice, one that is not in the form of one or one of an unknown kind, or if it has a
    /// list that is empty, that holds an unknown operation, or in which `*` does not stand alone.
    pub fn parse_strict(text: &str) -> Result<Self, Error> {
        text::parse(text, text::Mode::Strict)
    }

    /// Reads JSON text as a holder of tokens does: operations and kinds of resources that a newer service may know are
    /// kept, a resource with an empty list grants nothing and is left out, and `*` beside other operations is `*`.
    ///
    /// ```
    /// use ably_auth_core::Capability;
    ///
    /// let text = r#"{"chat":["publish","teleport"]}"#;
    /// assert!(Capability::parse_strict(text).is_err());
    /// assert_eq!(Capability::parse_lenient(text)?.to_string(), text);
    /// # Ok::<(), ably_auth_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Capability`], with the byte offset, if the text is not a JSON object of lists of strings, or if it names
    /// a resource twice or one that is not in the form of one.
    pub fn parse_lenient(text: &str) -> Result<Self, Error> {
        text::parse(text, text::Mode::Lenient)
    }

    /// Everything: `{"[*]*":["*"]}`. It covers every capability, and intersected with one gives that one.
    #[must_use]
    pub fn all() -> Self {
        Self { entries: Vec::from([(Resource::everything(), Operations::ALL)]) }
    }

    /// Nothing: `{}`. Every capability covers it; the service issues no token with it.
    #[must_use]
    pub const fn none() -> Self {
        Self { entries: Vec::new() }
    }

    /// This capability with those operations on that resource added.
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
    /// [`ErrorKind::Capability`] if the resource is not in the form of one or of an unknown kind, or no operation is given.
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

    /// Adds to what the resource has, keeping the order.
    fn add(&mut self, resource: Resource, operations: Operations) {
        match self.entries.binary_search_by(|(known, _)| known.cmp(&resource)) {
            Ok(at) => {
                if let Some((_, known)) = self.entries.get_mut(at) {
                    known.extend(operations);
                }
            }
            Err(at) => self.entries.insert(at, (resource, operations)),
        }
    }

    /// Whether nothing is permitted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many resources are named.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The entries, in the byte order of their resources.
    ///
    /// ```
    /// use ably_auth_core::Capability;
    ///
    /// let capability: Capability = r#"{"status":["subscribe"],"chat":["*"]}"#.parse()?;
    /// let resources: Vec<&str> = capability.iter().map(|(resource, _)| resource.as_str()).collect();
    /// assert_eq!(resources, ["chat", "status"]);
    /// # Ok::<(), ably_auth_core::Error>(())
    /// ```
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Resource, &Operations)> {
        self.entries.iter().map(|(resource, operations)| (resource, operations))
    }

    /// What is written for exactly this resource, wildcards not considered.
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

/// The canonical text: no white space, resources and operations in byte order, no escape that JSON does not need.
///
/// **Law:** reading it gives the same capability again, and equal capabilities give equal text.
#[cfg(feature = "alloc")]
impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::write(self, f)
    }
}

#[cfg(feature = "alloc")]
impl fmt::Debug for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Capability({self})")
    }
}

#[cfg(feature = "alloc")]
impl core::str::FromStr for Capability {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse_strict(text)
    }
}

#[cfg(feature = "alloc")]
impl From<&Capability> for String {
    fn from(capability: &Capability) -> Self {
        use alloc::string::ToString as _;
        capability.to_string()
    }
}
