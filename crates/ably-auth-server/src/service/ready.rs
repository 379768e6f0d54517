//! The readiness of the service.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time;

use crate::service::Service;

/// The maximum time to wait for the store. A health check must not wait much longer.
const PROBE_TIMEOUT: Duration = Duration::from_millis(500);

impl Service {
    /// Returns true if the service is ready, as [`is_ready`](Self::is_ready) does, but asks the store now, and waits
    /// for its answer for at most half a second. Call this on a tokio runtime with time enabled.
    ///
    /// ```
    /// use ably_auth_server::{Server, Service};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let service = Service::builder().build()?;
    /// assert!(!service.check_ready().await, "no server runs it");
    ///
    /// let server = Server::bind("127.0.0.1:0".parse()?, service.clone()).await?;
    /// # drop(server);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn check_ready(&self) -> bool {
        let current = self.current();
        let state = current.state();
        let now = state.clock.now();
        // The store remembers the time that it gets, so it must not get a wrong one.
        if state.check_clock(now).is_err() {
            return false;
        }
        let answer = time::timeout(PROBE_TIMEOUT, state.store.probe(now)).await;
        let has_answered = matches!(answer, Ok(Ok(())));
        if state.metrics.store.set_failing(!has_answered) {
            match answer {
                Ok(Ok(())) => tracing::info!("the store answers again"),
                Ok(Err(error)) => tracing::error!("the service is not ready: {error}"),
                Err(_) => tracing::error!("the service is not ready: the store did not answer in time"),
            }
        }
        has_answered && state.learn().is_ok() && self.is_up()
    }

    /// Returns true if a server runs and is not shutting down, and the service can read all records of the store.
    pub(crate) fn is_up(&self) -> bool {
        let current = self.current();
        let state = current.state();
        state.metrics.ready.load(Ordering::Relaxed) && !state.is_confused.load(Ordering::Acquire)
    }
}
