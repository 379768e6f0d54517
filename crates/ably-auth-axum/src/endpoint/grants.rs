//! The application's decision what to grant.

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::request::Parts;

use super::grant::Grant;

/// What a function may give for a grant: a [`Grant`], or a `Result` of one whose error axum can answer with.
pub trait IntoGrant {
    /// The grant, or the answer to who gets none.
    ///
    /// # Errors
    /// The answer to who gets none.
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

/// An async function of up to eight extractors that gives [a grant](IntoGrant): it need not be implemented by hand.
///
/// Extractors are those that read a request's head, `FromRequestParts`: the body is for the endpoint to read, and
/// [`AskedParams`](super::AskedParams) tells what was in it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not decide what to grant",
    note = "give an async function whose arguments are extractors that read no body, and that returns a `Grant` or a \
            `Result<Grant, E>` whose `E` is `IntoResponse`"
)]
pub trait Grants<T, S>: Clone + Send + Sync + 'static {
    /// Decides what to grant to who sent that request.
    ///
    /// # Errors
    /// The answer to who gets nothing.
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
            #[allow(non_snake_case, unused_variables, reason = "named for their types, and there may be none")]
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
