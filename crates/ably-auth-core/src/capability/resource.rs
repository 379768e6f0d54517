//! The resources in a capability, and their patterns: which names they match, and what two of them have in common. A
//! pattern borrows its text; only a new name is allocated.

#[cfg(feature = "alloc")]
use alloc::boxed::Box;
#[cfg(feature = "alloc")]
use alloc::string::String;
#[cfg(feature = "alloc")]
use core::fmt;

#[cfg(feature = "alloc")]
use crate::error::{Error, ErrorKind};
#[cfg(feature = "alloc")]
use crate::text::split_at_byte;

/// A resource in a capability: a name, which may have wildcards. See [which names it
/// matches](super#resources-and-wildcards).
///
/// ```
/// use ably_auth_core::capability::Resource;
///
/// let rooms: Resource = "chat:*".parse()?;
/// assert!(rooms.covers(&"chat:room1:typing".parse()?) && !rooms.covers(&"chat".parse()?));
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[cfg(feature = "alloc")]
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Resource(Box<str>);

#[cfg(feature = "alloc")]
impl Resource {
    /// Parses a resource of a known kind: a channel, `[filter]`, `[queue]`, `[meta]` or `[*]`.
    ///
    /// [`FromStr`](core::str::FromStr) does the same.
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
        match problem(text.chars()) {
            None => Ok(Self(text.into())),
            Some(problem) if text.is_empty() => Err(Error::new(ErrorKind::Capability, problem, FORM)),
            Some(problem) => Err(Error::new(ErrorKind::Capability, problem, FORM).input(text)),
        }
    }

    pub(super) fn everything() -> Self {
        Self("[*]*".into())
    }

    /// Creates a resource from the result of [`Pattern::meet`], which is always valid.
    pub(super) fn from_checked(name: &str) -> Self {
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

/// Parses as [`Resource::parse_strict`] does.
#[cfg(feature = "alloc")]
impl core::str::FromStr for Resource {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse_strict(text)
    }
}

#[cfg(feature = "alloc")]
impl AsRef<str> for Resource {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

#[cfg(feature = "alloc")]
impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(feature = "alloc")]
impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Resource({:?})", self.0)
    }
}

pub(super) const FORM: &str = "name a channel, `[queue]name`, `[meta]name`, or everything as `[*]*`";

const WILDCARD: &str = "*";
const SEPARATOR: char = ':';

/// The kind of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// `[*]`: any kind.
    Any,
    /// No bracket: a channel.
    Channel,
    /// `[queue]`, `[meta]`, or a kind that only a newer service knows.
    Bracketed(&'a str),
}

#[cfg(feature = "alloc")]
impl Kind<'_> {
    pub(super) fn covers(self, other: Self) -> bool {
        self == Kind::Any || self == other
    }
}

/// A parsed resource: its kind, and its segments, of which `*` is a wildcard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pattern<'a> {
    pub(super) kind: Kind<'a>,
    pub(super) path: &'a str,
}

impl<'a> Pattern<'a> {
    /// Parses a resource. Returns `None` if its bracket does not close, or if no name follows. A name must not begin
    /// with `[`, because without its own bracket it would read as a resource of another kind.
    pub(super) fn of(resource: &'a str) -> Option<Self> {
        let (kind, path) = match resource.strip_prefix('[') {
            None => (Kind::Channel, resource),
            Some(rest) => match rest.split_once(']')? {
                (WILDCARD, path) => (Kind::Any, path),
                (name, path) => (Kind::Bracketed(name), path),
            },
        };
        (!path.is_empty() && !path.starts_with('[')).then_some(Self { kind, path })
    }

    /// Returns true if this pattern matches every name that `other` matches.
    ///
    /// A comparison of the segments is enough: where `other` has a `*`, only a `*` matches all of its names.
    #[cfg(feature = "alloc")]
    pub(super) fn covers(self, other: Self) -> bool {
        if !self.kind.covers(other.kind) {
            return false;
        }
        path_covers(self.path, other.path)
    }

    /// Writes the pattern that matches exactly the names that both match into `name`, which is cleared first. Returns
    /// false if there is no such name.
    ///
    /// If one pattern covers the other, the result is the text of the other.
    #[cfg(feature = "alloc")]
    pub(super) fn meet(self, other: Self, name: &mut String) -> bool {
        name.clear();
        match (self.kind, other.kind) {
            (a, b) if a == b || b == Kind::Any => self.kind,
            (Kind::Any, _) => other.kind,
            _ => return false,
        }
        .write(name);
        let (mut ours, mut theirs) = (Segments::of(self.path), Segments::of(other.path));
        loop {
            let (Some(our), Some(their)) = (ours.next(), theirs.next()) else {
                return false;
            };
            if our.is_tail() {
                name.push_str(their.and_rest);
                return true;
            }
            if their.is_tail() {
                name.push_str(our.and_rest);
                return true;
            }
            name.push_str(match (our.text, their.text) {
                (WILDCARD, text) | (text, WILDCARD) => text,
                (a, b) if a == b => a,
                _ => return false,
            });
            match (our.is_last, their.is_last) {
                (true, true) => return true,
                (false, false) => name.push(SEPARATOR),
                _ => return false,
            }
        }
    }
}

/// Returns true if `path` covers `other`, as in [`Pattern::covers`], but without the kinds.
#[cfg(feature = "alloc")]
pub(super) fn path_covers(path: &str, other: &str) -> bool {
    let (mut ours, mut theirs) = (Segments::of(path), Segments::of(other));
    loop {
        match (ours.next(), theirs.next()) {
            (None, None) => return true,
            (Some(our), Some(_)) if our.is_tail() => return true,
            (Some(our), Some(their)) if our.text == WILDCARD || our.text == their.text => {}
            _ => return false,
        }
    }
}

#[cfg(feature = "alloc")]
impl Kind<'_> {
    fn write(self, name: &mut String) {
        match self {
            Self::Channel => {}
            Self::Any => name.push_str("[*]"),
            Self::Bracketed(kind) => name.extend(["[", kind, "]"]),
        }
    }
}

#[cfg(feature = "alloc")]
pub(super) struct Segment<'a> {
    pub(super) text: &'a str,
    /// The text from this segment to the end.
    and_rest: &'a str,
    is_last: bool,
}

#[cfg(feature = "alloc")]
impl Segment<'_> {
    /// Returns true for a `*` in the last place, which matches one or more segments. Elsewhere a `*` matches exactly
    /// one.
    pub(super) fn is_tail(&self) -> bool {
        self.is_last && self.is_wildcard()
    }

    pub(super) fn is_wildcard(&self) -> bool {
        self.text == WILDCARD
    }
}

#[cfg(feature = "alloc")]
pub(super) struct Segments<'a>(Option<&'a str>);

#[cfg(feature = "alloc")]
impl<'a> Segments<'a> {
    pub(super) const fn of(path: &'a str) -> Self {
        Self(Some(path))
    }

    /// Returns the first segment and the text after it.
    #[inline]
    pub(super) fn split(path: &'a str) -> (&'a str, Option<&'a str>) {
        split_at_byte(path, SEPARATOR as u8).map_or((path, None), |(text, rest)| (text, Some(rest)))
    }
}

#[cfg(feature = "alloc")]
impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        let and_rest = self.0.take()?;
        let (text, rest) = Self::split(and_rest);
        self.0 = rest;
        Some(Segment { text, and_rest, is_last: rest.is_none() })
    }
}

/// Returns the reason why a resource is invalid, or `None` if it is valid.
pub(super) fn problem(resource: impl Iterator<Item = char> + Clone) -> Option<&'static str> {
    let mut path = resource;
    let mut first = path.clone().next();
    if first == Some('[') {
        if !path.any(|c| c == ']') {
            return Some("no closing `]` in resource");
        }
        first = path.next();
        if first.is_none() {
            return Some("no name after the bracket in resource");
        }
    }
    match first {
        None => Some("resource is empty"),
        Some('[') => Some("name begins with `[` in resource"),
        Some(_) => None,
    }
}

/// Does the same as [`Pattern::covers`] for a resource that is decoded while it is read, because there is no heap for
/// its text.
pub(super) fn text_covers(resource: impl Iterator<Item = char> + Clone, asked: Pattern<'_>) -> bool {
    let mut path = resource;
    if path.clone().next() == Some('[') {
        path.next();
        let name = path.clone().take_while(|&c| c != ']');
        let is_asked = matches!(asked.kind, Kind::Bracketed(of) if name.clone().eq(of.chars()));
        if !is_asked && !name.eq(WILDCARD.chars()) {
            return false;
        }
        path.by_ref().find(|&c| c == ']');
    } else if asked.kind != Kind::Channel {
        return false;
    }
    let (mut ours, mut theirs) = (Some(path), asked.path.split(SEPARATOR));
    loop {
        match (ours.take(), theirs.next()) {
            (None, None) => return true,
            (Some(our), Some(their)) => {
                let mut rest = our.clone();
                let is_last = !rest.any(|c| c == SEPARATOR);
                let text = our.take_while(|&c| c != SEPARATOR);
                let is_wildcard = text.clone().eq(WILDCARD.chars());
                if is_wildcard && is_last {
                    return true;
                }
                if !is_wildcard && !text.eq(their.chars()) {
                    return false;
                }
                ours = (!is_last).then_some(rest);
            }
            _ => return false,
        }
    }
}
