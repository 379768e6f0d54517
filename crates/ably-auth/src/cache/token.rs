//! Tokens of a cache.

use std::fmt;
use std::sync::Arc;

use ably_auth_core::TokenDetails;

use crate::exchange::Authorization;
use crate::generation::Generation;

/// A token from a cache, with its generation. It is cheap to clone.
///
/// ```
/// use std::sync::Arc;
/// use ably_auth::sources::FixedTokenSource;
/// use ably_auth::{BlockingTokenCache, SystemClock, Token, TokenParams};
///
/// let source = Arc::new(FixedTokenSource::new(Token::new("xVLyHw.Dtxd9tuz")?));
/// let cache = BlockingTokenCache::new(source, TokenParams::new(), Arc::new(SystemClock));
/// assert_eq!(cache.token()?.details().token().expose(), "xVLyHw.Dtxd9tuz");
/// # Ok::<(), ably_auth::Error>(())
/// ```
#[derive(Clone)]
pub struct CachedToken(Arc<Inner>);

struct Inner {
    details: TokenDetails,
    generation: Generation,
    authorization: Authorization,
}

impl CachedToken {
    pub(crate) fn new(details: TokenDetails, generation: Generation) -> Self {
        let authorization = Authorization::bearer(details.token());
        Self(Arc::new(Inner { details, generation, authorization }))
    }

    /// Returns the token and its details.
    #[must_use]
    pub fn details(&self) -> &TokenDetails {
        &self.0.details
    }

    /// Returns the token's generation. Pass it to the cache's `renewed` when the service refuses the token.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.0.generation
    }

    /// Returns the `Authorization` header for a request with this token (`RSA3a`).
    #[must_use]
    pub fn authorization(&self) -> &Authorization {
        &self.0.authorization
    }
}

impl PartialEq for CachedToken {
    fn eq(&self, other: &Self) -> bool {
        self.generation() == other.generation() && self.details() == other.details()
    }
}

impl fmt::Debug for CachedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (details, generation) = (self.details(), self.generation());
        f.debug_struct("CachedToken").field("details", details).field("generation", &generation).finish()
    }
}
