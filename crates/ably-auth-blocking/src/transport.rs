//! The transport over ureq.

use std::io;
use std::time::Duration;

use ably_auth::{BlockingTransport, Error, FaultKind, HttpSettings, ProxyEnv, TransportFault};
use bytes::Bytes;
use http::{Request, Response};
use ureq::{Agent, Body};

use crate::proxies::Proxies;

type Builder = ureq::config::ConfigBuilder<ureq::typestate::AgentScope>;

/// The maximum bytes of a response's body.
const MAX_BODY_BYTES: u64 = 16 * 1024 * 1024;

/// A transport that uses a [`ureq::Agent`].
///
/// ureq logs credentials at `TRACE`: [disable its log targets](crate#logs).
///
/// ```
/// use ably_auth_blocking::{HttpSettings, UreqTransport};
///
/// let transport = UreqTransport::new(ureq::Agent::new_with_defaults(), &HttpSettings::default());
/// ```
#[derive(Clone, Debug)]
pub struct UreqTransport {
    agent: Agent,
    open_timeout: Duration,
    request_timeout: Duration,
    /// `None` for an agent from the caller, which has its own proxy settings.
    proxies: Option<Proxies>,
}

impl UreqTransport {
    /// Creates a transport with your agent. Each request has the timeouts of the settings and follows no redirect; the
    /// agent's own settings for these are ignored.
    #[must_use]
    pub fn new(agent: Agent, settings: &HttpSettings) -> Self {
        let (open_timeout, request_timeout) = (settings.http_open_timeout(), settings.http_request_timeout());
        Self { agent, open_timeout, request_timeout, proxies: None }
    }

    /// Creates a transport with its own agent. It uses the proxy of the [environment](ProxyEnv), except for requests to
    /// the local machine.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](ably_auth::ErrorKind::Configuration) if the root certificates of the settings cannot be
    /// used.
    pub fn for_settings(settings: &HttpSettings) -> Result<Self, Error> {
        let agent = with_roots(Agent::config_builder().proxy(None), settings)?.build().into();
        Ok(Self::new(agent, settings).with_proxies(ProxyEnv::read(|name| std::env::var_os(name))))
    }

    pub(crate) fn with_proxies(mut self, env: ProxyEnv) -> Self {
        self.proxies = Some(Proxies::new(env));
        self
    }

    fn run(&self, request: Request<Bytes>) -> Result<Response<Body>, TransportFault> {
        let proxy = self.proxies.as_ref().map(|proxies| proxies.proxy_for(request.uri())).transpose()?;
        let (parts, body) = request.into_parts();
        let answer = if body.is_empty() {
            self.run_plain(Request::from_parts(parts, ()), proxy)
        } else {
            self.run_plain(Request::from_parts(parts, &*body), proxy)
        };
        answer.map_err(fault)
    }

    fn run_plain(
        &self,
        request: Request<impl ureq::AsSendBody>,
        proxy: Option<Option<ureq::Proxy>>,
    ) -> Result<Response<Body>, ureq::Error> {
        let request = self
            .agent
            .configure_request(request)
            .timeout_connect(Some(self.open_timeout))
            .timeout_global(Some(self.request_timeout))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false);
        let request = match proxy {
            Some(proxy) => request.proxy(proxy),
            None => request,
        };
        self.agent.run(request.build())
    }
}

#[cfg(feature = "rustls")]
fn with_roots(agent: Builder, settings: &HttpSettings) -> Result<Builder, Error> {
    let roots = crate::roots::trusted(settings)?;
    Ok(agent.tls_config(ureq::tls::TlsConfig::builder().root_certs(roots).build()))
}

#[cfg(not(feature = "rustls"))]
fn with_roots(agent: Builder, settings: &HttpSettings) -> Result<Builder, Error> {
    if settings.has_own_roots() {
        let text = "root certificates need TLS; enable the feature `rustls` of ably-auth-blocking, or leave them out";
        return Err(Error::configuration(text));
    }
    Ok(agent)
}

impl BlockingTransport for UreqTransport {
    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
        let (parts, mut body) = self.run(request)?.into_parts();
        let bytes = body.with_config().limit(MAX_BODY_BYTES).read_to_vec().map_err(fault)?;
        Ok(Response::from_parts(parts, bytes.into()))
    }
}

fn fault(error: ureq::Error) -> TransportFault {
    let kind = match &error {
        ureq::Error::Timeout(_) => FaultKind::TimedOut,
        ureq::Error::HostNotFound => FaultKind::Unresolvable,
        ureq::Error::ConnectionFailed | ureq::Error::InvalidProxyUrl | ureq::Error::ConnectProxyFailed(_) => {
            FaultKind::Unreachable
        }
        ureq::Error::Tls(_) | ureq::Error::TlsRequired => FaultKind::Tls,
        #[cfg(feature = "rustls")]
        ureq::Error::Rustls(_) => FaultKind::Tls,
        ureq::Error::BodyExceedsLimit(_) => FaultKind::TooLarge,
        ureq::Error::Io(error) => io_fault_kind(error),
        _ => FaultKind::Interrupted,
    };
    match error {
        // The text of these errors is the URI, whose query may contain credentials.
        ureq::Error::BadUri(_) => TransportFault::new(kind, "invalid URI: ureq cannot send a request to it"),
        ureq::Error::RequireHttpsOnly(_) => TransportFault::new(kind, "the agent allows only `https` URIs"),
        error => TransportFault::new(kind, error),
    }
}

fn io_fault_kind(error: &io::Error) -> FaultKind {
    match error.kind() {
        io::ErrorKind::TimedOut => FaultKind::TimedOut,
        io::ErrorKind::ConnectionRefused
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::AddrNotAvailable => FaultKind::Unreachable,
        // rustls reports a failed handshake as `InvalidData`.
        io::ErrorKind::InvalidData => FaultKind::Tls,
        _ if is_resolver_error(error) => FaultKind::Unresolvable,
        _ => FaultKind::Interrupted,
    }
}

/// Returns true for an error of the resolver. std gives it no kind: on Unix it has its own message, on Windows a code
/// from WSAHOST_NOT_FOUND to WSANO_DATA.
fn is_resolver_error(error: &io::Error) -> bool {
    match error.raw_os_error() {
        Some(code) => cfg!(windows) && (11001..=11004).contains(&code),
        None => error.to_string().starts_with("failed to lookup address"),
    }
}
