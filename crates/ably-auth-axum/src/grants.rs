//! The application's function that decides about a grant.

use ably_auth_backend::Grant;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::request::Parts;

/// A result that can become a grant: a [`Grant`], or a `Result` whose error axum can convert into an answer.
///
/// ```
/// use ably_auth_axum::{Grant, IntoGrant as _};
/// use http::StatusCode;
///
/// let banned: Result<Grant, StatusCode> = Err(StatusCode::FORBIDDEN);
/// assert_eq!(banned.into_grant().err().map(|answer| answer.status()), Some(StatusCode::FORBIDDEN));
/// ```
pub trait IntoGrant {
    /// Returns the grant, or the answer to a user who gets none.
    ///
    /// # Errors
    /// The answer to a user who gets no token.
    fn into_grant(self) -> Result<Grant, Box<Response>>;
}

impl IntoGrant for Grant {
    fn into_grant(self) -> Result<Grant, Box<Response>> {
        Ok(self)
    }
}

impl<E: IntoResponse> IntoGrant for Result<Grant, E> {
    fn into_grant(self) -> Result<Grant, Box<Response>> {
        self.map_err(|error| Box::new(error.into_response()))
    }
}

/// An async function of up to eight extractors that returns [a grant](IntoGrant). It need not be implemented by hand.
///
/// The extractors must implement `FromRequestParts`, and so cannot read the body: the endpoint reads it, and
/// [`AskedParams`](crate::AskedParams) has its params.
///
/// ```
/// use std::sync::Arc;
/// use ably_auth_axum::{ApiKey, AuthEndpoint, Capability, ErrorCode, Grant, Refusal};
/// use axum::Router;
/// use http::HeaderMap;
///
/// async fn decide(headers: HeaderMap) -> Result<Grant, Refusal> {
///     let user = headers.get("x-user").and_then(|user| user.to_str().ok());
///     let user = user.ok_or_else(|| Refusal::new(ErrorCode::INVALID_CREDENTIALS, "not logged in"))?;
///     let chat: Capability = r#"{"chat":["subscribe"]}"#.parse()?;
///     Grant::identified(user, Arc::new(chat))
/// }
/// let route = AuthEndpoint::jwt(&ApiKey::parse("appId.keyId:secret")?).grant(decide);
/// let app: Router = Router::new().route("/ably-token", route);
/// # Ok::<(), ably_auth_axum::Refusal>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a function that decides about a grant",
    note = "use an async function whose arguments are extractors that read no body, and that returns a `Grant` or a \
                `Result<Grant, E>` whose `E` is `IntoResponse`"
)]
pub trait Grants<T, S>: Clone + Send + Sync + 'static {
    /// Decides which token the sender of the request gets.
    ///
    /// # Errors
    /// The answer to a user who gets no token.
    fn decide(self, parts: &mut Parts, state: &S) -> impl Future<Output = Result<Grant, Box<Response>>> + Send;
}

macro_rules! of_extractors {
    ($($extractor:ident)*) => {
        impl<F, Decision, Given, S, $($extractor,)*> Grants<($($extractor,)*), S> for F
        where
            F: FnOnce($($extractor,)*) -> Decision + Clone + Send + Sync + 'static,
            Decision: Future<Output = Given> + Send,
            Given: IntoGrant,
            S: Sync,
            $($extractor: FromRequestParts<S> + Send,)*
        {
            #[allow(non_snake_case, unused_variables, reason = "named for their types; there may be none")]
            async fn decide(self, parts: &mut Parts, state: &S) -> Result<Grant, Box<Response>> {
                $(
                    let $extractor = $extractor::from_request_parts(parts, state)
                        .await
                        .map_err(|rejection| Box::new(rejection.into_response()))?;
                )*
                self($($extractor,)*).await.into_grant()
            }
        }
    };
}

of_extractors!();
of_extractors!(A);
of_extractors!(A B);
of_extractors!(A B C);
of_extractors!(A B C D);
of_extractors!(A B C D E);
of_extractors!(A B C D E G);
of_extractors!(A B C D E G H);
of_extractors!(A B C D E G H I);
