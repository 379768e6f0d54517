//! The admin address: health checks and metrics.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use tokio::sync::Mutex;

use crate::clock::Stopwatch;
#[cfg(feature = "console")]
use crate::http::console_path;
use crate::service::Service;

const TEXT: &str = "text/plain; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The time for which a readiness result is reused, so that frequent health checks do not load the store.
const READINESS_TTL: Duration = Duration::from_millis(250);

/// The last readiness result. Concurrent health checks share one check.
#[derive(Debug, Default)]
pub(super) struct Readiness(Mutex<Option<(Stopwatch, bool)>>);

impl Readiness {
    async fn of(&self, service: &Service) -> bool {
        let mut cached = self.0.lock().await;
        let was_ready = match &*cached {
            Some((since, was_ready)) if since.elapsed() < READINESS_TTL => *was_ready,
            _ => {
                let is_ready = service.check_ready().await;
                *cached = Some((Stopwatch::start(), is_ready));
                is_ready
            }
        };
        was_ready && service.is_up()
    }
}

/// Returns true if the admin address serves the console at that path.
#[cfg(feature = "console")]
pub(super) fn is_console_request(service: &Service, path: &str) -> bool {
    let has_console = service.current().state().has_admin_console();
    has_console && console_path::has_path(path)
}

pub(super) async fn answer<B>(service: &Service, readiness: &Readiness, request: &Request<B>) -> Response<Bytes> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let (status, kind, body) = match request.uri().path() {
        _ if !is_read => (StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD are supported here\n".into()),
        "/health/live" => (StatusCode::OK, TEXT, "live\n".into()),
        "/health/ready" if readiness.of(service).await => (StatusCode::OK, TEXT, "ready\n".into()),
        "/health/ready" => (StatusCode::SERVICE_UNAVAILABLE, TEXT, "not ready\n".into()),
        "/metrics" => (StatusCode::OK, PROMETHEUS, service.metrics()),
        _ => {
            (StatusCode::NOT_FOUND, TEXT, "not found; the paths are /health/live, /health/ready and /metrics\n".into())
        }
    };
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
