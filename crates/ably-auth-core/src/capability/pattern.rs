//! Resource patterns: what one covers, and what two have in common. Borrowed, without allocation but for a new name.

use alloc::string::String;

const WILDCARD: &str = "*";
const SEPARATOR: char = ':';

/// Which kind of thing a resource names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Namespace<'a> {
    /// `[*]`: any kind.
    Any,
    /// No bracket: a channel.
    Channel,
    /// `[queue]`, `[meta]`, or one that a newer service has.
    Bracketed(&'a str),
}

impl Namespace<'_> {
    fn covers(self, other: Self) -> bool {
        self == Namespace::Any || self == other
    }
}

/// A resource taken apart: its kind, and segments of which `*` is a wildcard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pattern<'a> {
    pub(super) namespace: Namespace<'a>,
    pub(super) path: &'a str,
}

impl<'a> Pattern<'a> {
    /// Takes a resource apart; nothing if its bracket does not close, or if no name follows. No name begins with `[`, which
    /// would make it that of another kind of thing once its own bracket is gone.
    pub(super) fn of(resource: &'a str) -> Option<Self> {
        let (namespace, path) = match resource.strip_prefix('[') {
            None => (Namespace::Channel, resource),
            Some(rest) => match rest.split_once(']')? {
                (WILDCARD, path) => (Namespace::Any, path),
                (name, path) => (Namespace::Bracketed(name), path),
            },
        };
        (!path.is_empty() && !path.starts_with('[')).then_some(Self { namespace, path })
    }

    /// Whether every name that `other` matches, this one matches too.
    pub(super) fn covers(self, other: Self) -> bool {
        if !self.namespace.covers(other.namespace) {
            return false;
        }
        let (mut ours, mut theirs) = (Segments(Some(self.path)), Segments(Some(other.path)));
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) => return true,
                (Some(our), Some(_)) if our.is_tail() => return true,
                // A tail of theirs takes any number of segments, which only a tail of ours can cover.
                (Some(_), Some(their)) if their.is_tail() => return false,
                (Some(our), Some(their)) if our.text == WILDCARD || our.text == their.text => {}
                _ => return false,
            }
        }
    }

    /// The one pattern that matches exactly what both match, if there is such a name at all.
    ///
    /// Where one of the two covers the other, that is the other; what is written here is the name of what neither wrote.
    pub(super) fn meet(self, other: Self) -> Option<String> {
        let mut name = String::new();
        match (self.namespace, other.namespace) {
            (a, b) if a == b || b == Namespace::Any => self.namespace,
            (Namespace::Any, _) => other.namespace,
            _ => return None,
        }
        .write(&mut name);
        let (mut ours, mut theirs) = (Segments(Some(self.path)), Segments(Some(other.path)));
        loop {
            let (our, their) = (ours.next()?, theirs.next()?);
            if our.is_tail() {
                name.push_str(their.and_rest);
                return Some(name);
            }
            if their.is_tail() {
                name.push_str(our.and_rest);
                return Some(name);
            }
            name.push_str(match (our.text, their.text) {
                (WILDCARD, text) | (text, WILDCARD) => text,
                (a, b) if a == b => a,
                _ => return None,
            });
            match (our.is_last, their.is_last) {
                (true, true) => return Some(name),
                (false, false) => name.push(SEPARATOR),
                _ => return None,
            }
        }
    }
}

impl Namespace<'_> {
    fn write(self, name: &mut String) {
        match self {
            Self::Channel => {}
            Self::Any => name.push_str("[*]"),
            Self::Bracketed(kind) => name.extend(["[", kind, "]"]),
        }
    }
}

struct Segment<'a> {
    text: &'a str,
    /// This segment and all after it.
    and_rest: &'a str,
    is_last: bool,
}

impl Segment<'_> {
    /// A `*` in last place takes one or more segments; anywhere else it takes exactly one.
    fn is_tail(&self) -> bool {
        self.is_last && self.text == WILDCARD
    }
}

struct Segments<'a>(Option<&'a str>);

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        let and_rest = self.0.take()?;
        let (text, rest) = and_rest.split_once(SEPARATOR).map_or((and_rest, None), |(text, rest)| (text, Some(rest)));
        self.0 = rest;
        Some(Segment { text, and_rest, is_last: rest.is_none() })
    }
}
