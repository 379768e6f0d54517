//! Operations by name, and sets of them.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::collections::btree_set;
use core::fmt;

/// What stands for all operations, present and future.
pub(super) const WILDCARD: &str = "*";

macro_rules! operations {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal),+ $(,)?) => {
        /// An operation that the service knows today.
        ///
        /// ```
        /// use ably_auth_core::Operation;
        ///
        /// assert_eq!(Operation::PushAdmin.as_str(), "push-admin");
        /// assert_eq!(Operation::from_name("push-admin"), Some(Operation::PushAdmin));
        /// assert_eq!(Operation::ALL.len(), 17);
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Operation {
            $($(#[doc = $doc])+ $variant),+
        }

        impl Operation {
            /// All of them, in the byte order of their names.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The operation of that name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

// In the byte order of the names, which makes the order of the bits that of the canonical text.
operations! {
    /// Publish annotations.
    AnnotationPublish = "annotation-publish",
    /// Receive annotations one by one.
    AnnotationSubscribe = "annotation-subscribe",
    /// Ask for a channel's status, or list the channels.
    ChannelMetadata = "channel-metadata",
    /// Read past messages and presence events.
    History = "history",
    /// Delete any message.
    MessageDeleteAny = "message-delete-any",
    /// Delete one's own messages.
    MessageDeleteOwn = "message-delete-own",
    /// Update any message.
    MessageUpdateAny = "message-update-any",
    /// Update one's own messages.
    MessageUpdateOwn = "message-update-own",
    /// Change a channel's objects.
    ObjectPublish = "object-publish",
    /// Receive the changes of a channel's objects.
    ObjectSubscribe = "object-subscribe",
    /// Be present on a channel.
    Presence = "presence",
    /// Set headers that are otherwise the service's own.
    PrivilegedHeaders = "privileged-headers",
    /// Publish messages.
    Publish = "publish",
    /// Manage the push subscriptions and devices of others.
    PushAdmin = "push-admin",
    /// Manage one's own device's push subscriptions.
    PushSubscribe = "push-subscribe",
    /// Read the app's statistics.
    Stats = "stats",
    /// Receive messages.
    Subscribe = "subscribe",
}

impl Operation {
    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An operation as somebody names it: one of today's, one of a newer service, or `*` for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OperationName<'a> {
    /// All operations, present and future: `*`.
    All,
    /// One that is known here.
    Known(Operation),
    /// One that is not known here, by its name.
    Other(&'a str),
}

impl<'a> OperationName<'a> {
    /// The name on the wire.
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

/// A set of operations: all, or some of today's by name, or any others by name.
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
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Operations {
    /// `*`; the other two are then empty.
    all: bool,
    known: u32,
    other: BTreeSet<Box<str>>,
}

impl Operations {
    /// All operations, present and future: `["*"]`.
    pub const ALL: Self = Self { all: true, known: 0, other: BTreeSet::new() };

    /// No operation.
    pub const NONE: Self = Self { all: false, known: 0, other: BTreeSet::new() };

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.all && self.known == 0 && self.other.is_empty()
    }

    /// Whether these are all operations, present and future.
    #[must_use]
    pub const fn is_all(&self) -> bool {
        self.all
    }

    /// Whether the operation is among these; `*` is only in [`Operations::ALL`].
    #[must_use]
    pub fn contains<'a>(&self, operation: impl Into<OperationName<'a>>) -> bool {
        self.all
            || match operation.into() {
                OperationName::All => false,
                OperationName::Known(operation) => self.known & operation.bit() != 0,
                OperationName::Other(name) => self.other.contains(name),
            }
    }

    /// Whether all of `other` are among these.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.all || (!other.all && other.known & !self.known == 0 && other.other.is_subset(&self.other))
    }

    /// The operations that are in both.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        match (self.all, other.all) {
            (true, _) => other.clone(),
            (_, true) => self.clone(),
            _ => Self {
                all: false,
                known: self.known & other.known,
                other: self.other.intersection(&other.other).cloned().collect(),
            },
        }
    }

    /// Adds one operation.
    pub fn insert<'a>(&mut self, operation: impl Into<OperationName<'a>>) {
        match operation.into() {
            _ if self.all => {}
            OperationName::All => *self = Self::ALL,
            OperationName::Known(operation) => self.known |= operation.bit(),
            OperationName::Other(name) => {
                self.other.insert(name.into());
            }
        }
    }

    pub(super) fn extend(&mut self, others: Self) {
        if others.all {
            *self = others;
        } else if !self.all {
            self.known |= others.known;
            self.other.extend(others.other);
        }
    }

    /// The names in byte order; `*` alone if these are all.
    pub fn iter(&self) -> impl Iterator<Item = OperationName<'_>> {
        Iter {
            all: self.all,
            known: Operation::ALL.iter().copied().filter(|operation| self.known & operation.bit() != 0).peekable(),
            other: self.other.iter().peekable(),
        }
    }
}

/// Merges the two ordered runs of names.
struct Iter<'a, K: Iterator<Item = Operation>> {
    all: bool,
    known: core::iter::Peekable<K>,
    other: core::iter::Peekable<btree_set::Iter<'a, Box<str>>>,
}

impl<'a, K: Iterator<Item = Operation>> Iterator for Iter<'a, K> {
    type Item = OperationName<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if core::mem::take(&mut self.all) {
            return Some(OperationName::All);
        }
        let other_is_first = match (self.known.peek(), self.other.peek()) {
            (Some(known), Some(other)) => other.as_ref() < known.as_str(),
            (known, _) => known.is_none(),
        };
        if other_is_first {
            self.other.next().map(|name| OperationName::Other(name))
        } else {
            self.known.next().map(OperationName::Known)
        }
    }
}

impl<const N: usize> From<[Operation; N]> for Operations {
    fn from(operations: [Operation; N]) -> Self {
        operations.into_iter().collect()
    }
}

impl From<&[Operation]> for Operations {
    fn from(operations: &[Operation]) -> Self {
        operations.iter().copied().collect()
    }
}

impl<'a, T: Into<OperationName<'a>>> FromIterator<T> for Operations {
    fn from_iter<I: IntoIterator<Item = T>>(operations: I) -> Self {
        let mut set = Self::NONE;
        operations.into_iter().for_each(|operation| set.insert(operation));
        set
    }
}

/// A JSON list in byte order.
impl fmt::Display for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        super::text::write_operations(self, f)
    }
}

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Operations({self})")
    }
}
