//! The service, without a socket.

mod ready;
mod verify;

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use ably_auth_core::{Timestamp, Token};
use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::apps::Apps;
use crate::apps::control_token::{self, ControlToken};
use crate::clock::{Clock, Steady, Stopwatch};
use crate::error::{Error, ErrorKind};
use crate::http::{self as wire, Arrival, request_log};
use crate::limits::Limits;
use crate::limits::budget::Budget;
use crate::limits::rate_limiter::Buckets;
use crate::ops::audit::{self, Audit, SecretSource};
use crate::ops::instrumented_store::InstrumentedStore;
use crate::ops::metrics::{self, Metrics};
use crate::ops::request_id::RequestIds;
use crate::policy::reload::{self, Relisted};
use crate::random;
use crate::refusal::Refusal;
use crate::sandbox_access::SandboxAccess;
use crate::state::State;
#[cfg(feature = "sandbox")]
use crate::state::emulation::Emulation;
use crate::state::registry::{Registry, ServiceSecrets};
use crate::state::service_clock::Time;
use crate::store::{Memory, Store};

/// The token service: a request goes in, its answer comes out. Clones share what they know.
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
    /// A service to be: without apps, no sandbox, by the system's clock, under a random secret.
    pub fn builder() -> ServiceBuilder {
        ServiceBuilder {
            apps: Apps::new(),
            sandbox: false,
            sandbox_access: SandboxAccess::default(),
            #[cfg(feature = "sandbox")]
            emulation: None,
            channels: true,
            clock: Clock::system(),
            secrets: ServiceSecrets::default(),
            control_tokens: Vec::new(),
            limits: Limits::default(),
            store: Box::new(Memory::new()),
        }
    }

    /// Answers one request. Whatever is wrong with it, there is an answer that says so.
    ///
    /// A request whose URI says `https` counts as one that came over TLS, for which the caller answers.
    pub fn handle(&self, request: Request<Bytes>) -> impl Future<Output = Response<Bytes>> + Send + use<> {
        let service = self.clone();
        async move {
            let (parts, body) = request.into_parts();
            service.answer(&parts, Some(&body), None, Stopwatch::start()).await
        }
    }

    /// Answers a request that came when that watch was started.
    pub(crate) async fn answer(
        &self,
        parts: &Parts,
        body: Option<&Bytes>,
        arrival: Option<Arrival>,
        since: Stopwatch,
    ) -> Response<Bytes> {
        request_log::record_request(&self.0.metrics, wire::respond(&self.0, parts, body, arrival).await, since)
    }

    /// Refuses a request without a look at what it asks.
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

    /// What the service counts, in the text format of Prometheus.
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
        let (apps, keys) = self.0.registry.count();
        let now = metrics::Now { apps, keys, is_ready: self.is_ready(), up: self.0.stopwatch.elapsed() };
        metrics::render(&self.0.metrics, &now)
    }

    /// Goes on with these apps in the place of those that it was told of before, without a request being refused meanwhile.
    ///
    /// What was made, changed, revoked or deleted at run time, over the Control API or in a sandbox, stays as it is. All else
    /// is as these apps say: a key that is not among them any more is gone, and its tokens are over; one that was changed at
    /// run time besides is disabled at once, and revoked, so that no store brings it back.
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
    /// [`ErrorKind::Apps`] if there would be more apps than a service holds (1000): then all is as before.
    /// [`ErrorKind::Store`] if the store does not answer: what did not need it holds. Reload again until it does: a key that
    /// is to be revoked stays disabled here meanwhile, and it is revoked then.
    pub async fn reload(&self, apps: Apps) -> Result<Relisted, Error> {
        let reloaded = reload::reload_apps(&self.0, apps).await;
        let metrics = &self.0.metrics;
        match &reloaded {
            Ok(_) => {
                metrics::add(&metrics.reloads, 1);
                metrics.reloaded_at.store(self.0.clock.now().as_millis(), Ordering::Relaxed);
            }
            Err(_) => metrics::add(&metrics.reloads_failed, 1),
        }
        let keys = |done: &Relisted| (done.keys_added, done.keys_changed, done.keys_removed);
        self.0.audit.reload(reloaded.as_ref().map(keys).map_err(Error::kind));
        reloaded
    }

    /// Goes on by the clock as it is, though the store, or what has passed since, speaks of a time that is more than a day off,
    /// so that every request is refused with 50003. To be called before the service is asked anything, by whoever has seen that
    /// the clock is right; it changes nothing if the clock was not in doubt.
    ///
    /// If there was a later time, a clock was wrong then, and what was used and revoked may have been dropped by it: as after
    /// the loss of a store, token requests of up to two minutes from now are refused, and so is every token issued before of a
    /// key whose tokens are revocable. Of services that share a store, let only this one run meanwhile: the others would bring
    /// the later time back.
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
        let set = self.0.trust_clock().await;
        audit::trust_clock(set.is_ok());
        set.map_err(|unavailable| Error::new(ErrorKind::Store, unavailable.to_string()).because(unavailable))
    }

    /// Counts a reload for which the apps could not even be read.
    pub fn reload_failed(&self) {
        metrics::add(&self.0.metrics.reloads_failed, 1);
        self.0.audit.reload(Err(ErrorKind::Apps));
    }

    /// Counts `count` audit events that a subscriber could not write, in
    /// `ably_auth_audit_events_lost_total{reason="write"}`.
    pub fn audit_events_lost(&self, count: u64) {
        metrics::add(&self.0.metrics.audit_failed, count);
    }

    /// Whether the service wants to be asked: its [`Server`](crate::Server) runs and is not to end, and its store answered
    /// when it last had to do something. [`check_ready`](Self::check_ready) asks the store.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.is_up() && !self.0.metrics.store.is_failing()
    }

    /// Returns the service that answers the next request. It is another one only in a `Sandbox`, which replaces it.
    pub(crate) fn current(&self) -> Cow<'_, Self> {
        #[cfg(feature = "sandbox")]
        if let Some(current) = self.0.emulation.as_ref().and_then(Emulation::current) {
            return Cow::Owned(Self(current));
        }
        Cow::Borrowed(self)
    }

    #[cfg(feature = "sandbox")]
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

/// Sets up a [`Service`].
#[derive(Debug)]
#[must_use]
pub struct ServiceBuilder {
    apps: Apps,
    sandbox: bool,
    sandbox_access: SandboxAccess,
    #[cfg(feature = "sandbox")]
    emulation: Option<Emulation<State>>,
    channels: bool,
    clock: Clock,
    secrets: ServiceSecrets,
    control_tokens: Vec<ControlToken>,
    limits: Limits,
    store: Box<dyn Store>,
}

impl ServiceBuilder {
    /// The apps that the service knows; none unless said so.
    pub fn apps(mut self, apps: Apps) -> Self {
        self.apps = apps;
        self
    }

    /// Whether the service is for trying things out on loopback: keys are then taken over plain HTTP, and whoever asks may
    /// make apps. No, unless said so.
    pub const fn sandbox(mut self, sandbox: bool) -> Self {
        self.sandbox = sandbox;
        self
    }

    /// Lets a sandbox listen on any address, and answer requests for these hosts, from web pages of any origin too. Use
    /// this for a container that others reach by its name. Anybody who reaches the address can create apps, and keys are
    /// sent without TLS. Requests for `localhost` are answered as before: from pages of this machine only.
    ///
    /// ```
    /// use ably_auth_server::Service;
    ///
    /// let service = Service::builder().sandbox(true).sandbox_hosts(["ably"]).build()?;
    /// # Ok::<(), ably_auth_server::Error>(())
    /// ```
    pub fn sandbox_hosts(mut self, hosts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.sandbox_access.hosts = hosts.into_iter().map(Into::into).collect();
        self
    }

    /// Lets a sandbox listen on any address, and answer requests for any host and from web pages of any origin, if
    /// `is_public` is true. Anybody who reaches the address can create apps, and keys are sent without TLS. Every page in
    /// a browser that reaches the address can use it.
    pub const fn sandbox_public(mut self, is_public: bool) -> Self {
        self.sandbox_access.is_public = is_public;
        self
    }

    #[cfg(feature = "sandbox")]
    pub(crate) fn emulation(mut self, emulation: Emulation<State>) -> Self {
        self.emulation = Some(emulation);
        self
    }

    /// Sets whether the channel endpoints (`/channels`) are served; they are by default. They exist to test what a token
    /// permits; a service in production does not need them.
    ///
    /// ```
    /// use ably_auth_server::Service;
    ///
    /// let service = Service::builder().channels(false).build()?;
    /// # Ok::<(), ably_auth_server::Error>(())
    /// ```
    pub const fn channels(mut self, served: bool) -> Self {
        self.channels = served;
        self
    }

    /// What tells the time, in milliseconds since the epoch; the system's clock unless said so. It is believed however far it
    /// jumps ahead, unless there is a [steady clock](Self::steady_clock) beside it.
    pub fn clock(mut self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(now);
        self
    }

    /// What tells how much time has passed since any moment, evenly, whatever is done to the [clock](Self::clock), which is to
    /// be given before. By it time goes on, at half the pace, when the clock was set back, until it has caught up; and a clock
    /// that jumps ahead by more than a day is noticed.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// use ably_auth_core::Timestamp;
    /// use ably_auth_server::Service;
    ///
    /// let start = Instant::now();
    /// let now = Timestamp::from_millis(1_449_746_287_318);
    /// let service = Service::builder().clock(move || now).steady_clock(move || start.elapsed()).build()?;
    /// # Ok::<(), ably_auth_server::Error>(())
    /// ```
    pub fn steady_clock(mut self, elapsed: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        self.clock.steady = Some(Steady::new(elapsed));
        self
    }

    /// The secret under which tokens are sealed. Services that have it in common take each other's tokens; a service that
    /// is started without one has the one of its store or, in memory, makes one and takes no token from before.
    ///
    /// Use 32 bytes from a cryptographic source of random numbers. [`build`](Self::build) refuses a secret of only zero
    /// bytes, such as a buffer that was never filled.
    pub fn service_secret(mut self, secret: [u8; 32]) -> Self {
        self.secrets.current = Some(Zeroizing::new(secret));
        self
    }

    /// Secrets under which tokens were sealed before: they are still taken, and no new ones are made. To change the secret,
    /// move it here, and drop it from here a day later, when no token of its time can be alive.
    ///
    /// ```
    /// use ably_auth_server::Service;
    ///
    /// # let (new, old) = ([1; 32], [2; 32]);
    /// let service = Service::builder().service_secret(new).earlier_secrets([old]).build()?;
    /// # Ok::<(), ably_auth_server::Error>(())
    /// ```
    pub fn earlier_secrets(mut self, secrets: impl IntoIterator<Item = [u8; 32]>) -> Self {
        self.secrets.earlier = secrets.into_iter().map(Zeroizing::new).collect();
        self
    }

    /// Opens the Control API, under `/v1`, to clients with this access token of at least 16 characters. The API creates
    /// apps, and creates, changes and revokes keys. It is closed by default. Audit events name the token `default`; for
    /// several tokens, use [`control_tokens`](Self::control_tokens).
    ///
    /// ```
    /// use ably_auth_core::Token;
    /// use ably_auth_server::Service;
    ///
    /// # let text = "read-from-a-file\n";
    /// let access_token = Token::new(text.trim())?;
    /// let service = Service::builder().sandbox(true).control_token(access_token).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn control_token(mut self, access_token: Token) -> Self {
        self.control_tokens = vec![ControlToken::unnamed(access_token)];
        self
    }

    /// Opens the Control API to clients with one of these access tokens, which replace those set before. With several
    /// tokens, one can be replaced while the others are in use. Names and tokens must be unique, and at most 64 are
    /// permitted.
    pub fn control_tokens(mut self, tokens: impl IntoIterator<Item = ControlToken>) -> Self {
        self.control_tokens = tokens.into_iter().collect();
        self
    }

    /// How much the service takes on at once, and from whom.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Where the service keeps what it must not forget; in [memory](Memory), unless said so. A store is for one service.
    ///
    /// What the store knows goes before what the service is told here: an app that was deleted stays so, and a key is as it
    /// was changed.
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Box::new(store);
        self
    }

    /// The service.
    ///
    /// # Errors
    /// [`ErrorKind::Store`] if the store holds what this service cannot understand;
    /// [`ErrorKind::ControlToken`] if an access token of the Control API is too short, if a name or a token is used twice,
    /// or if there are too many tokens;
    /// [`ErrorKind::ServiceSecret`] if a service secret has only zero bytes;
    /// [`ErrorKind::Random`] if it needs a secret and the system gives no random numbers; [`ErrorKind::Apps`] if there are
    /// more apps than it holds (1000).
    pub fn build(self) -> Result<Service, Error> {
        let mut secrets = self.secrets;
        secrets.check()?;
        let mut source = Some(SecretSource::Configured);
        if secrets.current.is_none() {
            let kept = self.store.secret();
            source = kept.is_some().then_some(SecretSource::Store);
            secrets.current = Some(Zeroizing::new(kept.map_or_else(random::bytes, Ok)?));
            secrets.are_of_store = true;
        }
        let secret_count = secrets.earlier.len().saturating_add(1);
        control_token::check(&self.control_tokens)?;
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let metrics = Metrics::default();
        let registry = Registry::new(secrets, &self.limits);
        let too_many = |refusal: Refusal| Error::new(ErrorKind::Apps, refusal.info().message());
        let now = self.clock.now();
        self.apps.into_iter().try_for_each(|app| registry.list(app.created(now))).map_err(too_many)?;
        // To a store of one service alone, a long time in which nobody served is nothing unusual.
        let latest = self.store.feed().latest_known();
        let from = if self.store.is_shared() { latest } else { latest.max(now) };
        let state = State {
            registry,
            time: Time::new(self.clock.steady.clone(), from),
            revocations: RwLock::default(),
            store: Box::new(InstrumentedStore::new(self.store, Arc::clone(&metrics.store))),
            is_confused: AtomicBool::new(false),
            clock: self.clock,
            sandbox: self.sandbox,
            sandbox_access: self.sandbox_access,
            #[cfg(feature = "sandbox")]
            emulation: self.emulation,
            control_tokens: self.control_tokens,
            audit: Audit::new(self.limits.audit_refusals),
            request_ids: RequestIds::new(random::bytes()?),
            by_key: self.limits.per_key.map(Buckets::new),
            publish_rates: Buckets::default(),
            by_address: self.limits.per_address.map(Buckets::new),
            answers: Budget::new(self.limits.answers_bytes),
            long_work: Semaphore::new(processors.saturating_sub(1).max(1)),
            limits: self.limits,
            channels: self.channels,
            metrics,
            stopwatch: Stopwatch::start(),
        };
        state.learn().map_err(|_| {
            let message = "the store holds what this service cannot understand; serve with the version that wrote it";
            Error::new(ErrorKind::Store, message)
        })?;
        // One that is wrong is told of now and not with the first request.
        let _ = state.check_clock(now);
        source.inspect(|source| audit::load_secrets(secret_count, *source));
        Ok(Service(Arc::new(state)))
    }
}
