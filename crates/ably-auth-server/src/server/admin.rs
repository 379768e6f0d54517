//! How the service is, for whoever runs it.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use tokio::time;

use crate::service::Service;

/// How long the store may take to write. A health check does not wait for ever.
const PATIENCE: Duration = Duration::from_secs(1);

const TEXT: &str = "text/plain; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) async fn answer<B>(service: &Service, asked: &Request<B>) -> Response<Bytes> {
    let is_read = matches!(*asked.method(), Method::GET | Method::HEAD);
    let (status, kind, body) = match asked.uri().path() {
        _ if !is_read => (StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD are taken here\n".into()),
        "/health/live" => (StatusCode::OK, TEXT, "live\n".into()),
        "/health/ready" => match ready(service).await {
            Ok(()) => (StatusCode::OK, TEXT, "ready\n".into()),
            Err(why) => (StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("not ready: {why}\n")),
        },
        "/metrics" => (StatusCode::OK, PROMETHEUS, service.metrics()),
        _ => (StatusCode::NOT_FOUND, TEXT, "there are /health/live, /health/ready and /metrics\n".into()),
    };
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Whether a token request that came now could be answered, or why not.
async fn ready(service: &Service) -> Result<(), &'static str> {
    if !service.is_ready() {
        return Err("the service is ending, or has not begun");
    }
    match time::timeout(PATIENCE, service.can_write()).await {
        Ok(true) => Ok(()),
        Ok(false) => Err("the store does not take what is to be kept"),
        Err(_) => Err("the store does not answer"),
    }
}
