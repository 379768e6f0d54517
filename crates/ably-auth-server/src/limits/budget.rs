//! Memory budgets, for the whole process and for each app.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A limit on memory, in bytes, and how much of it is in use.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    used: AtomicUsize,
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicUsize::new(0) })
    }

    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Returns the limit, in bytes.
    pub(crate) const fn most(&self) -> usize {
        self.limit
    }

    /// Returns how many bytes are in use above the limit.
    pub(crate) fn excess(&self) -> usize {
        self.used().saturating_sub(self.limit)
    }

    /// Reserves `bytes` if that stays within the limit. Returns true if it did.
    fn try_take(&self, bytes: usize) -> bool {
        let more = |used: usize| used.checked_add(bytes).filter(|used| *used <= self.limit);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// Reserves `bytes` even if that exceeds the limit.
    fn take(&self, bytes: usize) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    fn give_back(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// A reservation of bytes in one or more budgets. Dropping it releases the bytes.
#[derive(Debug)]
pub(crate) struct Permit {
    budgets: Vec<Arc<Budget>>,
    bytes: usize,
}

impl Permit {
    /// Reserves `bytes` in every budget, or in none of them.
    pub(crate) fn take<'a>(bytes: usize, budgets: impl IntoIterator<Item = &'a Arc<Budget>>) -> Option<Self> {
        let mut permit = Self { budgets: Vec::new(), bytes };
        for budget in budgets {
            if !budget.try_take(bytes) {
                return None;
            }
            permit.budgets.push(Arc::clone(budget));
        }
        Some(permit)
    }

    /// Reserves `bytes` in every budget, even if that exceeds a limit.
    pub(crate) fn take_beyond_limit<'a>(bytes: usize, budgets: impl IntoIterator<Item = &'a Arc<Budget>>) -> Self {
        let budgets: Vec<_> = budgets.into_iter().cloned().collect();
        budgets.iter().for_each(|budget| budget.take(bytes));
        Self { budgets, bytes }
    }

    /// Changes how many bytes are reserved, even if that exceeds a limit.
    pub(crate) fn resize(&mut self, bytes: usize) {
        for budget in &self.budgets {
            budget.take(bytes);
            budget.give_back(self.bytes);
        }
        self.bytes = bytes;
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.budgets.iter().for_each(|budget| budget.give_back(self.bytes));
    }
}

/// The bytes that one holder uses of several budgets, taken and given back piece by piece. Dropping the account gives all
/// of them back.
#[derive(Debug)]
pub(crate) struct Account {
    budgets: Box<[Arc<Budget>]>,
    /// The maximum number of bytes of this holder.
    most: usize,
    used: AtomicUsize,
}

impl Account {
    pub(crate) fn new(most: usize, budgets: impl IntoIterator<Item = Arc<Budget>>) -> Self {
        Self { budgets: budgets.into_iter().collect(), most, used: AtomicUsize::new(0) }
    }

    /// Takes `bytes` from every budget, or from none of them. Returns true if it did.
    pub(crate) fn take(&self, bytes: usize) -> bool {
        let more = |used: usize| used.checked_add(bytes).filter(|used| *used <= self.most);
        if self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_err() {
            return false;
        }
        let taken = self.budgets.iter().take_while(|budget| budget.try_take(bytes)).count();
        if taken == self.budgets.len() {
            return true;
        }
        self.budgets.iter().take(taken).for_each(|budget| budget.give_back(bytes));
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        false
    }

    /// Gives back bytes that were taken; at most those that are in use.
    pub(crate) fn give_back(&self, bytes: usize) {
        let less = |used: usize| Some(used.saturating_sub(bytes));
        let used = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).unwrap_or_default();
        let bytes = bytes.min(used);
        self.budgets.iter().for_each(|budget| budget.give_back(bytes));
    }

    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let used = self.used();
        self.budgets.iter().for_each(|budget| budget.give_back(used));
    }
}

/// The bytes of a budget that one holder uses. They may exceed the limit; the holders must then free memory, by
/// [`Budget::excess`].
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<Budget>,
    used: AtomicUsize,
}

impl Share {
    pub(crate) const fn of(budget: Arc<Budget>) -> Self {
        Self { budget, used: AtomicUsize::new(0) }
    }

    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Sets how many bytes the holder uses now. Calls for one holder must not overlap.
    pub(crate) fn set(&self, bytes: usize) {
        let before = self.used.swap(bytes, Ordering::Relaxed);
        if bytes >= before {
            self.budget.take(bytes.saturating_sub(before));
        } else {
            self.budget.give_back(before.saturating_sub(bytes));
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.give_back(self.used());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_takes_from_all_budgets_or_from_none() {
        let (all, app) = (Budget::new(100), Budget::new(50));
        let account = Account::new(40, [Arc::clone(&all), Arc::clone(&app)]);
        assert!(account.take(30) && !account.take(11), "the holder has its own limit");
        let other = Account::new(1_000, [Arc::clone(&all), Arc::clone(&app)]);
        assert!(!other.take(21) && other.take(20));
        assert_eq!((all.used(), app.used(), other.used()), (50, 50, 20));
        account.give_back(10);
        assert!(other.take(10));
        drop((account, other));
        assert_eq!((all.used(), app.used()), (0, 0));
    }

    #[test]
    fn permit_reserves_in_every_budget_or_none() {
        let (whole, part) = (Budget::new(100), Budget::new(30));
        let first = Permit::take(30, [&whole, &part]).unwrap();
        assert_eq!((whole.used(), part.used(), first.bytes()), (30, 30, 30));
        assert!(Permit::take(1, [&whole, &part]).is_none());
        assert_eq!(whole.used(), 30, "a failed reservation takes nothing");
        let other = Permit::take(70, [&whole]).unwrap();
        assert!(Permit::take(1, [&whole]).is_none() && Permit::take(usize::MAX, [&whole]).is_none());
        let mut beyond = Permit::take_beyond_limit(5, [&whole, &part]);
        beyond.resize(7);
        assert_eq!((whole.used(), part.used(), beyond.bytes()), (107, 37, 7));
        drop((first, other, beyond));
        assert_eq!((whole.used(), part.used()), (0, 0));
    }

    #[test]
    fn dropped_share_releases_its_bytes() {
        let budget = Budget::new(100);
        let (one, other) = (Share::of(Arc::clone(&budget)), Share::of(Arc::clone(&budget)));
        one.set(80);
        other.set(70);
        assert_eq!((budget.used(), budget.excess()), (150, 50));
        one.set(10);
        assert_eq!((one.used(), budget.used(), budget.excess()), (10, 80, 0));
        drop(other);
        assert_eq!(budget.used(), 10);
    }
}
