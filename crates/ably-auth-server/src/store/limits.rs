//! The limits of a store.

/// The limits of a store. A request that would exceed one of them is refused with 42910.
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
    /// The maximum size in bytes of the claims of large tokens, which are those that do not fit into a header. 64 MiB
    /// by default. `Memory` and `Redb` also hold the most recently used claims in parsed form, in at most an eighth of
    /// this size.
    pub large_token_bytes: usize,
    /// The maximum part of these bytes that the tokens of one app may use, so that no app uses up the memory of others.
    /// 8 MiB by default.
    pub large_token_bytes_per_app: usize,
    /// The maximum number of used nonces, of 35 bytes each. 10,000,000 by default: 40,000 a second for as long as
    /// nonces are kept. Redis ignores this limit and holds as many as its `maxmemory` allows.
    pub nonces: usize,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self { large_token_bytes: 64 * 1024 * 1024, large_token_bytes_per_app: 8 * 1024 * 1024, nonces: 10_000_000 }
    }
}
