//! The transport's own HTTP client: hyper with rustls.
//!
//! It is not a `reqwest::Client`, because reqwest's TLS features apply to the whole program. To use ring, we would have
//! to enable the feature without a cryptography provider, with which `reqwest::Client::new` panics for every other user
//! of reqwest.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use ably_auth::{Error, FaultKind, HttpSettings, TransportFault};
use bytes::Bytes;
use http::header::PROXY_AUTHORIZATION;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::body::BodyBuffer;
use crate::connector::{Connector, TimedOut, Unresolvable};
use crate::proxies::Proxies;

/// The time after which an idle connection is closed: 90 s.
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);

#[derive(Clone)]
pub(crate) struct OwnHttp {
    client: Client<Connector, Full<Bytes>>,
    proxies: Arc<Proxies>,
}

impl OwnHttp {
    pub(crate) fn new(settings: &HttpSettings) -> Result<Self, Error> {
        Ok(Self::with(tls_config(settings.root_store()?)?, Proxies::from_system(), settings.http_open_timeout()))
    }

    fn with(tls: rustls::ClientConfig, proxies: Proxies, open_timeout: Duration) -> Self {
        let proxies = Arc::new(proxies);
        let connector = Connector::new(Arc::new(tls), Arc::clone(&proxies), open_timeout);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build(connector);
        Self { client, proxies }
    }

    pub(crate) async fn send(
        &self,
        mut request: Request<Bytes>,
        timeout: Duration,
    ) -> Result<Response<Bytes>, TransportFault> {
        self.proxies.check(request.uri())?;
        if let Some(authorization) = self.proxies.authorization(request.uri()) {
            request.headers_mut().insert(PROXY_AUTHORIZATION, authorization);
        }
        let sent = async {
            let answer = self.client.request(request.map(Full::new)).await.map_err(fault)?;
            let (parts, body) = answer.into_parts();
            Ok(Response::from_parts(parts, collect(body).await?))
        };
        let late = |_| TransportFault::new(FaultKind::TimedOut, "the request timed out");
        tokio::time::timeout(timeout, sent).await.map_err(late)?
    }
}

async fn collect(mut body: Incoming) -> Result<Bytes, TransportFault> {
    let mut collected = BodyBuffer::default();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| TransportFault::new(FaultKind::Interrupted, error))?;
        if let Ok(data) = frame.into_data() {
            collected.add(&data)?;
        }
    }
    Ok(collected.into_bytes())
}

fn tls_config(roots: rustls::RootCertStore) -> Result<rustls::ClientConfig, Error> {
    // Name the provider, so that the choice does not depend on other crates in the program.
    let provider = rustls::crypto::ring::default_provider();
    let config = rustls::ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::configuration(format!("TLS cannot be set up: {error}")))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn fault(error: hyper_util::client::legacy::Error) -> TransportFault {
    let kind = if any_source(&error, |it| it.is::<TimedOut>() || is_io(it, io::ErrorKind::TimedOut)) {
        FaultKind::TimedOut
    } else if any_source(&error, <dyn StdError>::is::<Unresolvable>) {
        FaultKind::Unresolvable
    } else if is_tls_fault(&error) {
        FaultKind::Tls
    } else if error.is_connect() {
        FaultKind::Unreachable
    } else {
        FaultKind::Interrupted
    };
    TransportFault::new(kind, error)
}

fn is_io(error: &(dyn StdError + 'static), kind: io::ErrorKind) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == kind)
}

/// Returns true for an error of rustls, also if it is inside an I/O error, which does not return it as its source.
fn is_tls(error: &(dyn StdError + 'static)) -> bool {
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    error.is::<rustls::Error>() || inner.is_some_and(|inner| is_tls(inner))
}

pub(crate) fn is_tls_fault(error: &(dyn StdError + 'static)) -> bool {
    any_source(error, is_tls)
}

fn any_source(error: &(dyn StdError + 'static), found: impl Fn(&(dyn StdError + 'static)) -> bool) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if found(error) {
            return true;
        }
        next = error.source();
    }
    false
}

impl fmt::Debug for OwnHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnHttp").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
