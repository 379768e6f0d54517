//! The memory that revocations use.

use ably_auth_core::TokenRevocationTargetSpecifier as Target;

use crate::state::cutoffs::Cutoff;

/// The bytes that a target uses, here and in the store, in addition to its text and cutoffs. Measured and rounded up.
const ENTRY_BYTES: usize = 512;

/// The number of copies of a target's text in memory: one here, and one in the name of the store's record.
const COPIES_OF_TEXT: usize = 2;

/// The number of targets, and the memory that they use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) targets: usize,
    pub(crate) bytes: usize,
}

impl Usage {
    /// Returns the usage of one target with its cutoffs.
    pub(crate) fn of(target: &Target, cutoffs: &[Cutoff]) -> Self {
        let text = target.as_str().len().saturating_mul(COPIES_OF_TEXT);
        let bytes = ENTRY_BYTES.saturating_add(text).saturating_add(size_of_val(cutoffs));
        Self { targets: 1, bytes }
    }

    pub(crate) const fn plus(self, other: Self) -> Self {
        Self { targets: self.targets.saturating_add(other.targets), bytes: self.bytes.saturating_add(other.bytes) }
    }

    pub(crate) const fn minus(self, other: Self) -> Self {
        Self { targets: self.targets.saturating_sub(other.targets), bytes: self.bytes.saturating_sub(other.bytes) }
    }
}
