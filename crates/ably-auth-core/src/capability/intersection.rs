//! The intersection of two capabilities, in a limited number of steps.

use alloc::string::String;
use alloc::vec::Vec;

use super::Capability;
use super::algebra::merge;
use super::entries::Entry;
use super::operation::Operations;
use super::resource::Resource;
use super::tree::{OwnedEntry, Roots, cost_of_pair};
use super::work::Work;
use crate::error::Error;

/// The steps for a pair of entries, in addition to those for its operations.
const PAIR_STEPS: usize = 2;

/// The additional steps for a pair whose common name is the name of one of the two entries.
const WRITTEN_STEPS: usize = 8;

/// The steps for a name that neither side wrote, in addition to those for its bytes.
const MADE_STEPS: usize = 32;

impl Capability {
    /// Returns what both capabilities permit, such as the rights of a token from those of its key and its request.
    ///
    /// **Law:** `a.intersect(&b).permits(n, o) == (a.permits(n, o) && b.permits(n, o))`. `a.intersect(&b) == b.intersect(&a)`,
    /// `a.intersect(&a) == a` and `a.intersect(&Capability::all()) == a`. In what the result permits, `intersect` is
    /// associative and distributes over [`union`](Self::union).
    ///
    /// The result keeps each name that either side wrote, even if another entry covers it, because tokens are revoked
    /// by name. A name that neither side wrote, such as `a:b` from `a:*` and `*:b`, is kept only if no other entry
    /// covers it with all of its operations.
    ///
    /// The work grows with the number of pairs of entries that match a common name. If the result needs names that
    /// neither side wrote, the work grows with the square of that number. For capabilities from untrusted callers, use
    /// [`intersect_within`](Self::intersect_within).
    ///
    /// ```
    /// use ably_auth_core::Capability;
    ///
    /// let key: Capability = r#"{"a:*":["publish"]}"#.parse()?;
    /// let asked: Capability = r#"{"*:b":["publish"],"a:*:c":["*"],"a:d":["history"]}"#.parse()?;
    /// assert_eq!(key.intersect(&asked).to_string(), r#"{"a:*:c":["publish"],"a:b":["publish"]}"#);
    /// # Ok::<(), ably_auth_core::Error>(())
    /// ```
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        // `u64::MAX` steps take centuries, so they suffice. If they did not, the result would permit nothing.
        self.intersect_within(other, &mut Work::steps(u64::MAX)).unwrap_or_default()
    }

    /// Returns the pairs of entries from which [`intersect`](Self::intersect) is made: those that have something in
    /// common.
    ///
    /// They are in the order of the entries of `self`, then of those of `other`.
    ///
    /// **Law:** all of the meets together permit exactly what `intersect` permits.
    #[must_use]
    pub fn meets<'a>(&'a self, other: &'a Self) -> Vec<Meet<'a>> {
        self.iter().flat_map(|ours| other.iter().filter_map(move |theirs| Meet::of(ours, theirs))).collect()
    }

    /// Computes [`intersect`](Self::intersect) in a limited number of [steps](Work), which it takes from `work`.
    ///
    /// **Law:** if `work` has enough steps, the result is `a.intersect(&b)`; otherwise it is an error.
    ///
    /// ```
    /// use ably_auth_core::Capability;
    /// use ably_auth_core::capability::Work;
    ///
    /// let made = |name: fn(usize) -> String| {
    ///     (0..300).try_fold(Capability::none(), |all, nth| all.with(&name(nth), [ably_auth_core::Operation::Publish]))
    /// };
    /// let (key, asked) = (made(|nth| format!("a{nth}:*"))?, made(|nth| format!("*:b{nth}"))?);
    /// let error = key.intersect_within(&asked, &mut Work::steps(100_000)).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "capabilities take too much work to intersect; ask for fewer resources or use wildcards"
    /// );
    /// # Ok::<(), ably_auth_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Capability`](crate::ErrorKind::Capability) if `work` has too few steps; it then has none left.
    pub fn intersect_within(&self, other: &Self, work: &mut Work) -> Result<Self, Error> {
        let (mut written, mut made) = (Merged::default(), Vec::<OwnedEntry>::new());
        let mut name = String::new();
        Roots::new(&self.entries).pairs(&Roots::new(&other.entries), work, |ours, theirs, work| {
            work.spend(ours.1.cost().saturating_add(theirs.1.cost()).saturating_add(PAIR_STEPS))?;
            let operations = ours.1.intersect(&theirs.1);
            if operations.is_empty() {
                return Ok(());
            }
            let bytes = cost_of_pair(ours.0.as_str(), theirs.0.as_str());
            work.spend(bytes)?;
            let (our, their) = (ours.0.pattern(), theirs.0.pattern());
            if their.covers(our) {
                work.spend(WRITTEN_STEPS)?;
                written.add(&ours.0, operations);
            } else if our.covers(their) {
                work.spend(WRITTEN_STEPS)?;
                written.add(&theirs.0, operations);
            } else if our.meet(their, &mut name) {
                work.spend((name.len() / 4).saturating_add(MADE_STEPS))?;
                made.push((Resource::from_checked(&name), operations));
            }
            Ok(())
        })?;
        let written = written.finish();
        let owned = |(resource, operations): &(&Resource, Operations)| ((*resource).clone(), operations.clone());
        let mut all: Vec<OwnedEntry> = written.iter().map(owned).collect();
        // Only a resource with a `*` covers other names, so without one there is nothing to skip.
        if made.is_empty() || !all.iter().chain(&made).any(|(resource, _)| resource.as_str().contains('*')) {
            all.extend(made);
            merge(&mut all);
            return Ok(Self { entries: all });
        }
        // Skip a made name that a written entry covers with all of its operations: it could extend another made name,
        // and `a.intersect(&a)` must add nothing.
        let of_written = Roots::new(&all);
        let mut added = Vec::with_capacity(made.len());
        for (resource, operations) in made {
            if !of_written.any_covering(resource.pattern(), work, |(_, known)| known.covers(&operations))? {
                added.push((resource, operations));
            }
        }
        all.extend(added);
        merge(&mut all);
        // Made names may cover one another. This can be checked only when each has all of its operations.
        let of_all = Roots::new(&all);
        let mut written = written.iter().map(|(resource, _)| *resource).peekable();
        let mut needed = Vec::with_capacity(all.len());
        for entry in &all {
            let (resource, operations) = entry;
            let covers = |known: &OwnedEntry| !core::ptr::eq(known, entry) && known.1.covers(operations);
            let is_written = written.next_if_eq(&resource).is_some();
            needed.push(is_written || !of_all.any_covering(resource.pattern(), work, covers)?);
        }
        let mut needed = needed.into_iter();
        all.retain(|_| needed.next().unwrap_or(true));
        Ok(Self { entries: all })
    }

    /// Returns true if a resource of one capability covers a resource of the other. Operations are ignored.
    ///
    /// It explains why an intersection is empty: if this returns true, the operations on these resources have nothing in
    /// common. The comparison takes its [steps](Work) from `work`.
    ///
    /// ```
    /// use ably_auth_core::Capability;
    /// use ably_auth_core::capability::Work;
    ///
    /// let key: Capability = r#"{"chat:*":["publish"]}"#.parse()?;
    /// let asked: Capability = r#"{"chat:room1":["history"]}"#.parse()?;
    /// assert!(key.intersect(&asked).is_empty());
    /// assert!(key.shares_resources_within(&asked, &mut Work::steps(1_000))?);
    /// # Ok::<(), ably_auth_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Capability`](crate::ErrorKind::Capability) if `work` has too few steps; it then has none left.
    pub fn shares_resources_within(&self, other: &Self, work: &mut Work) -> Result<bool, Error> {
        let [ours, theirs] = [self, other].map(|capability| Roots::new(&capability.entries));
        for (covering, covered) in [(&ours, other), (&theirs, self)] {
            for (resource, _) in &covered.entries {
                if covering.any_covering(resource.pattern(), work, |_| true)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

/// The size from which on [`Merged`] merges its entries for the first time.
const FIRST_MERGE: usize = 64;

/// Entries that are merged whenever their size has doubled, so that many pairs with the same common name take little
/// memory.
struct Merged<'a> {
    entries: Vec<(&'a Resource, Operations)>,
    /// The number of entries, and of their operations that are names.
    size: usize,
    limit: usize,
}

impl Default for Merged<'_> {
    fn default() -> Self {
        Self { entries: Vec::new(), size: 0, limit: FIRST_MERGE }
    }
}

impl<'a> Merged<'a> {
    fn add(&mut self, resource: &'a Resource, operations: Operations) {
        let size = |operations: &Operations| operations.cost().saturating_add(1);
        self.size = self.size.saturating_add(size(&operations));
        self.entries.push((resource, operations));
        if self.size > self.limit {
            merge(&mut self.entries);
            self.size = self.entries.iter().map(|(_, operations)| size(operations)).sum();
            self.limit = self.size.saturating_mul(2).max(FIRST_MERGE);
        }
    }

    fn finish(mut self) -> Vec<(&'a Resource, Operations)> {
        merge(&mut self.entries);
        self.entries
    }
}

/// The common part of an entry of one capability and an entry of another. It is an entry, too.
///
/// **Law:** its [`resource`](Self::resource) matches a name exactly if both resources do, and its
/// [`operations`](Self::operations) are those that both have.
///
/// ```
/// use ably_auth_core::Capability;
///
/// let key: Capability = r#"{"a:*":["publish"]}"#.parse()?;
/// let asked: Capability = r#"{"*:b":["*"]}"#.parse()?;
/// let meets = key.meets(&asked);
/// assert_eq!((meets[0].ours().resource.as_str(), meets[0].theirs().resource.as_str()), ("a:*", "*:b"));
/// assert_eq!(meets[0].resource().as_str(), "a:b");
/// assert_eq!(meets[0].operations().to_string(), r#"["publish"]"#);
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meet<'a> {
    ours: Entry<'a>,
    theirs: Entry<'a>,
    pub(super) resource: Resource,
    pub(super) operations: Operations,
    written: bool,
}

impl<'a> Meet<'a> {
    pub(super) fn of(ours: Entry<'a>, theirs: Entry<'a>) -> Option<Self> {
        let operations = ours.operations.intersect(theirs.operations);
        if operations.is_empty() {
            return None;
        }
        let mut name = String::new();
        if !ours.resource.pattern().meet(theirs.resource.pattern(), &mut name) {
            return None;
        }
        let written = [ours.resource, theirs.resource].into_iter().any(|resource| resource.as_str() == name);
        Some(Self { ours, theirs, resource: Resource::from_checked(&name), operations, written })
    }

    /// Returns the entry of the capability on which [`Capability::meets`](super::Capability::meets) was called.
    #[must_use]
    pub const fn ours(&self) -> Entry<'a> {
        self.ours
    }

    /// Returns the entry of the other capability.
    #[must_use]
    pub const fn theirs(&self) -> Entry<'a> {
        self.theirs
    }

    /// Returns the resource that matches exactly the names that both resources match.
    #[must_use]
    pub const fn resource(&self) -> &Resource {
        &self.resource
    }

    /// Returns the operations that both entries have.
    #[must_use]
    pub const fn operations(&self) -> &Operations {
        &self.operations
    }

    /// Returns true if one of the two entries already has the name of the resource, so that it is not a new name.
    #[must_use]
    pub const fn is_written(&self) -> bool {
        self.written
    }
}
