//! The settings of a connection.

use std::fmt;
use std::time::Duration;

use super::format::Format;

/// The settings of a connection. Credentials, identity and endpoint are those of its [`Auth`](crate::Auth).
///
/// ```
/// use std::time::Duration;
/// use ably_auth::connection::{ConnectionSettings, Format};
///
/// let settings = ConnectionSettings::new().format(Format::Json).realtime_request_timeout(Duration::from_secs(5));
/// ```
#[derive(Clone)]
pub struct ConnectionSettings {
    pub(super) echo: bool,
    pub(super) format: Format,
    pub(super) recover: Option<String>,
    pub(super) transport_params: Vec<(String, String)>,
    pub(super) realtime_request_timeout: Duration,
    pub(super) disconnected_retry_timeout: Duration,
    pub(super) suspended_retry_timeout: Duration,
    pub(super) connection_state_ttl: Duration,
}

impl ConnectionSettings {
    /// Creates the default settings.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            echo: true,
            format: Format::MsgPack,
            recover: None,
            transport_params: Vec::new(),
            realtime_request_timeout: Duration::from_secs(10),
            disconnected_retry_timeout: Duration::from_secs(15),
            suspended_retry_timeout: Duration::from_secs(30),
            connection_state_ttl: Duration::from_secs(120),
        }
    }

    /// Sets whether the connection receives the messages that it publishes (`RTC1a`). By default it does.
    #[must_use]
    pub const fn echo(mut self, echo: bool) -> Self {
        self.echo = echo;
        self
    }

    /// Sets the format of the frames. The default is MessagePack.
    #[must_use]
    pub const fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// Returns the format of the frames.
    #[must_use]
    pub const fn get_format(&self) -> Format {
        self.format
    }

    /// Sets the [recovery key](super::RecoveryKey) of a former connection, which the first connection continues
    /// (`RTN16`). An invalid key is ignored (`RTN16f1`).
    #[must_use]
    pub fn recover(mut self, recovery_key: impl Into<String>) -> Self {
        self.recover = Some(recovery_key.into());
        self
    }

    /// Adds a parameter to the query of the connection's URL (`RTC1f`). It replaces a parameter that the client sets,
    /// except the credentials.
    #[must_use]
    pub fn transport_param(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.transport_params.push((name.into(), value.into()));
        self
    }

    /// Sets how long the client waits for a token, for CONNECTED on one host, and for CLOSED (`TO3l11`). The default is
    /// 10 s.
    #[must_use]
    pub const fn realtime_request_timeout(mut self, timeout: Duration) -> Self {
        self.realtime_request_timeout = timeout;
        self
    }

    /// Returns how long the client waits for a token, for CONNECTED on one host, and for CLOSED.
    #[must_use]
    pub const fn get_realtime_request_timeout(&self) -> Duration {
        self.realtime_request_timeout
    }

    /// Sets the time until the next attempt in the state DISCONNECTED (`TO3l1`). The default is 15 s. It grows to twice
    /// that, and is shortened at random by up to a fifth (`RTB1`).
    #[must_use]
    pub const fn disconnected_retry_timeout(mut self, timeout: Duration) -> Self {
        self.disconnected_retry_timeout = timeout;
        self
    }

    /// Sets the time until the next attempt in the state SUSPENDED (`TO3l2`). The default is 30 s.
    #[must_use]
    pub const fn suspended_retry_timeout(mut self, timeout: Duration) -> Self {
        self.suspended_retry_timeout = timeout;
        self
    }

    /// Sets how long a connection may be lost before it is SUSPENDED, until the service says so in CONNECTED (`DF1a`).
    /// The default is 120 s.
    #[must_use]
    pub const fn connection_state_ttl(mut self, ttl: Duration) -> Self {
        self.connection_state_ttl = ttl;
        self
    }
}

impl Default for ConnectionSettings {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ConnectionSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The recovery key and the parameters may be secret.
        f.debug_struct("ConnectionSettings")
            .field("echo", &self.echo)
            .field("format", &self.format)
            .field("realtime_request_timeout", &self.realtime_request_timeout)
            .field("disconnected_retry_timeout", &self.disconnected_retry_timeout)
            .field("suspended_retry_timeout", &self.suspended_retry_timeout)
            .field("connection_state_ttl", &self.connection_state_ttl)
            .finish_non_exhaustive()
    }
}
