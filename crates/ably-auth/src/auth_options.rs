//! Authentication options.

use std::fmt;
use std::sync::Arc;

use ably_auth_core::{ApiKey, ErrorCode, TokenDetails, TokenRequest};

use crate::auth_url::AuthUrl;
use crate::callback_answer::AuthCallbackAnswer;
use crate::error::Error;
use crate::mode::Mode;
use crate::token_text;

/// Authentication options (`AO1`): part of [`ClientOptions`](crate::ClientOptions), or the replacement that
/// [`authorize_with`](crate::Auth::authorize_with) takes.
///
/// Tokens come from the first of these that is set: the token source, the auth callback, the auth URL, the key. A given
/// token is used until it is refused or known to have expired (`RSA4`).
///
/// ```
/// use ably_auth::{Async, AuthOptions};
///
/// let options = AuthOptions::<Async>::new().key("app.key:secret").query_time(true);
/// assert!(!format!("{options:?}").contains("secret"));
/// ```
pub struct AuthOptions<M: Mode> {
    pub(crate) key: Option<ApiKey>,
    pub(crate) token: Option<TokenDetails>,
    pub(crate) token_request: Option<TokenRequest>,
    pub(crate) auth_callback: Option<Arc<M::Callback>>,
    pub(crate) auth_url: Option<AuthUrl>,
    pub(crate) token_source: Option<Arc<M::Source>>,
    pub(crate) mint_jwt: bool,
    pub(crate) use_token_auth: Option<bool>,
    pub(crate) query_time: bool,
    /// The error of the first setter that got an invalid value.
    invalid: Option<Error>,
}

/// Defines the setters that [`AuthOptions`] and [`ClientOptions`](crate::ClientOptions) have in common.
macro_rules! auth_setters {
    ($options:ident $(. $auth:ident)?) => {
        impl<M: crate::mode::Mode> $options<M> {
            /// Sets the key, which authenticates requests or gets tokens (`AO2a`): an
            /// [`ApiKey`](ably_auth_core::ApiKey), or its text `appId.keyId:secret`.
            #[must_use]
            pub fn key(
                mut self,
                key: impl TryInto<ably_auth_core::ApiKey, Error: Into<crate::error::Error>>,
            ) -> Self {
                self $(.$auth)? .key = self $(.$auth)? .checked(key);
                self
            }

            /// Sets the first token, which is used until it is refused or known to have expired (`AO2h`, `AO2i`): the
            /// text of a token, a [`Token`](ably_auth_core::Token), or
            /// [`TokenDetails`](ably_auth_core::TokenDetails).
            ///
            /// A [`TokenRequest`](ably_auth_core::TokenRequest) is exchanged for the first token (`TO3j2`). The service
            /// exchanges a token request only once.
            #[must_use]
            pub fn token(
                mut self,
                token: impl TryInto<crate::sources::AuthCallbackAnswer, Error: Into<crate::error::Error>>,
            ) -> Self {
                if let Some(token) = self $(.$auth)? .checked(token) {
                    self $(.$auth)? .set_token(token);
                }
                self
            }

            /// Gets tokens from an auth URL (`AO2c`, `RSA8c`): an [`AuthUrl`](crate::auth_url::AuthUrl), or its text.
            #[must_use]
            pub fn auth_url(
                mut self,
                auth_url: impl TryInto<crate::auth_url::AuthUrl, Error: Into<crate::error::Error>>,
            ) -> Self {
                self $(.$auth)? .auth_url = self $(.$auth)? .checked(auth_url);
                self
            }

            /// Gets tokens by minting JWTs with the key, which needs no request.
            #[must_use]
            pub const fn mint_jwt(mut self, mint_jwt: bool) -> Self {
                self $(.$auth)? .mint_jwt = mint_jwt;
                self
            }

            /// Uses tokens even if only a key is given. With `false`, uses the key even if tokens could be used
            /// (`AO2k`, `RSA4`).
            #[must_use]
            pub const fn use_token_auth(mut self, use_token_auth: bool) -> Self {
                self $(.$auth)? .use_token_auth = Some(use_token_auth);
                self
            }

            /// Asks the service for its time before the first token request, and uses that time from then on (`AO2j`,
            /// `RSA10k`): for machines whose clock may be wrong.
            ///
            /// Without this option, a token request that is refused for its timestamp (40104) is still signed again
            /// with the service's time, once.
            #[must_use]
            pub const fn query_time(mut self, query_time: bool) -> Self {
                self $(.$auth)? .query_time = query_time;
                self
            }
        }

        impl $options<crate::mode::Async> {
            /// Gets tokens from an auth callback (`AO2b`, `RSA8d`).
            ///
            /// ```
            #[doc = concat!("use ably_auth::{Async, ", stringify!($options), ", Error, Token, TokenParams};")]
            ///
            #[doc = concat!("let options = ", stringify!($options), "::<Async>::new()")]
            ///     .auth_callback(|_params: TokenParams| async { Ok::<_, Error>(Token::new("xVLyHw.Dtxd9tuz")?) });
            /// ```
            #[must_use]
            pub fn auth_callback(mut self, callback: impl crate::sources::AuthCallback + 'static) -> Self {
                self $(.$auth)? .auth_callback = Some(std::sync::Arc::new(callback));
                self
            }

            /// Gets tokens from your own token source, or from one of [`sources`](crate::sources).
            #[must_use]
            pub fn token_source(mut self, source: impl crate::source::TokenSource + 'static) -> Self {
                self $(.$auth)? .token_source = Some(std::sync::Arc::new(source));
                self
            }
        }

        impl $options<crate::mode::Blocking> {
            /// Gets tokens from an auth callback (`AO2b`, `RSA8d`).
            ///
            /// ```
            #[doc = concat!("use ably_auth::{Blocking, ", stringify!($options), ", Error, Token, TokenParams};")]
            ///
            #[doc = concat!("let options = ", stringify!($options), "::<Blocking>::new()")]
            ///     .auth_callback(|_: &TokenParams| Ok::<_, Error>(Token::new("xVLyHw.Dtxd9tuz")?));
            /// ```
            #[must_use]
            pub fn auth_callback(mut self, callback: impl crate::sources::BlockingAuthCallback + 'static) -> Self {
                self $(.$auth)? .auth_callback = Some(std::sync::Arc::new(callback));
                self
            }

            /// Gets tokens from your own token source, or from one of [`sources`](crate::sources).
            #[must_use]
            pub fn token_source(mut self, source: impl crate::source::BlockingTokenSource + 'static) -> Self {
                self $(.$auth)? .token_source = Some(std::sync::Arc::new(source));
                self
            }
        }
    };
}
pub(crate) use auth_setters;

auth_setters!(AuthOptions);

impl<M: Mode> AuthOptions<M> {
    /// Creates options without credentials.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            key: None,
            token: None,
            token_request: None,
            auth_callback: None,
            auth_url: None,
            token_source: None,
            mint_jwt: false,
            use_token_auth: None,
            query_time: false,
            invalid: None,
        }
    }

    /// Converts the value of a setter. Stores the first error, for [`check_values`](Self::check_values).
    pub(crate) fn checked<T>(&mut self, value: impl TryInto<T, Error: Into<Error>>) -> Option<T> {
        match value.try_into() {
            Ok(value) => Some(value),
            Err(error) => {
                self.invalid.get_or_insert_with(|| error.into());
                None
            }
        }
    }

    /// Returns the error of the first setter that got an invalid value.
    pub(crate) fn check_values(&self) -> Result<(), Error> {
        self.invalid.clone().map_or(Ok(()), Err)
    }

    pub(crate) fn set_token(&mut self, token: AuthCallbackAnswer) {
        (self.token, self.token_request) = match token {
            AuthCallbackAnswer::Token(token) => (Some(token.into()), None),
            AuthCallbackAnswer::TokenDetails(details) => (Some(details), None),
            AuthCallbackAnswer::TokenRequest(request) => (None, Some(request)),
        };
    }

    /// Sets the key, unless the options have one (`RSA10i`).
    pub(crate) fn or_key(mut self, key: Option<&ApiKey>) -> Self {
        self.key = self.key.or_else(|| key.cloned());
        self
    }

    /// Returns true if requests are authenticated with a token, not with the key (`RSA4`).
    pub(crate) fn uses_tokens(&self) -> bool {
        self.use_token_auth.unwrap_or(self.mint_jwt || self.has_token() || self.has_token_source())
    }

    /// Returns true if there is a token, or a token request to exchange for one.
    fn has_token(&self) -> bool {
        self.token.is_some() || self.token_request.is_some()
    }

    fn has_token_source(&self) -> bool {
        self.token_source.is_some() || self.auth_callback.is_some() || self.auth_url.is_some()
    }

    /// Refuses options that cannot work, or contradict each other (`RSC1b`).
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.check_values()?;
        let refused = |why| Err(Error::with_code(ErrorCode::UNABLE_TO_AUTHENTICATE, why));
        if let Some(problem) = self.token.as_ref().and_then(|details| token_text::problem(details.token())) {
            let text = format!("invalid token: the text {problem}");
            return Err(Error::with_code(ErrorCode::INVALID_CREDENTIAL, text));
        }
        let has_key = self.key.is_some();
        if !has_key && self.mint_jwt {
            return refused("missing key: `mint_jwt` needs a key; set one, or leave out `mint_jwt`");
        }
        if !has_key && self.use_token_auth == Some(false) {
            return refused("missing key: `use_token_auth(false)` needs a key; set one, or leave out `use_token_auth`");
        }
        if !has_key && !self.has_token() && !self.has_token_source() {
            return refused(
                "missing credentials: there is no way to authenticate; set a key, a token, an auth callback or an \
                 auth URL",
            );
        }
        if self.token_source.is_some() && (self.auth_callback.is_some() || self.auth_url.is_some()) {
            return refused(
                "conflicting options: a token source and an auth callback or auth URL are set; set only one of them",
            );
        }
        if self.mint_jwt && self.has_token_source() {
            return refused(
                "conflicting options: `mint_jwt` and another source of tokens are set; leave out one of them",
            );
        }
        Ok(())
    }
}

impl<M: Mode> Clone for AuthOptions<M> {
    fn clone(&self) -> Self {
        Self {
            key: self.key.clone(),
            token: self.token.clone(),
            token_request: self.token_request.clone(),
            auth_callback: self.auth_callback.clone(),
            auth_url: self.auth_url.clone(),
            token_source: self.token_source.clone(),
            invalid: self.invalid.clone(),
            ..*self
        }
    }
}

impl<M: Mode> Default for AuthOptions<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: Mode> fmt::Debug for AuthOptions<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthOptions")
            .field("key", &self.key)
            .field("token", &self.token)
            .field("token_request", &self.token_request.is_some())
            .field("auth_callback", &self.auth_callback.is_some())
            .field("auth_url", &self.auth_url)
            .field("token_source", &self.token_source.is_some())
            .field("mint_jwt", &self.mint_jwt)
            .field("use_token_auth", &self.use_token_auth)
            .field("query_time", &self.query_time)
            .finish()
    }
}
