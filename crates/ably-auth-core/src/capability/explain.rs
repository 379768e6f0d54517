//! Explanations why a capability permits something, or what it lacks.

use core::fmt;

use super::Capability;
use super::entries::Entry;
use super::operation::OperationName;
use super::resource::{Kind, Pattern, Resource, Segments};
use crate::text::Escaped;

/// The reason why an operation is permitted or not. `Display` is for people; the variants are for programs.
///
/// ```
/// use ably_auth_core::Capability;
/// use ably_auth_core::capability::Explanation;
///
/// let capability: Capability = r#"{"chat:*":["publish"],"status":["subscribe"]}"#.parse()?;
/// let lacks = capability.explain("chat:room1", "history");
/// assert_eq!(
///     lacks.to_string(),
///     "`history` on `chat:room1` is not permitted: `chat:*` covers it, but has only `publish`"
/// );
/// assert!(matches!(lacks, Explanation::LacksOperation { .. }));
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Explanation<'a> {
    /// This entry permits it.
    Permitted {
        /// The operation and the resource in question.
        asked: Asked<'a>,
        /// The entry that permits it. If several do, the most specific one.
        by: Entry<'a>,
    },
    /// This entry covers the resource but does not have the operation. No other entry that covers the resource has it.
    LacksOperation {
        /// The operation and the resource in question.
        asked: Asked<'a>,
        /// The entry that comes closest. If several cover the resource, the most specific one.
        closest: Entry<'a>,
    },
    /// No entry covers the resource, but this one has the operation.
    LacksResource {
        /// The operation and the resource in question.
        asked: Asked<'a>,
        /// The entry that comes closest: the one that has the most leading segments in common with the resource. A `*`
        /// counts as in common with any segment.
        closest: Entry<'a>,
    },
    /// No entry covers the resource, and no entry has the operation.
    LacksBoth {
        /// The operation and the resource in question.
        asked: Asked<'a>,
    },
    /// The text is not a valid resource.
    NoResource {
        /// The operation and the resource in question.
        asked: Asked<'a>,
    },
}

/// An operation on a resource.
///
/// ```
/// use ably_auth_core::Capability;
/// use ably_auth_core::capability::Explanation;
///
/// let capability: Capability = r#"{"chat":["publish"]}"#.parse()?;
/// let Explanation::LacksBoth { asked } = capability.explain("status", "subscribe") else { panic!("permitted") };
/// assert_eq!((asked.resource, asked.operation.as_str()), ("status", "subscribe"));
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The resource, as the caller gave it.
    pub resource: &'a str,
    /// The operation.
    pub operation: OperationName<'a>,
}

impl Explanation<'_> {
    /// Returns true if the operation is permitted, the same as [`Capability::permits`].
    #[must_use]
    pub const fn is_permitted(&self) -> bool {
        matches!(self, Self::Permitted { .. })
    }
}

impl Capability {
    /// Explains why the operation is permitted on the resource, or what is missing.
    ///
    /// **Law:** `a.explain(n, o).is_permitted() == a.permits(n, o)`. A single entry always decides, so the explanation
    /// shows a single entry.
    ///
    /// ```
    /// use ably_auth_core::Capability;
    ///
    /// let capability: Capability = r#"{"*":["subscribe"],"chat:*":["publish","subscribe"]}"#.parse()?;
    /// assert_eq!(
    ///     capability.explain("chat:room1", "subscribe").to_string(),
    ///     "`subscribe` on `chat:room1` is permitted by `chat:*`"
    /// );
    /// assert_eq!(
    ///     capability.explain("status", "publish").to_string(),
    ///     "`publish` on `status` is not permitted: `*` covers it, but has only `subscribe`"
    /// );
    /// # Ok::<(), ably_auth_core::Error>(())
    /// ```
    #[must_use]
    pub fn explain<'a>(&'a self, resource: &'a str, operation: impl Into<OperationName<'a>>) -> Explanation<'a> {
        let asked = Asked { resource, operation: operation.into() };
        let Some(pattern) = Pattern::of(resource) else {
            return Explanation::NoResource { asked };
        };
        let covering = || self.iter().filter(|entry| entry.resource.pattern().covers(pattern));
        let has_it = |entry: &Entry<'_>| entry.operations.contains(asked.operation);
        if let Some(by) = most_specific(covering().filter(has_it)) {
            Explanation::Permitted { asked, by }
        } else if let Some(closest) = most_specific(covering()) {
            Explanation::LacksOperation { asked, closest }
        } else if let Some(closest) = self.iter().filter(has_it).max_by_key(|entry| in_common(entry.resource, pattern))
        {
            Explanation::LacksResource { asked, closest }
        } else {
            Explanation::LacksBoth { asked }
        }
    }
}

/// Returns the most specific entry: of entries that all cover one name, the one that the others cover.
fn most_specific<'a>(entries: impl Iterator<Item = Entry<'a>>) -> Option<Entry<'a>> {
    entries.reduce(|best, entry| if best.resource.covers(entry.resource) { entry } else { best })
}

/// Returns the number of leading segments that two names have in common. A common kind counts as one.
fn in_common(known: &Resource, asked: Pattern<'_>) -> usize {
    let known = known.pattern();
    if known.kind != Kind::Any && known.kind != asked.kind {
        return 0;
    }
    let shared =
        Segments::of(known.path).zip(Segments::of(asked.path)).take_while(|(a, b)| a.text == b.text || a.is_wildcard());
    shared.count().saturating_add(1)
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Permitted { asked, .. }
        | Self::LacksOperation { asked, .. }
        | Self::LacksResource { asked, .. }
        | Self::LacksBoth { asked }
        | Self::NoResource { asked }) = self;
        let (operation, resource) = (Escaped(asked.operation.as_str()), Escaped(asked.resource));
        write!(f, "`{operation}` on `{resource}` is ")?;
        match self {
            Self::Permitted { by, .. } => write!(f, "permitted by `{}`", Escaped(by.resource.as_str())),
            Self::LacksOperation { closest, .. } => {
                write!(f, "not permitted: `{}` covers it, but has only ", Escaped(closest.resource.as_str()))?;
                for (at, operation) in closest.operations.iter().enumerate() {
                    let comma = if at == 0 { "" } else { ", " };
                    write!(f, "{comma}`{}`", Escaped(operation.as_str()))?;
                }
                Ok(())
            }
            Self::LacksResource { closest, .. } => {
                write!(
                    f,
                    "not permitted: `{}` has `{operation}`, but does not cover it",
                    Escaped(closest.resource.as_str())
                )
            }
            Self::LacksBoth { .. } => f.write_str("not permitted: nothing covers it, and nothing has that operation"),
            Self::NoResource { .. } => f.write_str("not permitted: this is not a valid resource"),
        }
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Explanation<'_> {
    /// Writes `{"permitted":…,"resource":…,"operation":…,"reason":…}`, with the `entry` that decided or came closest.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap as _;
        let (asked, reason, entry) = match self {
            Self::Permitted { asked, by } => (asked, "permitted", Some(by)),
            Self::LacksOperation { asked, closest } => (asked, "lacksOperation", Some(closest)),
            Self::LacksResource { asked, closest } => (asked, "lacksResource", Some(closest)),
            Self::LacksBoth { asked } => (asked, "lacksBoth", None),
            Self::NoResource { asked } => (asked, "noResource", None),
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("permitted", &self.is_permitted())?;
        map.serialize_entry("resource", asked.resource)?;
        map.serialize_entry("operation", asked.operation.as_str())?;
        map.serialize_entry("reason", reason)?;
        if let Some(entry) = entry {
            map.serialize_entry("entry", entry)?;
        }
        map.end()
    }
}
