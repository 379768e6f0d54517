//! Requests over ureq.

use std::io;
use std::time::Duration;

use ably_auth::{BlockingTransport, Error, FaultKind, HttpSettings, ProxyEnv, TransportFault};
use bytes::Bytes;
use http::{Request, Response};
use ureq::{Agent, Body};

use crate::proxies::Proxies;

type Builder = ureq::config::ConfigBuilder<ureq::typestate::AgentScope>;

const MAX_ANSWER_BYTES: u64 = 16 * 1024 * 1024;

/// Sends requests with a [`ureq::Agent`].
///
/// ureq logs credentials at `TRACE`: [disable its log targets](crate#logs).
#[derive(Clone, Debug)]
pub struct UreqTransport {
    agent: Agent,
    open_timeout: Duration,
    request_timeout: Duration,
    /// `None` for an agent from the caller, which has its own proxy settings.
    proxies: Option<Proxies>,
}

impl UreqTransport {
    /// Sends with that agent. Each request has the settings' time-outs and follows no redirect, whatever the agent is set to.
    #[must_use]
    pub fn new(agent: Agent, settings: &HttpSettings) -> Self {
        let (open_timeout, request_timeout) = (settings.http_open_timeout(), settings.http_request_timeout());
        Self { agent, open_timeout, request_timeout, proxies: None }
    }

    /// Creates a transport with its own agent. It uses the proxy that the [environment](ProxyEnv) names, except for
    /// requests to this machine.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](ably_auth::ErrorKind::Configuration) if the root certificates of the settings cannot be used.
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
        let text = "root certificates need TLS; turn on the feature `rustls` of ably-auth-blocking, or leave them out";
        return Err(Error::configuration(text));
    }
    Ok(agent)
}

impl BlockingTransport for UreqTransport {
    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
        let (parts, mut body) = self.run(request)?.into_parts();
        let bytes = body.with_config().limit(MAX_ANSWER_BYTES).read_to_vec().map_err(fault)?;
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
        ureq::Error::Io(error) => of_io(error),
        _ => FaultKind::Interrupted,
    };
    match error {
        // Their text is the URI, whose query may hold credentials.
        ureq::Error::BadUri(_) => TransportFault::new(kind, "the URI is not one that ureq can ask"),
        ureq::Error::RequireHttpsOnly(_) => TransportFault::new(kind, "the agent is set to send over https only"),
        error => TransportFault::new(kind, error),
    }
}

fn of_io(error: &io::Error) -> FaultKind {
    match error.kind() {
        io::ErrorKind::TimedOut => FaultKind::TimedOut,
        io::ErrorKind::ConnectionRefused
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::AddrNotAvailable => FaultKind::Unreachable,
        // What rustls makes of a handshake that fails.
        io::ErrorKind::InvalidData => FaultKind::Tls,
        _ if of_resolver(error) => FaultKind::Unresolvable,
        _ => FaultKind::Interrupted,
    }
}

/// std gives a resolver's errors no kind: a message of its own on Unix, and a code, WSAHOST_NOT_FOUND to WSANO_DATA, on Windows.
fn of_resolver(error: &io::Error) -> bool {
    match error.raw_os_error() {
        Some(code) => cfg!(windows) && (11001..=11004).contains(&code),
        None => error.to_string().starts_with("failed to lookup address"),
    }
}
