//! Answers of auth callbacks and auth URLs.

use ably_auth_core::{Token, TokenDetails, TokenRequest};

/// The result of an auth callback (`RSA8d`): a token, token details, or a signed token request, which is then
/// exchanged.
///
/// Each of them converts into it, so that a callback can return its value as it is.
///
/// ```
/// use ably_auth::{ClientOptions, Error, Token, TokenParams, Blocking};
///
/// // In production, the callback asks your backend; this one always returns the same token.
/// let ask = |wanted: &TokenParams| -> Result<Token, Error> { Ok(Token::new("app.xyz")?) };
/// let options = ClientOptions::<Blocking>::new().auth_callback(ask);
/// ```
#[derive(Clone, Debug)]
pub enum AuthCallbackAnswer {
    /// A token string: an Ably token or a JWT.
    Token(Token),
    /// Token details.
    TokenDetails(TokenDetails),
    /// A signed token request.
    TokenRequest(TokenRequest),
}

impl From<Token> for AuthCallbackAnswer {
    fn from(token: Token) -> Self {
        Self::Token(token)
    }
}

impl From<TokenDetails> for AuthCallbackAnswer {
    fn from(details: TokenDetails) -> Self {
        Self::TokenDetails(details)
    }
}

impl From<TokenRequest> for AuthCallbackAnswer {
    fn from(request: TokenRequest) -> Self {
        Self::TokenRequest(request)
    }
}
