//! The resources that a capability names.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use super::pattern::{self, FORM, Kind, Pattern};
use crate::error::{Error, ErrorKind};

/// A resource as a capability names it: a name, perhaps with wildcards. See [what it matches](super#what-a-resource-matches).
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

    /// Reads a resource of whatever kind, as a newer service may have more of them.
    ///
    /// ```
    /// use ably_auth_core::capability::Resource;
    ///
    /// assert!(Resource::parse_lenient("[new]thing").is_ok() && Resource::parse_strict("[new]thing").is_err());
    /// assert!(Resource::parse_lenient("[new]").is_err());
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Capability`] if it is empty, if its bracket does not close, or if no name follows the bracket, or one
    /// that begins with `[`.
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

    /// Takes the name that two patterns [meet](Pattern::meet) in, which is in the form of one as they are.
    pub(super) fn made(name: String) -> Self {
        Self(name.into())
    }

    /// The name as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether every name that `other` matches, this resource matches too.
    ///
    /// **Law:** a partial order. Two resources that cover one another are the same, to the letter.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.pattern().covers(other.pattern())
    }

    pub(super) fn pattern(&self) -> Pattern<'_> {
        // Every constructor has taken the text apart before; the fallback names a channel, and so widens nothing.
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
