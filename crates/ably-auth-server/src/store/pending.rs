//! Results that are ready at once or awaited.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::outcome::Unavailable;

type Waiting<T> = Pin<Box<dyn Future<Output = Result<T, Unavailable>> + Send>>;

/// A future of a [`Store`](super::Store) result, which may be ready at once.
///
/// A trait with `async fn` is not dyn-compatible, and a boxed future for each result would cost a store in memory an
/// allocation per request. This type allocates only if there is something to wait for. Awaiting a ready result never
/// suspends.
///
/// ```
/// use ably_auth_server::store::Pending;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// assert_eq!(Pending::ready(1).await.unwrap(), 1);
/// assert_eq!(Pending::waiting(async { Ok(2) }).await.unwrap(), 2);
/// # }
/// ```
#[must_use]
pub struct Pending<T>(State<T>);

enum State<T> {
    Ready(Option<Result<T, Unavailable>>),
    Waiting(Waiting<T>),
}

impl<T> Pending<T> {
    /// Creates a result that is ready.
    pub const fn ready(answer: T) -> Self {
        Self(State::Ready(Some(Ok(answer))))
    }

    /// Creates an error that is ready.
    pub const fn unavailable(why: Unavailable) -> Self {
        Self(State::Ready(Some(Err(why))))
    }

    /// Creates a result that must be awaited.
    pub fn waiting(answer: impl Future<Output = Result<T, Unavailable>> + Send + 'static) -> Self {
        Self(State::Waiting(Box::pin(answer)))
    }
}

impl<T: Unpin> Future for Pending<T> {
    type Output = Result<T, Unavailable>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Ready(answer) => Poll::Ready(
                answer.take().unwrap_or_else(|| Err(Unavailable::new("the result was polled after completion"))),
            ),
            State::Waiting(answer) => answer.as_mut().poll(context),
        }
    }
}

impl<T> fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            State::Ready(_) => "Pending(ready)",
            State::Waiting(_) => "Pending(waiting)",
        })
    }
}
