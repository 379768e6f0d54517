//! The resources in a capability.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use super::pattern::{self, FORM, Kind, Pattern};
use crate::error::{Error, ErrorKind};

/// A resource in a capability: a name, which may have wildcards. See [which names it
/// matches](super#resources-and-wildcards).
///
/// ```
/// use ably_auth_core::capability::Resource;
///
/// let rooms = Resource::parse_strict("chat:*")?;
/// assert!(rooms.covers(&Resource::parse_strict("chat:room1:typing")?));
/// assert!(!rooms.covers(&Resource::parse_strict("chat")?));
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Resource(Box<str>);

impl Resource {
    /// Parses a resource of a known kind: a channel, `[filter]`, `[queue]`, `[meta]` or `[*]`.
    ///
    /// # Errors
    /// [`ErrorKind::Capability`] as for [`parse_lenient`](Self::parse_lenient), or if the kind is unknown.
    pub fn parse_strict(text: &str) -> Result<Self, Error> {
        let resource = Self::parse_lenient(text)?;
        match resource.pattern().kind {
            Kind::Any | Kind::Channel | Kind::Bracketed("filter" | "meta" | "queue") => Ok(resource),
            Kind::Bracketed(_) => Err(Error::new(ErrorKind::Capability, "unknown kind of resource", FORM).input(text)),
        }
    }

    /// Parses a resource of any kind, because a newer service may have more kinds.
    ///
    /// ```
    /// use ably_auth_core::capability::Resource;
    ///
    /// assert!(Resource::parse_lenient("[new]thing").is_ok() && Resource::parse_strict("[new]thing").is_err());
    /// assert!(Resource::parse_lenient("[new]").is_err());
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Capability`] if it is empty, if its bracket does not close, or if after the bracket there is no
    /// name or one that begins with `[`.
    pub fn parse_lenient(text: &str) -> Result<Self, Error> {
        match pattern::problem(text.chars()) {
            None => Ok(Self(text.into())),
            Some(problem) if text.is_empty() => Err(Error::new(ErrorKind::Capability, problem, FORM)),
            Some(problem) => Err(Error::new(ErrorKind::Capability, problem, FORM).input(text)),
        }
    }

    pub(super) fn everything() -> Self {
        Self("[*]*".into())
    }

    /// Creates a resource from the result of [`Pattern::meet`], which is always valid.
    pub(super) fn from_checked(name: String) -> Self {
        Self(name.into())
    }

    /// Returns the text of the resource.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns true if this resource matches every name that `other` matches.
    ///
    /// **Law:** this is a partial order. Two resources that cover each other have the same text.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.pattern().covers(other.pattern())
    }

    pub(super) fn pattern(&self) -> Pattern<'_> {
        // Every constructor has checked the text. The fallback is a channel, so it grants nothing more.
        Pattern::of(&self.0).unwrap_or(Pattern { kind: Kind::Channel, path: &self.0 })
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Resource({:?})", self.0)
    }
}
