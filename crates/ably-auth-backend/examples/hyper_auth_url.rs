//! An auth URL and a protected route on hyper, without a web framework. The user's name comes in a header here; a real
//! application reads its session.
//!
//! ```console
//! $ cargo run --example hyper_auth_url &
//! $ curl -s http://127.0.0.1:3000/ably-token
//! {"error":{"code":40101,"statusCode":401,"message":"log in first"…
//! $ TOKEN=$(curl -s -H "X-User: bob" http://127.0.0.1:3000/ably-token)
//! $ curl -s -H "Authorization: Bearer $TOKEN" http://127.0.0.1:3000/rooms/lobby
//! bob may read lobby
//! ```

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use ably_auth_backend::{ApiKey, Authenticator, Capability, Endpoint, Grant, Operation, Refusal, Verifier};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

struct App {
    endpoint: Endpoint,
    authenticator: Authenticator,
}

impl App {
    /// Reads the body, within a limit of size and time, and answers.
    async fn serve(&self, request: Request<Incoming>) -> Response<Bytes> {
        let (parts, body) = request.into_parts();
        let most = Endpoint::MAX_BODY_BYTES;
        let refusal = match tokio::time::timeout(Duration::from_secs(10), Limited::new(body, most).collect()).await {
            Ok(Ok(body)) => return self.answer(&Request::from_parts(parts, body.to_bytes())).await,
            Ok(Err(_)) => Refusal::body_too_large(most),
            Err(_) => Refusal::body_too_slow(),
        };
        let mut response = Response::from(refusal);
        self.endpoint.finish(&parts.headers, response.headers_mut());
        response
    }

    async fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        if let Some(room) = request.uri().path().strip_prefix("/rooms/") {
            return self.read(request, room).await.unwrap_or_else(Response::from);
        }
        match self.endpoint.params(request) {
            Ok(params) => self.endpoint.answer(request.headers(), &params, decide(request.headers())),
            Err(response) => *response,
        }
    }

    async fn read(&self, request: &Request<Bytes>, room: &str) -> Result<Response<Bytes>, Refusal> {
        let sender = self.authenticator.authenticate(request.headers(), request.uri()).await?;
        let sender = sender.ok_or_else(|| Refusal::unauthenticated("send a token"))?;
        sender.check(&format!("chat:{room}"), Operation::History)?;
        let name = sender.identity().map_or("somebody", |identity| identity.as_str());
        Ok(Response::new(format!("{name} may read {room}\n").into()))
    }
}

/// Decides which token a user gets.
fn decide(headers: &HeaderMap) -> Result<Grant, Refusal> {
    let user = headers.get("x-user").and_then(|user| user.to_str().ok());
    let user = user.ok_or_else(|| Refusal::unauthenticated("log in first"))?;
    Grant::identified(user, r#"{"chat:*":["history","subscribe"]}"#.parse::<Capability>()?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let key = ApiKey::parse("appId.keyId:secret")?;
    let authenticator = Authenticator::new(Verifier::new(Duration::from_secs(2)).key(&key));
    let app = Arc::new(App { endpoint: Endpoint::jwt(&key), authenticator });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let app = Arc::clone(&app);
        let service = service_fn(move |request| {
            let app = Arc::clone(&app);
            async move { Ok::<_, Infallible>(app.serve(request).await.map(Full::new)) }
        });
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}
