//! How the service is, for whoever runs it.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};

use crate::service::Service;

const TEXT: &str = "text/plain; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) fn answer<B>(service: &Service, asked: &Request<B>) -> Response<Bytes> {
    let is_read = matches!(*asked.method(), Method::GET | Method::HEAD);
    let (status, kind, body) = match asked.uri().path() {
        _ if !is_read => (StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD are taken here\n".into()),
        "/health/live" => (StatusCode::OK, TEXT, "live\n".into()),
        "/health/ready" if service.is_ready() => (StatusCode::OK, TEXT, "ready\n".into()),
        "/health/ready" => (StatusCode::SERVICE_UNAVAILABLE, TEXT, "not ready\n".into()),
        "/metrics" => (StatusCode::OK, PROMETHEUS, service.metrics()),
        _ => (StatusCode::NOT_FOUND, TEXT, "there are /health/live, /health/ready and /metrics\n".into()),
    };
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
