//! The memory that revocations take.

use ably_auth_core::TokenRevocationTargetSpecifier as Target;

use crate::cutoffs::Cutoff;

/// What a target takes beside its text and its cutoffs, here and in the store: measured, and rounded up.
const ENTRY_BYTES: usize = 512;

/// How often a target's text is in memory: here, and in the name of the store's record.
const COPIES_OF_TEXT: usize = 2;

/// How many targets there are, and the memory that they take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) targets: usize,
    pub(crate) bytes: usize,
}

impl Usage {
    /// Returns what one target takes.
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
