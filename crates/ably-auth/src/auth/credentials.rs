//! Credentials for requests that the application sends itself.

use ably_auth_core::{ApiKey, Identity};
use http::Request;

use crate::cache::CachedToken;
use crate::exchange::{Authorization, outgoing};
use crate::generation::Generation;

/// The credentials of a request, for applications that send requests with their own HTTP library.
///
/// `Debug` shows neither key nor token.
///
/// ```no_run
/// # use bytes::Bytes;
/// # use ably_auth::{Auth, Error, Transport};
/// # async fn example<T: Transport + 'static>(auth: &Auth<T>) -> Result<(), Error> {
/// let mut request = http::Request::get("https://main.realtime.ably.net/channels/chat").body(()).unwrap();
/// let credentials = auth.credentials().await?;
/// credentials.apply_to(&mut request);
/// // Send it. If the service responds with 401 and a code from 40140 to 40149, renew the credentials once:
/// auth.renewed_credentials(&credentials).await?.apply_to(&mut request);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Credentials {
    kind: Kind,
    identity: Option<Identity>,
}

#[derive(Clone, Debug)]
enum Kind {
    Key(ApiKey),
    Token(CachedToken),
}

impl Credentials {
    pub(super) fn of_key(key: ApiKey, identity: Option<&Identity>) -> Self {
        Self { kind: Kind::Key(key), identity: identity.cloned() }
    }

    pub(crate) fn of_token(token: CachedToken, identity: Option<&Identity>) -> Self {
        Self { kind: Kind::Token(token), identity: identity.cloned() }
    }

    /// Returns the value of the `Authorization` header (`RSA2`, `RSA3`).
    #[must_use]
    pub fn authorization(&self) -> Authorization {
        match &self.kind {
            Kind::Key(key) => Authorization::basic(key),
            Kind::Token(token) => token.authorization().clone(),
        }
    }

    /// Adds the `Authorization` header, and `X-Ably-ClientId` if the client has an identity (`RSA7e2`).
    ///
    /// Check that the request goes to the service that issued the credentials, and send a key over TLS only.
    pub fn apply_to<B>(&self, request: &mut Request<B>) {
        outgoing::authorize(request, &self.authorization());
        if let Some(identity) = &self.identity {
            outgoing::assume_identity(request, identity);
        }
    }

    /// Returns the credentials as query parameters, for connections that cannot set headers, such as a WebSocket: `key`
    /// or `accessToken`, and `clientId` (`RTN2e`). Percent-encode the values, and keep the URL out of logs.
    pub fn query_params(&self) -> impl Iterator<Item = (&'static str, String)> + use<> {
        let credential = match &self.kind {
            Kind::Key(key) => ("key", [key.key_name().as_str(), ":", key.secret().expose()].concat()),
            Kind::Token(token) => ("accessToken", token.details().token().expose().to_owned()),
        };
        let identity = self.identity.as_ref().map(|identity| ("clientId", identity.as_str().to_owned()));
        std::iter::once(credential).chain(identity)
    }

    /// Returns true if both are the same key, or the same token text.
    #[cfg(feature = "realtime")]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        match (&self.kind, &other.kind) {
            (Kind::Key(key), Kind::Key(other)) => key == other,
            (Kind::Token(token), Kind::Token(other)) => token.details().token() == other.details().token(),
            _ => false,
        }
    }

    /// Returns the token, or `None` for a key.
    #[cfg(feature = "realtime")]
    pub(crate) fn token(&self) -> Option<&ably_auth_core::Token> {
        match &self.kind {
            Kind::Key(_) => None,
            Kind::Token(token) => Some(token.details().token()),
        }
    }

    /// Returns the secret texts, which no error may repeat.
    #[cfg(feature = "realtime")]
    pub(crate) fn secrets(&self) -> Vec<&str> {
        match &self.kind {
            Kind::Key(key) => vec![key.secret().expose()],
            Kind::Token(token) => vec![token.details().token().expose()],
        }
    }

    /// Returns the token's generation, or `None` for a key.
    pub(super) fn generation(&self) -> Option<Generation> {
        match &self.kind {
            Kind::Key(_) => None,
            Kind::Token(token) => Some(token.generation()),
        }
    }
}
