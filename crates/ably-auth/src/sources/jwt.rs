//! The token source that mints JWTs with a key.

use std::sync::Arc;

use ably_auth_core::{TokenDetails, TokenParams};
use async_trait::async_trait;

use crate::error::Error;
use crate::key_signer::KeySigner;
use crate::source::{BlockingTokenSource, TokenSource};

/// A token source that mints a JWT for each token. It sends no request.
///
/// ```
/// use ably_auth::sources::{JwtSource, KeySigner};
/// use ably_auth::{ApiKey, BlockingTokenSource, TokenParams};
///
/// let source = JwtSource::new(KeySigner::new(ApiKey::parse("app.key:secret")?));
/// let details = BlockingTokenSource::token(&source, &TokenParams::new())?;
/// assert_eq!(details.token().expose().split('.').count(), 3);
/// # Ok::<(), ably_auth::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct JwtSource(Arc<KeySigner>);

impl JwtSource {
    /// Creates a source that mints with `signer`.
    #[must_use]
    pub fn new(signer: impl Into<Arc<KeySigner>>) -> Self {
        Self(signer.into())
    }
}

#[async_trait]
impl TokenSource for JwtSource {
    async fn token(&self, params: &TokenParams) -> Result<TokenDetails, Error> {
        self.0.mint(params)
    }
}

impl BlockingTokenSource for JwtSource {
    fn token(&self, params: &TokenParams) -> Result<TokenDetails, Error> {
        self.0.mint(params)
    }
}
