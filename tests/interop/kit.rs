//! A backend whose auth URL is `ably-auth-axum`'s, for every key that it is asked with: `/jwt`, `/request` and `/details`.
//!
//! Its users log in with a cookie, or with a header where a client sends none of those.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use ably_auth::{ApiKey, Clock as _, SystemClock, Timestamp, Ttl};
use ably_auth_axum::{AuthEndpoint, Capability, Grant, Refusal};
use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use http::HeaderMap;
use tower::ServiceExt as _;

use super::Fault;

/// By so much the clock is slow that makes a user's first token.
const LATE_MILLIS: u64 = 60_000;

/// Whose first token was made, by key and form.
type Served = Arc<Mutex<HashSet<String>>>;

/// Tells its address, and serves until it is killed.
pub(super) fn serve() -> Result<(), Fault> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let served = Served::default();
        let app = Router::new().fallback(move |request: Request| {
            let served = Arc::clone(&served);
            async move { answer(&served, request).await.unwrap_or_else(|fault| bad(&*fault)) }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("http://{}", listener.local_addr()?);
        Ok(axum::serve(listener, app).await?)
    })
}

fn bad(fault: &dyn std::error::Error) -> Response {
    Refusal::internal(format!("{fault}; correct the case")).into_response()
}

async fn answer(served: &Served, request: Request) -> Result<Response, Fault> {
    let query = request.uri().query().unwrap_or_default();
    let key = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "key").ok_or("there is no key")?.1;
    let key = ApiKey::parse(&key)?;
    let form = request.uri().path();
    let endpoint = match form {
        "/jwt" => AuthEndpoint::jwt(&key),
        "/request" => AuthEndpoint::token_request(&key),
        "/details" => AuthEndpoint::token_details(&key),
        _ => return Err("there is no such form".into()),
    };
    // The token expires at once, so that a case need not wait for that.
    let is_late = user(request.headers()) == Some("late") && {
        let first = format!("{} {form}", key.key_name());
        served.lock().unwrap_or_else(PoisonError::into_inner).insert(first)
    };
    let behind = if is_late { LATE_MILLIS } else { 0 };
    let endpoint = endpoint.clock(move || Timestamp::from_millis(SystemClock.now().as_millis().saturating_sub(behind)));
    Ok(endpoint.grant::<_, _, ()>(grant).oneshot(request).await?.into_response())
}

fn user(headers: &HeaderMap) -> Option<&str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    text("cookie").and_then(|cookie| cookie.strip_prefix("session=")).or_else(|| text("x-user"))
}

async fn grant(headers: HeaderMap) -> Result<Grant, Refusal> {
    let chat: Capability = r#"{"chat:*":["channel-metadata","history","publish"],"status":["subscribe"]}"#.parse()?;
    match user(&headers) {
        None => Err(Refusal::unauthenticated("nobody is logged in; log in first")),
        Some("closed") => Err(Refusal::forbidden("the account is closed; ask the support")),
        Some("late") => Ok(Grant::identified("late", chat)?.ttl(Ttl::from_millis(LATE_MILLIS / 2)?)),
        Some(user) => Grant::identified(user, chat),
    }
}
