//! A token that is always there: kept while it is good, fetched once for all who ask when it is not.

mod asynchronous;
mod blocking;
mod decide;

pub use asynchronous::TokenCache;
pub use blocking::BlockingTokenCache;
pub use decide::{CachedToken, Generation};
