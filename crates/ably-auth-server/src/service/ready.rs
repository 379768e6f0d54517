//! Whether the service is to be asked.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time;

use crate::service::Service;

/// How long the store may take to answer. Whoever asks for this does not wait for much longer.
const PROBE_TIMEOUT: Duration = Duration::from_millis(500);

impl Service {
    /// As [`is_ready`](Self::is_ready), but asks the store, and waits for its answer for half a second at most. To be called
    /// on a tokio runtime with time.
    ///
    /// ```
    /// use ably_auth_server::{Server, Service};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let service = Service::builder().build()?;
    /// assert!(!service.check_ready().await, "nobody serves it");
    ///
    /// let server = Server::bind("127.0.0.1:0".parse()?, service.clone()).await?;
    /// # drop(server);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn check_ready(&self) -> bool {
        let state = self.state();
        let now = state.clock.now();
        // A clock that is wrong is not to become what the store remembers.
        if state.check_clock(now).is_err() {
            return false;
        }
        let answer = time::timeout(PROBE_TIMEOUT, state.store.probe(now)).await;
        let is_there = matches!(answer, Ok(Ok(())));
        state.metrics.store.set_failing(!is_there);
        is_there && state.learn().is_ok() && self.is_up()
    }

    /// Whether it serves, is not to end, and understands what it knows.
    pub(crate) fn is_up(&self) -> bool {
        let state = self.state();
        state.metrics.ready.load(Ordering::Relaxed) && !state.is_confused.load(Ordering::Acquire)
    }
}
