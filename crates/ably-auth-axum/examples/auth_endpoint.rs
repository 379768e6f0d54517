//! A web application with a login. Users with a session cookie get Ably tokens.
//!
//! ```console
//! $ ABLY_API_KEY=appId.keyId:secret cargo run --example auth_endpoint &
//! log in at http://127.0.0.1:3000/login
//! $ curl -s http://127.0.0.1:3000/ably-token
//! {"error":{"code":40101,"statusCode":401,"message":"nobody is logged in; log in at `/login`",…}}
//! $ curl -s -c cookies -d name=bob http://127.0.0.1:3000/login
//! $ curl -s -b cookies http://127.0.0.1:3000/ably-token
//! eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiIsImtpZCI6ImFwcElkLmtleUlkIn0.…
//! ```

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use ably_auth_axum::{ApiKey, AuthEndpoint, Capability, Grant, Operation, Refusal};
use axum::extract::{Form, FromRequestParts, State};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::request::Parts;
use axum::response::IntoResponse;
use axum::routing::post;
use axum::{Router, http::StatusCode};

/// The user id of each session.
#[derive(Clone, Default)]
pub(crate) struct Sessions(Arc<Mutex<HashMap<String, String>>>);

/// The user of the request's session cookie.
struct User {
    id: String,
}

impl FromRequestParts<Sessions> for User {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, sessions: &Sessions) -> Result<Self, Refusal> {
        let cookies = parts.headers.get(COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let session = cookies.split("; ").find_map(|cookie| cookie.strip_prefix("session=")).unwrap_or_default();
        let sessions = sessions.0.lock().unwrap_or_else(PoisonError::into_inner);
        let id = sessions.get(session).cloned();
        id.map(|id| Self { id }).ok_or_else(|| Refusal::unauthenticated("nobody is logged in; log in at `/login`"))
    }
}

#[derive(serde::Deserialize)]
struct Login {
    name: String,
}

/// A real application would ask for a password.
async fn login(State(sessions): State<Sessions>, Form(login): Form<Login>) -> Result<impl IntoResponse, Refusal> {
    // The name becomes a part of a channel name.
    if login.name.is_empty() || !login.name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(Refusal::forbidden("the name may have letters and digits only; choose another"));
    }
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|_| Refusal::internal("the system has no random numbers; try again later"))?;
    let session = format!("{:032x}", u128::from_ne_bytes(random));
    sessions.0.lock().unwrap_or_else(PoisonError::into_inner).insert(session.clone(), login.name);
    let cookie = format!("session={session}; HttpOnly; SameSite=Lax; Path=/"); // and `Secure`, over TLS
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]))
}

/// Grants everybody the chat and their own inbox, except a user named `mallory`, who gets no token.
async fn grant(user: User) -> Result<Grant, Refusal> {
    if user.id == "mallory" {
        return Err(Refusal::forbidden("the account is closed; ask the support to open it"));
    }
    let capability = Capability::none()
        .with("chat:*", [Operation::Publish, Operation::Subscribe, Operation::Presence])?
        .with(&format!("inbox:{}", user.id), [Operation::Subscribe])?;
    Grant::identified(&user.id, capability)
}

/// Returns the application's routes.
pub(crate) fn app(key: &ApiKey) -> Router {
    Router::new()
        .route("/login", post(login))
        .route("/ably-token", AuthEndpoint::jwt(key).grant(grant))
        .with_state(Sessions::default())
}

#[tokio::main(flavor = "current_thread")]
#[allow(dead_code, reason = "the example's test calls `app`")]
async fn main() -> Result<(), Box<dyn Error>> {
    let key = ApiKey::from_env()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("log in at http://{}/login", listener.local_addr()?);
    Ok(axum::serve(listener, app(&key)).await?)
}
