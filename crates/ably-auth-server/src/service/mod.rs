//! The service, without a socket.

mod build;
pub(crate) mod builder;
#[cfg(feature = "sandbox")]
mod emulator;
mod ready;
mod verify;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};

use crate::apps::Apps;
use crate::clock::Stopwatch;
use crate::error::{Error, ErrorKind};
use crate::http::{self as wire, Arrival, request_log};
use crate::ops::{audit, metrics};
use crate::policy::reload::{self, Relisted};
use crate::refusal::Refusal;
use crate::state::State;
#[cfg(feature = "sandbox")]
use crate::state::emulation::{Back, Emulation};

/// The token service, which takes HTTP requests and returns responses. Clones share their state.
///
/// ```
/// use ably_auth_core::Timestamp;
/// use ably_auth_server::{Apps, Service};
/// use bytes::Bytes;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let service = Service::builder()
///     .apps(Apps::of_key("app1.key1:secret".parse()?))
///     .clock(|| Timestamp::from_millis(1_449_746_287_318))
///     .build()?;
///
/// let response = service.handle(http::Request::get("/time").body(Bytes::new())?).await;
/// assert_eq!(response.body(), "[1449746287318]");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Service(Arc<State>);

impl Service {
    /// Answers one request. An invalid request gets a response with an error.
    ///
    /// A request whose URI has the scheme `https` counts as sent over TLS, so the caller must know that it was.
    pub fn handle(&self, request: Request<Bytes>) -> impl Future<Output = Response<Bytes>> + Send + use<> {
        let service = self.clone();
        async move {
            let (parts, body) = request.into_parts();
            service.current().answer(&parts, Some(&body), None, Stopwatch::start()).await
        }
    }

    /// Answers a request that arrived when `since` was started.
    pub(crate) async fn answer(
        &self,
        parts: &Parts,
        body: Option<&Bytes>,
        arrival: Option<Arrival>,
        since: Stopwatch,
    ) -> Response<Bytes> {
        request_log::record_request(&self.0.metrics, wire::respond(&self.0, parts, body, arrival).await, since)
    }

    /// Answers a request to the console on the admin address.
    #[cfg(feature = "console")]
    pub(crate) async fn answer_admin(
        &self,
        parts: &Parts,
        body: Option<&Bytes>,
        arrival: Arrival,
        since: Stopwatch,
    ) -> Response<Bytes> {
        request_log::record_request(&self.0.metrics, wire::respond_admin(&self.0, parts, body, arrival).await, since)
    }

    /// Answers a request with a refusal, without processing it.
    pub(crate) fn refuse(
        &self,
        parts: &Parts,
        refusal: Refusal,
        arrival: Option<Arrival>,
        since: Stopwatch,
    ) -> Response<Bytes> {
        request_log::record_request(&self.0.metrics, wire::refuse(&self.0, parts, refusal, arrival), since)
    }

    pub(crate) fn state(&self) -> &State {
        &self.0
    }

    /// Returns the metrics of the service, in the text format of Prometheus.
    ///
    /// ```
    /// use ably_auth_server::Service;
    ///
    /// let service = Service::builder().build()?;
    /// assert!(service.metrics().contains("ably_auth_tokens_issued_total 0"));
    /// # Ok::<(), ably_auth_server::Error>(())
    /// ```
    #[must_use]
    pub fn metrics(&self) -> String {
        let current = self.current();
        let (apps, keys) = current.0.registry.count();
        let now = metrics::CurrentValues {
            apps,
            keys,
            realtime_connections: current.0.connections.counts(),
            is_ready: self.is_ready(),
            up: self.0.stopwatch.elapsed(),
        };
        metrics::render(&self.0.metrics, &now)
    }

    /// Replaces the apps that the service was configured with. No request is refused meanwhile.
    ///
    /// A reload does not undo changes from the Control API or from a sandbox: they override the configuration.
    /// Otherwise, the new apps apply: a key that they do not contain is removed, and its tokens are refused. If such a
    /// key was also changed at run time, it is disabled at once and revoked, so that no store restores it.
    ///
    /// ```
    /// use ably_auth_server::{Apps, Service};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let service = Service::builder().apps(Apps::of_key("app1.key1:secret".parse()?)).build()?;
    /// let relisted = service.reload(Apps::of_key("app1.key2:secret".parse()?)).await?;
    /// assert_eq!((relisted.keys_added, relisted.keys_removed), (1, 1));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Apps`] if the service would have more than 1000 apps: then nothing has changed.
    /// [`ErrorKind::Store`] if the store does not answer: then the changes that need no store have been made. Reload
    /// again until it succeeds: a key that is to be revoked is disabled meanwhile, and is revoked then.
    pub async fn reload(&self, apps: Apps) -> Result<Relisted, Error> {
        let current = self.current();
        #[cfg(feature = "sandbox")]
        let recipe = current.0.back().and_then(Back::recipe).map(|recipe| (recipe, apps.clone()));
        let reloaded = reload::reload_apps(&current.0, apps).await;
        #[cfg(feature = "sandbox")]
        if let Some((recipe, apps)) = recipe.filter(|_| reloaded.is_ok()) {
            recipe.set_apps(apps);
        }
        let metrics = &self.0.metrics;
        match &reloaded {
            Ok(_) => {
                metrics::add(&metrics.reloads, 1);
                metrics.reloaded_at.store(self.0.clock.now().as_millis(), Ordering::Relaxed);
            }
            Err(_) => metrics::add(&metrics.reloads_failed, 1),
        }
        let keys = |done: &Relisted| (done.keys_added, done.keys_changed, done.keys_removed);
        current.0.audit.reload(reloaded.as_ref().map(keys).map_err(Error::kind));
        reloaded
    }

    /// Accepts the clock as right, although it is more than a day off the time that the service expects by its store or
    /// its steady clock. Until then, every request is refused with 50003. Call this before the service gets requests,
    /// and only after you have checked the clock. If the clock was not in doubt, nothing changes.
    ///
    /// If the time in the store is later, a clock was wrong before, and used nonces and revocations may have been
    /// dropped because of it. So the service acts as after the loss of a store: it refuses token requests with a
    /// timestamp up to two minutes from now, and all earlier tokens of keys with revocable tokens. If several services
    /// share the store, run only this one meanwhile: the others would write the later time again.
    ///
    /// ```
    /// use ably_auth_server::Service;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), ably_auth_server::Error> {
    /// let service = Service::builder().build()?;
    /// service.trust_clock().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Store`] if the store does not answer: then nothing has changed.
    pub async fn trust_clock(&self) -> Result<(), Error> {
        let set = self.current().0.trust_clock().await;
        audit::trust_clock(set.is_ok());
        set.map_err(|unavailable| Error::new(ErrorKind::Store, unavailable.to_string()).because(unavailable))
    }

    /// Counts a reload that failed because the apps could not be read.
    pub fn reload_failed(&self) {
        metrics::add(&self.0.metrics.reloads_failed, 1);
        self.0.audit.reload(Err(ErrorKind::Apps));
    }

    /// Counts `count` audit events that a subscriber could not write, in
    /// `ably_auth_audit_events_lost_total{reason="write"}`.
    pub fn audit_events_lost(&self, count: u64) {
        metrics::add(&self.0.metrics.audit_failed, count);
    }

    /// Returns true if the service is ready for requests: its [`Server`](crate::Server) runs and is not shutting down,
    /// and its store answered the last operation. [`check_ready`](Self::check_ready) asks the store now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.is_up() && !self.0.metrics.store.is_failing()
    }

    /// Returns the service that answers the next request. It is another one only in a sandbox that
    /// can be reset.
    pub(crate) fn current(&self) -> Cow<'_, Self> {
        #[cfg(feature = "sandbox")]
        if let Some(current) = self.0.emulation.as_ref().and_then(Emulation::current) {
            return Cow::Owned(Self(current));
        }
        Cow::Borrowed(self)
    }

    /// Replaces the service of a sandbox with a new one, if it can be reset.
    #[cfg(feature = "sandbox")]
    pub(crate) fn reset(&self) -> Result<(), Error> {
        let current = self.current();
        current.0.back().and_then(Back::recipe).map_or(Ok(()), |recipe| recipe.reset())
    }

    pub(crate) fn shared_state(&self) -> Arc<State> {
        Arc::clone(&self.0)
    }

    pub(crate) fn is_sandbox(&self) -> bool {
        self.0.sandbox
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("sandbox", &self.0.sandbox).finish_non_exhaustive()
    }
}
