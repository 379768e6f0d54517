//! The service, without a socket.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};

use ably_auth_core::{Timestamp, Token};
use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use zeroize::Zeroizing;

use crate::apps::Apps;
use crate::clock::Clock;
use crate::clock::Stopwatch;
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::metered::Metered;
use crate::metrics::{self, Metrics};
use crate::rates::Buckets;
use crate::refusal::Refusal;
use crate::registry::{Registry, ServiceSecrets};
use crate::relist::{self, Relisted};
use crate::request_id::RequestIds;
use crate::state::State;
use crate::store::{Memory, Store};
use crate::{http as wire, observe, random};

/// How a request came over a socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// The address on which it came.
    pub(crate) local: SocketAddr,
    /// From where it came, as far as that is to be believed.
    pub(crate) client: IpAddr,
    /// Whether nobody on the way could read it.
    pub(crate) is_private: bool,
}

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
            clock: Clock::system(),
            secrets: ServiceSecrets::default(),
            control_token: None,
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
        observe::told(&self.0.metrics, wire::respond(&self.0, parts, body, arrival).await, since)
    }

    /// Refuses a request without a look at what it asks.
    pub(crate) fn refuse(
        &self,
        parts: &Parts,
        refusal: Refusal,
        arrival: Option<Arrival>,
        since: Stopwatch,
    ) -> Response<Bytes> {
        observe::told(&self.0.metrics, wire::refuse(&self.0, parts, refusal, arrival), since)
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
        metrics::render(&self.0.metrics, apps, keys, self.0.stopwatch.elapsed())
    }

    /// Goes on with these apps in the place of those that it was told of before, without a request being refused meanwhile.
    ///
    /// What was made, changed, revoked or deleted at run time, over the Control API or in a sandbox, stays as it is. All else
    /// is as these apps say: a key that is not among them any more is gone, and its tokens are over; one that was changed at
    /// run time besides is revoked, so that no store brings it back.
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
    /// [`ErrorKind::Store`] if a key is to be revoked and the store does not answer: the other changes hold; reload again.
    pub async fn reload(&self, apps: Apps) -> Result<Relisted, Error> {
        let reloaded = relist::relist(&self.0, apps).await;
        let metrics = &self.0.metrics;
        match &reloaded {
            Ok(_) => {
                metrics::add(&metrics.reloads, 1);
                metrics.reloaded_at.store(self.0.clock.now().as_millis(), Ordering::Relaxed);
            }
            Err(_) => self.reload_failed(),
        }
        reloaded
    }

    /// Counts a reload for which the apps could not even be read.
    pub fn reload_failed(&self) {
        metrics::add(&self.0.metrics.reloads_failed, 1);
    }

    /// Whether the service wants to be asked: from when its [`Server`](crate::Server) runs until that is to end.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.metrics.ready.load(Ordering::Relaxed)
    }

    /// Whether the store takes what is to be kept, and what it tells is understood.
    pub(crate) async fn can_write(&self) -> bool {
        let (state, now) = (&self.0, self.0.clock.now());
        let written = state.store.write(Vec::new(), state.store.feed().seen(), now).await;
        written.is_ok() && state.learn().is_ok()
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
    clock: Clock,
    secrets: ServiceSecrets,
    control_token: Option<Token>,
    limits: Limits,
    store: Box<dyn Store>,
}

impl ServiceBuilder {
    /// The fewest characters of an access token.
    const MIN_CONTROL_TOKEN: usize = 16;

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

    /// What tells the time, in milliseconds since the epoch; the system's clock unless said so.
    pub fn clock(mut self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(now);
        self
    }

    /// The secret under which tokens are sealed. Services that have it in common take each other's tokens; a service that
    /// is started without one has the one of its store or, in memory, makes one and takes no token from before.
    ///
    /// Give 32 bytes from a cryptographic source of random numbers.
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

    /// Opens the Control API, under `/v1`, to whoever has this access token of at least 16 characters: it makes apps, and
    /// makes, changes and revokes keys. Closed unless said so.
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
        self.control_token = Some(access_token);
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
    /// [`ErrorKind::ControlToken`] if the access token of the Control API is too short;
    /// [`ErrorKind::Random`] if it needs a secret and the system gives no random numbers; [`ErrorKind::Apps`] if there are
    /// more apps than it holds (1000).
    pub fn build(self) -> Result<Service, Error> {
        let mut secrets = self.secrets;
        if secrets.current.is_none() {
            secrets.current = Some(Zeroizing::new(self.store.secret().map_or_else(random::bytes, Ok)?));
        }
        if self.control_token.as_ref().is_some_and(|token| token.expose().len() < Self::MIN_CONTROL_TOKEN) {
            let message = format!(
                "the access token of the Control API is too short to be safe from guessing; make one of at least {} \
                 random characters",
                Self::MIN_CONTROL_TOKEN
            );
            return Err(Error::new(ErrorKind::ControlToken, message));
        }
        let metrics = Metrics::default();
        let registry = Registry::new(secrets);
        let too_many = |refusal: Refusal| Error::new(ErrorKind::Apps, refusal.info().message());
        let now = self.clock.now();
        self.apps.into_iter().try_for_each(|app| registry.list(app.created(now))).map_err(too_many)?;
        let state = State {
            registry,
            revocations: RwLock::default(),
            store: Box::new(Metered::new(self.store, Arc::clone(&metrics.store))),
            is_confused: AtomicBool::new(false),
            clock: self.clock,
            sandbox: self.sandbox,
            control_token: self.control_token,
            request_ids: RequestIds::new(random::bytes()?),
            by_key: self.limits.per_key.map(Buckets::new),
            by_address: self.limits.per_address.map(Buckets::new),
            limits: self.limits,
            metrics,
            stopwatch: Stopwatch::start(),
        };
        state.learn().map_err(|_| {
            let message = "the store holds what this service cannot understand; serve with the version that wrote it";
            Error::new(ErrorKind::Store, message)
        })?;
        Ok(Service(Arc::new(state)))
    }
}
