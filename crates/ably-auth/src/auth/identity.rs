//! A source of tokens that refuses those of another identity than the client's.

use std::sync::Arc;

use ably_auth_core::{ClientId, ErrorCode, Identity, TokenDetails, TokenParams};
use async_trait::async_trait;

use crate::error::Error;
use crate::source::{BlockingTokenSource, TokenSource};

/// Refuses a token of another identity than the client's (`RSA15`). One that says nothing of its identity may be of the same,
/// and `*` permits any.
pub(crate) fn check(identity: Option<&Identity>, token: &TokenDetails) -> Result<(), Error> {
    match (identity, token.client_id()) {
        (Some(identity), ClientId::Identified(of_token)) if identity != of_token => Err(Error::with_code(
            ErrorCode::INCOMPATIBLE_CREDENTIALS,
            format!("the client is `{identity}`, but the token is of `{of_token}`; use a token of the same clientId"),
        )),
        _ => Ok(()),
    }
}

/// Checks before the cache sees it, so that a token that is refused displaces none.
pub(super) struct OfIdentity<S: ?Sized> {
    pub(super) source: Arc<S>,
    pub(super) identity: Option<Identity>,
}

#[async_trait]
impl<S: TokenSource + ?Sized> TokenSource for OfIdentity<S> {
    async fn token(&self, params: &TokenParams) -> Result<TokenDetails, Error> {
        let token = self.source.token(params).await?;
        check(self.identity.as_ref(), &token).map(|()| token)
    }

    fn can_renew(&self) -> bool {
        self.source.can_renew()
    }
}

impl<S: BlockingTokenSource + ?Sized> BlockingTokenSource for OfIdentity<S> {
    fn token(&self, params: &TokenParams) -> Result<TokenDetails, Error> {
        let token = self.source.token(params)?;
        check(self.identity.as_ref(), &token).map(|()| token)
    }

    fn can_renew(&self) -> bool {
        self.source.can_renew()
    }
}
