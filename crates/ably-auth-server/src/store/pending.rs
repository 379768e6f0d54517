//! An answer that is there at once, or has to be waited for.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::outcome::Unavailable;

type Waiting<T> = Pin<Box<dyn Future<Output = Result<T, Unavailable>> + Send>>;

/// What a [`Store`](super::Store) answers: at once, or once something slow is done.
///
/// A trait with `async fn` could not be an object, and a boxed future for each answer would make a store in memory pay, on
/// every request, for those that write to a disk. This one allocates only where there is something to wait for, and awaiting
/// an answer that is there never suspends.
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
    /// An answer that is there.
    pub const fn ready(answer: T) -> Self {
        Self(State::Ready(Some(Ok(answer))))
    }

    /// No answer.
    pub const fn unavailable(why: Unavailable) -> Self {
        Self(State::Ready(Some(Err(why))))
    }

    /// An answer that has to be waited for.
    pub fn waiting(answer: impl Future<Output = Result<T, Unavailable>> + Send + 'static) -> Self {
        Self(State::Waiting(Box::pin(answer)))
    }
}

impl<T: Unpin> Future for Pending<T> {
    type Output = Result<T, Unavailable>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Ready(answer) => Poll::Ready(answer.take().unwrap_or_else(|| Err(Unavailable::new("asked twice")))),
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
