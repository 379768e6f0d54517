//! The intersection of two capabilities, in bounded work.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::Capability;
use super::operations::Operations;
use super::resource::Resource;
use super::tree::{Entry, Roots, cost_of_pair};
use super::work::Work;
use crate::error::Error;

/// The steps that a pair of entries takes, beside those for its operations.
const PAIR_STEPS: usize = 2;

/// The steps that a pair takes if what both permit has a name that one side wrote.
const WRITTEN_STEPS: usize = 8;

/// The steps that a made name takes, beside those for its bytes.
const MADE_STEPS: usize = 32;

impl Capability {
    /// What both permit, in the names that were written: what a token gets of its key and its request.
    ///
    /// **Law:** `a.intersect(&b).permits(n, o) == (a.permits(n, o) && b.permits(n, o))`. `a.intersect(&b) == b.intersect(&a)`,
    /// `a.intersect(&a) == a` and `a.intersect(&Capability::all()) == a`; in meaning it associates and distributes over
    /// [`union`](Self::union).
    ///
    /// An entry's name matters beyond its meaning (tokens are revoked by it), so names that either side wrote are kept,
    /// also where another entry covers them; a name that had to be made, such as `a:b` out of `a:*` and `*:b`, is kept only
    /// if no other entry covers it with all of its operations.
    ///
    /// The work grows with the pairs of entries that match a name in common, and where names have to be made, with the square
    /// of these. For capabilities from strangers there is [`intersect_within`](Self::intersect_within).
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
        // So many steps take centuries. If they did not suffice, nothing would be permitted.
        self.intersect_within(other, &mut Work::steps(u64::MAX)).unwrap_or_default()
    }

    /// Computes [`intersect`](Self::intersect) in a limited number of [steps](Work), which it takes from `work`.
    ///
    /// **Law:** if it returns a capability, that is `a.intersect(&b)`; and it returns one if there are enough steps.
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
    /// [`ErrorKind::Capability`](crate::ErrorKind::Capability) if the steps do not suffice; none are then left.
    pub fn intersect_within(&self, other: &Self, work: &mut Work) -> Result<Self, Error> {
        let mut written: BTreeMap<&Resource, Operations> = BTreeMap::new();
        let mut made: Vec<Entry> = Vec::new();
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
                written.entry(&ours.0).or_default().extend(operations);
            } else if our.covers(their) {
                work.spend(WRITTEN_STEPS)?;
                written.entry(&theirs.0).or_default().extend(operations);
            } else if let Some(name) = our.meet(their) {
                work.spend((name.len() / 4).saturating_add(MADE_STEPS))?;
                made.push((Resource::made(name), operations));
            }
            Ok(())
        })?;
        let common = written.into_iter().map(|(resource, operations)| (resource.clone(), operations));
        let common = Self { entries: common.collect() };
        if made.is_empty() {
            return Ok(common);
        }
        // What a written entry has all of is not made anew: it might add to another, and `a.intersect(&a)` is to add nothing.
        let of_common = Roots::new(&common.entries);
        let mut added: BTreeMap<Resource, Operations> = BTreeMap::new();
        for (resource, operations) in made {
            if !of_common.any_covering(resource.pattern(), work, |(_, known)| known.covers(&operations))? {
                added.entry(resource).or_default().extend(operations);
            }
        }
        let all = common.union(&Self { entries: added.into_iter().collect() });
        // Names that were made may cover one another, which shows only once each has all of its operations.
        let of_all = Roots::new(&all.entries);
        let mut needed = Vec::new();
        for entry in &all.entries {
            let (resource, operations) = entry;
            let covers = |known: &Entry| !core::ptr::eq(known, entry) && known.1.covers(operations);
            needed.push(
                common.get(resource.as_str()).is_some() || !of_all.any_covering(resource.pattern(), work, covers)?,
            );
        }
        let entries = all.entries.into_iter().zip(needed);
        Ok(Self { entries: entries.filter_map(|(entry, is_needed)| is_needed.then_some(entry)).collect() })
    }

    /// Returns whether a resource of one covers a resource of the other, whatever their operations are: why an intersection
    /// is empty. It takes its [steps](Work) from `work`.
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
    /// [`ErrorKind::Capability`](crate::ErrorKind::Capability) if the steps do not suffice; none are then left.
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
