//! How much a store holds.

/// What a store holds at most; what would be more is refused with 42910.
///
/// ```
/// use ably_auth_server::store::{Memory, StoreLimits};
///
/// let mut limits = StoreLimits::default();
/// limits.large_token_bytes = 16 * 1024 * 1024;
/// limits.large_token_bytes_per_app = 4 * 1024 * 1024;
/// let store = Memory::with_limits(limits);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreLimits {
    /// The most bytes that the claims of large tokens may take, those whose token would not fit into a header. 64 MiB by
    /// default. In memory, the claims that were used last are also held parsed, in an eighth of this at most.
    pub large_token_bytes: usize,
    /// The most of these bytes that one app's tokens may take, so that an app cannot use up what others need. 8 MiB by
    /// default.
    pub large_token_bytes_per_app: usize,
    /// The most used nonces, of 35 bytes each. 10,000,000 by default: 40,000 a second for as long as they are kept. A Redis
    /// holds as many as its `maxmemory` has room for, and this limit does not count there.
    pub nonces: usize,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self { large_token_bytes: 64 * 1024 * 1024, large_token_bytes_per_app: 8 * 1024 * 1024, nonces: 10_000_000 }
    }
}
