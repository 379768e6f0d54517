//! Sets of operations.

use alloc::boxed::Box;
use alloc::collections::{BTreeSet, btree_set};
use core::fmt;

use super::operation::{Operation, OperationName};
use crate::text::json_writer::{BufferedWriter, Json};

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
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Operations {
    /// True for `*`; then the other two fields are empty.
    all: bool,
    known: u32,
    other: BTreeSet<Box<str>>,
}

impl Operations {
    /// All operations, present and future: `["*"]`.
    pub const ALL: Self = Self { all: true, known: 0, other: BTreeSet::new() };

    /// No operation.
    pub const NONE: Self = Self { all: false, known: 0, other: BTreeSet::new() };

    /// Returns true if the set has no operation.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.all && self.known == 0 && self.other.is_empty()
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
                OperationName::Other(name) => self.other.contains(name),
            }
    }

    /// Returns true if the set has all operations in `other`. Only [`Operations::ALL`] covers itself, because it also
    /// has future operations.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.all || (!other.all && other.known & !self.known == 0 && other.other.is_subset(&self.other))
    }

    /// Returns the operations that are in both sets.
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

    /// Adds one operation. After `*` is added, the set is [`Operations::ALL`].
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

    /// Returns the number of operations that are compared one by one.
    pub(super) fn cost(&self) -> usize {
        self.other.len()
    }

    pub(super) fn extend(&mut self, others: Self) {
        if others.all {
            *self = others;
        } else if !self.all {
            self.known |= others.known;
            self.other.extend(others.other);
        }
    }

    /// Returns the names in byte order, or only `*` if the set has all operations.
    pub fn iter(&self) -> impl Iterator<Item = OperationName<'_>> {
        Iter { all: self.all, known: self.known, other: self.other.iter().peekable() }
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

/// An iterator that merges the sorted known and unknown names.
struct Iter<'a> {
    all: bool,
    known: u32,
    other: core::iter::Peekable<btree_set::Iter<'a, Box<str>>>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = OperationName<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if core::mem::take(&mut self.all) {
            return Some(OperationName::All);
        }
        let known = Operation::ALL.get(self.known.trailing_zeros() as usize).copied();
        let other_is_first = match (known, self.other.peek()) {
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

/// Writes a JSON list in byte order.
impl fmt::Display for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut json = BufferedWriter::new(f);
        self.write(&mut json);
        json.finish()
    }
}

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Operations({self})")
    }
}
