//! The configuration of a service that is not built yet.

use std::num::NonZeroUsize;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use ably_auth_core::{Timestamp, Token};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::apps::Apps;
use crate::apps::control_token::{self, ControlToken};
use crate::clock::{Clock, Steady, Stopwatch};
use crate::error::{Error, ErrorKind};
#[cfg(feature = "console")]
use crate::journal::Journal;
use crate::limits::Limits;
use crate::limits::budget::Budget;
use crate::limits::rate_limiter::Buckets;
use crate::live::connections::Connections;
use crate::live::relay::Outbox;
use crate::ops::audit::{self, Audit, SecretSource};
use crate::ops::instrumented_store::InstrumentedStore;
use crate::ops::metrics::Metrics;
use crate::ops::request_id::RequestIds;
use crate::random;
use crate::refusal::Refusal;
use crate::sandbox_access::SandboxAccess;
use crate::service::Service;
use crate::state::State;
#[cfg(feature = "console")]
use crate::state::console::Console;
#[cfg(feature = "sandbox")]
use crate::state::emulation::Emulation;
use crate::state::registry::{Registry, ServiceSecrets};
use crate::state::service_clock::Time;
#[cfg(feature = "sandbox")]
use crate::store::StoreLimits;
use crate::store::{Memory, Store};

/// A builder of a [`Service`].
///
/// ```
/// use ably_auth_server::{Apps, Service};
///
/// let service = Service::builder().apps(Apps::of_key("app1.key1:secret".parse()?)).sandbox(true).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use]
pub struct ServiceBuilder {
    pub(super) apps: Apps,
    pub(super) sandbox: bool,
    pub(super) sandbox_access: SandboxAccess,
    /// True if the service of a sandbox can be reset and inject faults.
    #[cfg(feature = "sandbox")]
    pub(super) is_emulated: bool,
    #[cfg(feature = "sandbox")]
    pub(super) emulation: Option<Emulation<State>>,
    #[cfg(feature = "console")]
    pub(super) console: bool,
    #[cfg(feature = "console")]
    pub(super) admin_console: Option<Token>,
    #[cfg(feature = "console")]
    pub(super) journal: Option<Arc<Journal>>,
    #[cfg(feature = "console")]
    pub(super) console_state: Option<Arc<Console>>,
    /// The limits of a store in memory, from which a sandbox creates the store again; `None` for any other store.
    #[cfg(feature = "sandbox")]
    pub(super) memory_limits: Option<StoreLimits>,
    /// The metrics that the services of a sandbox share.
    pub(super) metrics: Arc<Metrics>,
    pub(super) channels: bool,
    pub(super) clock: Clock,
    pub(super) secrets: ServiceSecrets,
    pub(super) control_tokens: Vec<ControlToken>,
    pub(super) limits: Limits,
    pub(super) store: Box<dyn Store>,
}

impl ServiceBuilder {
    /// Sets the apps of the service. By default there are none.
    pub fn apps(mut self, apps: Apps) -> Self {
        self.apps = apps;
        self
    }

    /// Sets whether the service is a sandbox, for tests on loopback. A sandbox accepts keys over plain HTTP, and
    /// anybody can create apps in it. By default the service is not a sandbox.
    pub const fn sandbox(mut self, sandbox: bool) -> Self {
        self.sandbox = sandbox;
        self
    }

    /// Lets a sandbox listen on any address, and answer requests for these hosts, from web pages of any origin too. Use
    /// this for a container that others reach by its name. Anybody who reaches the address can create apps, and keys
    /// are sent without TLS. Requests for `localhost` are answered as before: from pages of this machine only.
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
    /// `is_public` is true. Anybody who reaches the address can create apps, and keys are sent without TLS. Every page
    /// in a browser that reaches the address can use it.
    pub const fn sandbox_public(mut self, is_public: bool) -> Self {
        self.sandbox_access.is_public = is_public;
        self
    }

    /// Lets the service of a sandbox be reset and inject faults.
    #[cfg(feature = "sandbox")]
    pub(crate) const fn emulated(mut self) -> Self {
        self.is_emulated = true;
        self
    }

    #[cfg(feature = "sandbox")]
    pub(super) fn emulation(mut self, emulation: Emulation<State>) -> Self {
        self.emulation = Some(emulation);
        self
    }

    /// Sets whether the service serves its console: a page at `/console` that shows each request with its credential,
    /// and the reason of each refusal. By default it does not. Only a sandbox can have a console, because anybody who
    /// reaches it can read and change everything.
    ///
    /// ```
    /// use ably_auth_server::Service;
    ///
    /// let service = Service::builder().sandbox(true).console(true).build()?;
    /// # Ok::<(), ably_auth_server::Error>(())
    /// ```
    #[cfg(feature = "console")]
    pub const fn console(mut self, is_served: bool) -> Self {
        self.console = is_served;
        self
    }

    /// Serves a console on the [admin address](crate::Server::admin) to holders of this token of at least 32 characters:
    /// the log, the realtime connections, reports on credentials, and revocation. It shows no secret of a key and issues
    /// no token. The service's own address does not serve it.
    ///
    /// ```
    /// use ably_auth_core::Token;
    /// use ably_auth_server::Service;
    ///
    /// # let text = "read-from-a-file-that-only-the-operator-reads\n";
    /// let service = Service::builder().admin_console(Token::new(text.trim())?).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "console")]
    pub fn admin_console(mut self, token: Token) -> Self {
        self.admin_console = Some(token);
        self
    }

    /// Sets whether the channel endpoints (`/channels`) are served; they are by default. They exist to test what a
    /// token permits; a service in production does not need them.
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

    /// Sets the clock, in milliseconds since the epoch. By default it is the clock of the system. A jump ahead is
    /// accepted, however far, unless there is also a [steady clock](Self::steady_clock).
    pub fn clock(mut self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(now);
        self
    }

    /// Sets the steady clock: it returns the time that has passed since any fixed moment, and setting the
    /// [clock](Self::clock) does not change it. Call this after `clock`. If the clock is set back, the time of the
    /// service goes on at half the pace of the steady clock until the clock has caught up. If the clock jumps ahead by
    /// more than a day, the service detects that.
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

    /// Sets the secret under which tokens are sealed. Services with the same secret accept the tokens of each other.
    /// Without one, the service uses the secret of its store. In memory, it generates one, and accepts no tokens from
    /// before the start.
    ///
    /// Use 32 bytes from a cryptographic source of random numbers. [`build`](Self::build) refuses a secret of only zero
    /// bytes, such as a buffer that was never filled.
    pub fn service_secret(mut self, secret: [u8; 32]) -> Self {
        self.secrets.current = Some(Zeroizing::new(secret));
        self
    }

    /// Sets secrets under which tokens were sealed before. Their tokens are still accepted, but no new ones are sealed
    /// under them. To change the secret, pass the old one here, and remove it a day later, when all of its tokens have
    /// expired.
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

    /// Sets the limits of the service.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the store for the data that must not be lost. By default it is [memory](Memory). A store is for one
    /// service.
    ///
    /// The records of the store override the [apps](Self::apps): a deleted app stays deleted, and a changed key stays
    /// changed.
    pub fn store(mut self, store: impl Store) -> Self {
        #[cfg(feature = "sandbox")]
        {
            let store: &dyn std::any::Any = &store;
            self.memory_limits = store.downcast_ref().map(Memory::limits);
        }
        self.store = Box::new(store);
        self
    }

    /// Builds the service, and no other one in front of it.
    pub(super) fn build_state(self) -> Result<Service, Error> {
        let mut secrets = self.secrets;
        secrets.check()?;
        let mut source = Some(SecretSource::Configured);
        if secrets.current.is_none() {
            let stored = self.store.secret();
            source = stored.is_some().then_some(SecretSource::Store);
            secrets.current = Some(Zeroizing::new(stored.map_or_else(random::bytes, Ok)?));
            secrets.are_of_store = true;
        }
        let secret_count = secrets.earlier.len().saturating_add(1);
        control_token::check(&self.control_tokens)?;
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let metrics = self.metrics;
        let outbox = match self.store.relay() {
            Some(relay) => Some(Outbox::new(relay, u64::from_be_bytes(random::bytes()?), Arc::clone(&metrics.relay))),
            None => None,
        };
        let registry = Registry::new(secrets, &self.limits, outbox.clone());
        let too_many = |refusal: Refusal| Error::new(ErrorKind::Apps, refusal.info().message());
        let now = self.clock.now();
        self.apps.into_iter().try_for_each(|app| registry.list(app.created(now))).map_err(too_many)?;
        // A store of only one service is often unused for a long time, so a clock far ahead of it is normal.
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
            #[cfg(feature = "console")]
            journal: self.journal,
            #[cfg(feature = "console")]
            console: self.console_state,
            control_tokens: self.control_tokens,
            audit: Audit::new(self.limits.audit_refusals),
            request_ids: RequestIds::new(random::bytes()?),
            by_key: self.limits.per_key.map(Buckets::new),
            publish_rates: Buckets::default(),
            by_address: self.limits.per_address.map(Buckets::new),
            connections: Connections::default(),
            outbox,
            realtime: Budget::new(self.limits.realtime_bytes),
            answers: Budget::new(self.limits.answers_bytes),
            long_work: Semaphore::new(processors.saturating_sub(1).max(1)),
            limits: self.limits,
            channels: self.channels,
            metrics,
            stopwatch: Stopwatch::start(),
        };
        state.learn().map_err(|_| {
            let message = "the store has records that this version cannot read; use the version that wrote them";
            Error::new(ErrorKind::Store, message)
        })?;
        // Log a wrong clock now, and not at the first request.
        let _ = state.check_clock(now);
        source.inspect(|source| audit::load_secrets(secret_count, *source));
        Ok(Service(Arc::new(state)))
    }
}

impl Service {
    /// Returns a builder. By default, the service has no apps, is not a sandbox, and uses the clock of the system and a
    /// random secret.
    pub fn builder() -> ServiceBuilder {
        ServiceBuilder {
            apps: Apps::new(),
            sandbox: false,
            sandbox_access: SandboxAccess::default(),
            #[cfg(feature = "sandbox")]
            is_emulated: false,
            #[cfg(feature = "sandbox")]
            emulation: None,
            #[cfg(feature = "console")]
            console: false,
            #[cfg(feature = "console")]
            admin_console: None,
            #[cfg(feature = "console")]
            journal: None,
            #[cfg(feature = "console")]
            console_state: None,
            #[cfg(feature = "sandbox")]
            memory_limits: Some(StoreLimits::default()),
            metrics: Arc::default(),
            channels: true,
            clock: Clock::system(),
            secrets: ServiceSecrets::default(),
            control_tokens: Vec::new(),
            limits: Limits::default(),
            store: Box::new(Memory::new()),
        }
    }
}
