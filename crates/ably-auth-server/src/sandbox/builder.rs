//! The configuration of a sandbox that is not started yet, and its start.

use std::time::Duration;

use super::Sandbox;
use super::thread::ServerThread;
use crate::apps::{App, Apps, Key};
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::net::tls::Tls;
use crate::service::Service;

const MIB: usize = 1024 * 1024;

/// The time that [`Drop`] waits at most for requests in flight.
const STOP_GRACE: Duration = Duration::from_millis(100);

impl Sandbox {
    /// Starts a sandbox with a new app. Its key permits every operation on every channel.
    ///
    /// ```
    /// use ably_auth_server::Sandbox;
    ///
    /// let sandbox = Sandbox::start()?;
    /// assert!(sandbox.url().starts_with("http://127.0.0.1:"));
    /// # Ok::<(), ably_auth_server::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Network`] if it cannot listen or cannot start its thread; [`ErrorKind::Random`] if the system gives
    /// no random numbers.
    pub fn start() -> Result<Self, Error> {
        Self::builder().start()
    }

    /// Returns a builder, for a sandbox with other keys, with TLS or with other limits.
    pub fn builder() -> SandboxBuilder {
        let limits = Limits {
            answers_bytes: 16 * MIB,
            history_bytes: 32 * MIB,
            run_time_bytes: 16 * MIB,
            revocation_bytes: 16 * MIB,
            ..Limits::default()
        };
        SandboxBuilder { app: None, tls: false, limits }
    }
}

/// The configuration of a [`Sandbox`] that is not started yet.
///
/// ```
/// use ably_auth_server::{App, Key, Sandbox};
///
/// let key = Key::new("shop.backend:secret".parse()?).with_revocable_tokens(true);
/// let sandbox = Sandbox::builder().app(App::new("shop")?.with_key(key)?).start()?;
/// assert_eq!(sandbox.key().key_name().as_str(), "shop.backend");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use]
pub struct SandboxBuilder {
    app: Option<App>,
    tls: bool,
    limits: Limits,
}

impl SandboxBuilder {
    /// Sets the app, for keys with a limited capability or with revocable tokens. By default it is a new app, with a
    /// key that permits everything and whose tokens cannot be revoked.
    ///
    /// ```
    /// use ably_auth_server::{App, Key, Sandbox};
    ///
    /// let key = Key::new("shop.backend:secret".parse()?).with_capability(r#"{"chat:*":["publish"]}"#.parse()?);
    /// let sandbox = Sandbox::builder().app(App::new("shop")?.with_key(key)?).start()?;
    /// assert_eq!(sandbox.app().keys().len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn app(mut self, app: App) -> Self {
        self.app = Some(app);
        self
    }

    /// Sets whether the sandbox uses TLS, with a new certificate for `localhost`, `127.0.0.1` and `::1`, which clients
    /// must trust ([`Sandbox::certificate`]). By default it does not.
    ///
    /// ```
    /// use ably_auth_server::Sandbox;
    ///
    /// let sandbox = Sandbox::builder().tls(true).start()?;
    /// assert!(sandbox.url().starts_with("https://127.0.0.1:"));
    /// # Ok::<(), ably_auth_server::Error>(())
    /// ```
    pub const fn tls(mut self, tls: bool) -> Self {
        self.tls = tls;
        self
    }

    /// Sets the limits of the sandbox. By default they are [`Limits::default`], with 32 MiB for the history of
    /// channels, and 16 MiB each for large responses in flight, for revocations, and for apps and keys created at run
    /// time.
    ///
    /// `shutdown_delay` has no effect, and `shutdown_grace` is at most 100 ms.
    ///
    /// ```
    /// use ably_auth_server::{Limits, Sandbox};
    ///
    /// let mut limits = Limits::default();
    /// limits.body_bytes = 1024;
    /// let sandbox = Sandbox::builder().limits(limits).start()?;
    /// # Ok::<(), ably_auth_server::Error>(())
    /// ```
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Starts the sandbox, and returns when it listens.
    ///
    /// ```
    /// use ably_auth_server::Sandbox;
    ///
    /// let sandbox = Sandbox::builder().start()?;
    /// # Ok::<(), ably_auth_server::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Apps`] if the app has no key; [`ErrorKind::Tls`] if the certificate cannot be generated; otherwise
    /// the errors of [`Sandbox::start`].
    pub fn start(self) -> Result<Sandbox, Error> {
        let app = self.app.map_or_else(new_app, Ok)?;
        let Some(key) = app.keys().next().map(Key::api_key).cloned() else {
            let message = format!("app `{}` has no key; add one with `with_key`", app.id());
            return Err(Error::new(ErrorKind::Apps, message));
        };
        let mut limits = self.limits;
        limits.shutdown_delay = Duration::ZERO;
        limits.shutdown_grace = limits.shutdown_grace.min(STOP_GRACE);
        let (tls, certificate) = if self.tls { Tls::self_signed().map(Some)? } else { None }.unzip();
        let apps = Apps::new().with_app(app.clone())?;
        let service = Service::builder().apps(apps).sandbox(true).limits(limits).emulated().build()?;
        let (thread, address) = ServerThread::start(service.clone(), tls)?;
        let scheme = if certificate.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{address}");
        Ok(Sandbox { service, app, key, address, url, certificate, _thread: thread })
    }
}

/// Creates an app with one key.
fn new_app() -> Result<App, Error> {
    let (apps, _) = Apps::create()?;
    apps.into_iter().next().ok_or_else(|| Error::new(ErrorKind::Apps, "no app was created; start the sandbox again"))
}
