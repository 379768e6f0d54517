//! A token source that combines several sources.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ably_auth_core::{ErrorCode, TokenDetails, TokenParams};
use async_trait::async_trait;

use crate::error::Error;
use crate::source::{BlockingTokenSource, TokenSource};

/// A token source that asks its sources in order, until one gives a token.
///
/// A source that cannot renew is asked until it has given its only token.
///
/// ```
/// use std::sync::Arc;
/// use ably_auth::sources::{ChainSource, FixedTokenSource, JwtSource, KeySigner};
/// use ably_auth::{ApiKey, BlockingTokenSource, Token, TokenParams};
///
/// let given = FixedTokenSource::new(Token::new("xVLyHw.Dtxd9tuz")?);
/// let minted = JwtSource::new(KeySigner::new(ApiKey::parse("app.key:secret")?));
/// let chain: ChainSource<dyn BlockingTokenSource> = ChainSource::new([Arc::new(given) as _, Arc::new(minted) as _]);
/// assert_eq!(chain.token(&TokenParams::new())?.token().expose(), "xVLyHw.Dtxd9tuz");
/// assert_ne!(chain.token(&TokenParams::new())?.token().expose(), "xVLyHw.Dtxd9tuz");
/// # Ok::<(), ably_auth::Error>(())
/// ```
pub struct ChainSource<S: ?Sized>(Vec<Link<S>>);

struct Link<S: ?Sized> {
    source: Arc<S>,
    is_spent: AtomicBool,
}

impl<S: ?Sized> ChainSource<S> {
    /// Creates a chain of `sources`, in that order.
    pub fn new(sources: impl IntoIterator<Item = Arc<S>>) -> Self {
        Self(sources.into_iter().map(|source| Link { source, is_spent: AtomicBool::new(false) }).collect())
    }
}

impl<S: ?Sized> Link<S> {
    fn is_usable(&self) -> bool {
        !self.is_spent.load(Ordering::Acquire)
    }

    fn set_spent(&self, is_spent: bool) {
        self.is_spent.store(is_spent, Ordering::Release);
    }
}

fn exhausted_error(last: Option<Error>) -> Error {
    last.unwrap_or_else(|| {
        let why = "no source in the chain can give another token; add one that can renew";
        Error::with_code(ErrorCode::NO_MEANS_TO_RENEW, why)
    })
}

#[async_trait]
impl<S: TokenSource + ?Sized> TokenSource for ChainSource<S> {
    async fn token(&self, params: &TokenParams) -> Result<TokenDetails, Error> {
        let mut last = None;
        for link in self.0.iter().filter(|link| link.is_usable()) {
            match link.source.token(params).await {
                Ok(token) => {
                    link.set_spent(!link.source.can_renew());
                    return Ok(token);
                }
                Err(error) => last = Some(error),
            }
        }
        Err(exhausted_error(last))
    }

    fn can_renew(&self) -> bool {
        self.0.iter().any(Link::is_usable)
    }
}

impl<S: BlockingTokenSource + ?Sized> BlockingTokenSource for ChainSource<S> {
    fn token(&self, params: &TokenParams) -> Result<TokenDetails, Error> {
        let mut last = None;
        for link in self.0.iter().filter(|link| link.is_usable()) {
            match link.source.token(params) {
                Ok(token) => {
                    link.set_spent(!link.source.can_renew());
                    return Ok(token);
                }
                Err(error) => last = Some(error),
            }
        }
        Err(exhausted_error(last))
    }

    fn can_renew(&self) -> bool {
        self.0.iter().any(Link::is_usable)
    }
}

impl<S: ?Sized> fmt::Debug for ChainSource<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChainSource").field("sources", &self.0.len()).finish_non_exhaustive()
    }
}
