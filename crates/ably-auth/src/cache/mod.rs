//! Token caches: a cache keeps a token while it is valid, and fetches a new one once for all callers.

mod asynchronous;
mod blocking;
mod decide;
mod in_flight;
mod policy;
mod settings;
mod state;
mod sync;
mod token;
mod trace;
mod validity;

use std::time::Duration;

pub use asynchronous::TokenCache;
pub use blocking::BlockingTokenCache;
pub use policy::CachePolicy;
pub use token::CachedToken;

/// The default time that a caller waits for a token.
pub(crate) const TOKEN_TIMEOUT: Duration = Duration::from_secs(60);

/// The maximum number of fetches that one caller waits for. It waits again if the fetched token is refused or expires
/// before the caller receives it.
const MAX_ROUNDS: usize = 3;
