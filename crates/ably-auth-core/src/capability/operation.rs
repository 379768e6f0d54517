//! Operations by name, and sets of them.

#[cfg(feature = "alloc")]
use alloc::boxed::Box;
#[cfg(feature = "alloc")]
use alloc::vec::Vec;
use core::fmt;

use crate::error::{Error, ErrorKind};
#[cfg(feature = "alloc")]
use crate::text::json_writer::{BufferedWriter, Json};

/// The name that stands for all operations, present and future.
const WILDCARD: &str = "*";

macro_rules! operations {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal),+ $(,)?) => {
        /// An operation that this version of the library knows.
        ///
        /// ```
        /// use ably_auth_core::Operation;
        ///
        /// assert_eq!(Operation::PushAdmin.as_str(), "push-admin");
        /// assert_eq!("push-admin".parse(), Ok(Operation::PushAdmin));
        /// assert_eq!(Operation::ALL.len(), 17);
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Operation {
            $($(#[doc = $doc])+ $variant),+
        }

        impl Operation {
            /// All known operations, in the byte order of their names.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the name on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// Returns the operation with this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

// In the byte order of the names, so that the bits of a set are in the order of the canonical text.
operations! {
    /// Publishes annotations.
    AnnotationPublish = "annotation-publish",
    /// Receives annotations one by one.
    AnnotationSubscribe = "annotation-subscribe",
    /// Requests the status of a channel; on `*` or `[*]*`, lists the channels.
    ChannelMetadata = "channel-metadata",
    /// Reads past messages and presence events.
    History = "history",
    /// Deletes any message.
    MessageDeleteAny = "message-delete-any",
    /// Deletes messages of the same client.
    MessageDeleteOwn = "message-delete-own",
    /// Updates any message.
    MessageUpdateAny = "message-update-any",
    /// Updates messages of the same client.
    MessageUpdateOwn = "message-update-own",
    /// Changes the objects of a channel.
    ObjectPublish = "object-publish",
    /// Receives changes of the objects of a channel.
    ObjectSubscribe = "object-subscribe",
    /// Enters presence on a channel.
    Presence = "presence",
    /// Sets the `privileged` part of a message's `extras`.
    PrivilegedHeaders = "privileged-headers",
    /// Publishes messages.
    Publish = "publish",
    /// Manages the push subscriptions and devices of other clients.
    PushAdmin = "push-admin",
    /// Manages the push subscriptions of the same device.
    PushSubscribe = "push-subscribe",
    /// Reads the statistics of the app; only on `*` or `[*]*`.
    Stats = "stats",
    /// Receives messages, presence events and changes of objects, and reads the presence members.
    Subscribe = "subscribe",
}

impl Operation {
    #[cfg(feature = "alloc")]
    pub(super) const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// Parses the name on the wire, with an error for an unknown name or `*`. [`Operation::from_name`] returns an option.
impl core::str::FromStr for Operation {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let advice = "operations are `publish`, `subscribe`, `presence`, `history` and so on";
        let invalid = || {
            let error = Error::new(ErrorKind::Capability, "unknown operation", advice);
            #[cfg(feature = "alloc")]
            let error = error.input(name);
            error
        };
        Self::from_name(name).ok_or_else(invalid)
    }
}

impl AsRef<str> for Operation {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name of an operation: a known one, an unknown one, or `*` for all.
///
/// ```
/// use ably_auth_core::Operation;
/// use ably_auth_core::capability::OperationName;
///
/// assert_eq!(OperationName::from("publish"), Operation::Publish.into());
/// assert_eq!(OperationName::from("teleport"), OperationName::Other("teleport"));
/// assert_eq!(OperationName::from("*"), OperationName::All);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OperationName<'a> {
    /// All operations, present and future: `*`.
    All,
    /// An operation that this version knows.
    Known(Operation),
    /// The name of an operation that this version does not know.
    Other(&'a str),
}

impl<'a> OperationName<'a> {
    /// Returns the name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        match self {
            Self::All => WILDCARD,
            Self::Known(operation) => operation.as_str(),
            Self::Other(name) => name,
        }
    }
}

impl From<Operation> for OperationName<'_> {
    fn from(operation: Operation) -> Self {
        Self::Known(operation)
    }
}

impl<'a> From<&'a str> for OperationName<'a> {
    fn from(name: &'a str) -> Self {
        if name == WILDCARD { Self::All } else { Operation::from_name(name).map_or(Self::Other(name), Self::Known) }
    }
}

/// A set of operations: all operations, or some known and unknown ones by name.
///
/// ```
/// use ably_auth_core::Operation;
/// use ably_auth_core::capability::Operations;
///
/// let some = Operations::from([Operation::Subscribe, Operation::Publish]);
/// assert!(some.contains("publish") && !some.contains("history"));
/// assert_eq!(some.to_string(), r#"["publish","subscribe"]"#);
/// assert!(Operations::ALL.contains("teleport"));
/// assert_eq!(Operations::ALL.intersect(&some), some);
/// ```
#[cfg(feature = "alloc")]
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Operations {
    /// True for `*`; then the other two fields are empty.
    all: bool,
    known: u32,
    /// The unknown names, of which there is at least one, sorted and without duplicates. Few sets have any, so they take
    /// no space in the others.
    other: Option<Box<Names>>,
}

#[cfg(feature = "alloc")]
type Names = Vec<Box<str>>;

#[cfg(feature = "alloc")]
impl Operations {
    /// All operations, present and future: `["*"]`.
    pub const ALL: Self = Self { all: true, known: 0, other: None };

    /// No operation.
    pub const NONE: Self = Self { all: false, known: 0, other: None };

    /// Returns true if the set has no operation.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.all && self.known == 0 && self.other.is_none()
    }

    /// Returns true if the set has all operations, present and future.
    #[must_use]
    pub const fn is_all(&self) -> bool {
        self.all
    }

    /// Returns true if the set has the operation. `*` is only in [`Operations::ALL`].
    #[must_use]
    pub fn contains<'a>(&self, operation: impl Into<OperationName<'a>>) -> bool {
        self.all
            || match operation.into() {
                OperationName::All => false,
                OperationName::Known(operation) => self.known & operation.bit() != 0,
                OperationName::Other(name) => self.find(name).is_ok(),
            }
    }

    /// Returns true if the set has all operations in `other`. Only [`Operations::ALL`] covers itself, because it also
    /// has future operations.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.all
            || (!other.all
                && other.known & !self.known == 0
                && other.names().iter().all(|name| self.find(name).is_ok()))
    }

    /// Returns the operations that are in both sets.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        match (self.all, other.all) {
            (true, _) => other.clone(),
            (_, true) => self.clone(),
            _ => {
                let names: Names = self.names().iter().filter(|name| other.find(name).is_ok()).cloned().collect();
                let names = (!names.is_empty()).then(|| Box::new(names));
                Self { all: false, known: self.known & other.known, other: names }
            }
        }
    }

    /// Adds one operation. After `*` is added, the set is [`Operations::ALL`].
    pub fn insert<'a>(&mut self, operation: impl Into<OperationName<'a>>) {
        match operation.into() {
            _ if self.all => {}
            OperationName::All => *self = Self::ALL,
            OperationName::Known(operation) => self.known |= operation.bit(),
            OperationName::Other(name) => {
                if let Err(at) = self.find(name) {
                    self.other.get_or_insert_default().insert(at, name.into());
                }
            }
        }
    }

    fn names(&self) -> &[Box<str>] {
        self.other.as_ref().map_or(&[], |names| names)
    }

    /// Returns the place of an unknown name, or the place where it belongs.
    // Inlined, it adds 10 per cent of instructions to checks of known operations, because more registers are saved.
    #[inline(never)]
    fn find(&self, name: &str) -> Result<usize, usize> {
        self.names().binary_search_by(|known| (**known).cmp(name))
    }

    /// Adds one operation without sorting, for many of them; call [`sort`](Self::sort) afterwards.
    pub(super) fn push(&mut self, operation: OperationName<'_>) {
        match operation {
            OperationName::Other(name) if !self.all => self.other.get_or_insert_default().push(name.into()),
            operation => self.insert(operation),
        }
    }

    /// Adds the operations of another set without sorting; call [`sort`](Self::sort) afterwards.
    pub(super) fn append(&mut self, others: Self) {
        if others.all {
            *self = others;
        } else if !self.all {
            self.known |= others.known;
            if let Some(mut names) = others.other {
                self.other.get_or_insert_default().append(&mut names);
            }
        }
    }

    /// Sorts the names after calls of [`push`](Self::push) and [`append`](Self::append).
    pub(super) fn sort(&mut self) {
        if let Some(names) = &mut self.other {
            // A stable sort merges sorted parts in linear time.
            names.sort();
            names.dedup();
        }
    }

    /// Returns the number of operations that are compared one by one.
    pub(super) fn cost(&self) -> usize {
        self.names().len()
    }

    /// Returns the names in byte order, or only `*` if the set has all operations.
    pub fn iter(&self) -> OperationNames<'_> {
        OperationNames { all: self.all, known: self.known, other: self.names().iter() }
    }

    /// Writes a JSON list in byte order.
    pub(super) fn write(&self, json: &mut impl Json) {
        json.raw(b"[");
        for (at, operation) in self.iter().enumerate() {
            if at > 0 {
                json.raw(b",");
            }
            json.text(operation.as_str());
        }
        json.raw(b"]");
    }
}

/// An iterator over the names of operations, in byte order: see [`Operations::iter`].
///
/// ```
/// use ably_auth_core::Capability;
///
/// let capability: Capability = r#"{"chat":["subscribe","publish"]}"#.parse()?;
/// for entry in &capability {
///     let names: Vec<_> = entry.operations.iter().map(|name| name.as_str()).collect();
///     assert_eq!(names, ["publish", "subscribe"]);
/// }
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[cfg(feature = "alloc")]
#[derive(Clone, Debug)]
pub struct OperationNames<'a> {
    all: bool,
    known: u32,
    other: core::slice::Iter<'a, Box<str>>,
}

#[cfg(feature = "alloc")]
impl<'a> Iterator for OperationNames<'a> {
    type Item = OperationName<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if core::mem::take(&mut self.all) {
            return Some(OperationName::All);
        }
        let known = Operation::ALL.get(self.known.trailing_zeros() as usize).copied();
        let other_is_first = match (known, self.other.as_slice().first()) {
            (Some(known), Some(other)) => other.as_ref() < known.as_str(),
            (known, _) => known.is_none(),
        };
        if other_is_first {
            return self.other.next().map(|name| OperationName::Other(name));
        }
        // Clear the lowest bit, which has just been taken.
        self.known &= self.known.wrapping_sub(1);
        known.map(OperationName::Known)
    }
}

#[cfg(feature = "alloc")]
impl<const N: usize> From<[Operation; N]> for Operations {
    fn from(operations: [Operation; N]) -> Self {
        operations.into_iter().collect()
    }
}

#[cfg(feature = "alloc")]
impl From<&[Operation]> for Operations {
    fn from(operations: &[Operation]) -> Self {
        operations.iter().copied().collect()
    }
}

#[cfg(feature = "alloc")]
impl<'a, T: Into<OperationName<'a>>> FromIterator<T> for Operations {
    fn from_iter<I: IntoIterator<Item = T>>(operations: I) -> Self {
        let mut set = Self::NONE;
        set.extend(operations);
        set
    }
}

#[cfg(feature = "alloc")]
impl<'a, T: Into<OperationName<'a>>> Extend<T> for Operations {
    fn extend<I: IntoIterator<Item = T>>(&mut self, operations: I) {
        operations.into_iter().for_each(|operation| self.push(operation.into()));
        self.sort();
    }
}

#[cfg(feature = "alloc")]
impl<'a> IntoIterator for &'a Operations {
    type Item = OperationName<'a>;
    type IntoIter = OperationNames<'a>;

    fn into_iter(self) -> OperationNames<'a> {
        self.iter()
    }
}

/// Writes a JSON list in byte order.
#[cfg(feature = "alloc")]
impl fmt::Display for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut json = BufferedWriter::new(f);
        self.write(&mut json);
        json.finish()
    }
}

#[cfg(feature = "alloc")]
impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Operations({self})")
    }
}
