//! The generations of tokens.

/// The number of a token among the tokens that a cache has stored. A later generation is a newer token.
///
/// ```
/// use std::sync::Arc;
/// use ably_auth::{BlockingTokenCache, Error, SystemClock, Token, TokenDetails, TokenParams};
///
/// let source = |_: &TokenParams| -> Result<TokenDetails, Error> { Ok(Token::new("app.xyz")?.into()) };
/// let cache = BlockingTokenCache::new(Arc::new(source), TokenParams::new(), Arc::new(SystemClock));
/// let refused = cache.token()?;
/// let renewed = cache.renewed(refused.generation())?;
/// assert!(renewed.generation() > refused.generation());
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Generation(u64);

impl Generation {
    pub(crate) const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}
