//! The token source with a fixed token.

use ably_auth_core::{TokenDetails, TokenParams};
use async_trait::async_trait;

use crate::error::Error;
use crate::source::{BlockingTokenSource, TokenSource};

/// A token source with one token, and no means to get another.
///
/// ```
/// use ably_auth::sources::FixedTokenSource;
/// use ably_auth::{BlockingTokenSource, Token, TokenParams};
///
/// let source = FixedTokenSource::new(Token::new("xVLyHw.Dtxd9tuz")?);
/// assert!(!BlockingTokenSource::can_renew(&source));
/// assert_eq!(BlockingTokenSource::token(&source, &TokenParams::new())?.token().expose(), "xVLyHw.Dtxd9tuz");
/// # Ok::<(), ably_auth::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct FixedTokenSource(TokenDetails);

impl FixedTokenSource {
    /// Creates a source that gives `token` for any params.
    #[must_use]
    pub fn new(token: impl Into<TokenDetails>) -> Self {
        Self(token.into())
    }
}

#[async_trait]
impl TokenSource for FixedTokenSource {
    async fn token(&self, _params: &TokenParams) -> Result<TokenDetails, Error> {
        Ok(self.0.clone())
    }

    fn can_renew(&self) -> bool {
        false
    }
}

impl BlockingTokenSource for FixedTokenSource {
    fn token(&self, _params: &TokenParams) -> Result<TokenDetails, Error> {
        Ok(self.0.clone())
    }

    fn can_renew(&self) -> bool {
        false
    }
}
