//! A token that is always there: kept while it is good, fetched once for all who ask when it is not.

mod asynchronous;
mod blocking;
mod decide;
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
pub use token::{CachedToken, Generation};

/// The time that a caller waits for a token, unless set.
pub(crate) const TOKEN_TIMEOUT: Duration = Duration::from_secs(60);

/// How often one caller waits for a fetch whose token is refused or expires before the caller gets to see it.
const MAX_ROUNDS: usize = 3;
