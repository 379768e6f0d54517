//! An auth URL and a protected route on actix-web. The user's name comes in a header here; a real application reads its
//! session.
//!
//! ```console
//! $ cargo run &
//! $ curl -s http://127.0.0.1:3000/ably-token
//! {"error":{"code":40101,"statusCode":401,"message":"log in first"…
//! $ TOKEN=$(curl -s -H "X-User: bob" -d ttl=60000 http://127.0.0.1:3000/ably-token)
//! $ curl -s -H "Authorization: Bearer $TOKEN" http://127.0.0.1:3000/rooms/lobby
//! bob may read lobby
//! $ curl -s http://127.0.0.1:3000/rooms/lobby
//! {"error":{"code":40101,"statusCode":401,"message":"the request has no credentials; send a token as…
//! ```

use std::time::Duration;

use ably_auth_backend::{ApiKey, Authenticator, Capability, Endpoint, Grant, Operation, Refusal, Verifier};
use actix_web::web::{self, Bytes, Data, PayloadConfig};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use http::{HeaderMap, Request, Response};

struct Auth {
    endpoint: Endpoint,
    authenticator: Authenticator,
}

/// Answers the auth URL.
async fn auth_url(auth: Data<Auth>, request: HttpRequest, body: Bytes) -> actix_web::Result<HttpResponse> {
    let request = of_actix(&request, body)?;
    Ok(into_actix(match auth.endpoint.params(&request) {
        Ok(params) => auth.endpoint.answer(request.headers(), &params, decide(request.headers())),
        Err(response) => *response,
    }))
}

/// Decides which token a user gets.
fn decide(headers: &HeaderMap) -> Result<Grant, Refusal> {
    let user = headers.get("x-user").and_then(|user| user.to_str().ok());
    let user = user.ok_or_else(|| Refusal::unauthenticated("log in first"))?;
    Grant::identified(user, r#"{"chat:*":["history","subscribe"]}"#.parse::<Capability>()?)
}

/// Answers a route that needs a token.
async fn room(auth: Data<Auth>, room: web::Path<String>, request: HttpRequest) -> actix_web::Result<HttpResponse> {
    let answer = read(&auth, &room, &of_actix(&request, Bytes::new())?).await;
    Ok(answer.map_or_else(|refusal| into_actix(refusal.into()), |text| HttpResponse::Ok().body(text)))
}

async fn read(auth: &Auth, room: &str, request: &Request<Bytes>) -> Result<String, Refusal> {
    let sender = auth.authenticator.authenticate(request.headers(), request.uri()).await?;
    let sender = sender.ok_or_else(Refusal::missing_credential)?;
    sender.check(&format!("chat:{room}"), Operation::History)?;
    let name = sender.identity().map_or("somebody", |identity| identity.as_str());
    Ok(format!("{name} may read {room}\n"))
}

/// Converts a request. The types of actix-web are those of `http` 0.2, so they are converted as text.
fn of_actix(request: &HttpRequest, body: Bytes) -> actix_web::Result<Request<Bytes>> {
    let head = Request::builder().method(request.method().as_str()).uri(request.uri().to_string());
    let head = request.headers().iter().fold(head, |head, (name, value)| head.header(name.as_str(), value.as_bytes()));
    head.body(body).map_err(actix_web::error::ErrorBadRequest)
}

fn into_actix(response: Response<Bytes>) -> HttpResponse {
    let status = response.status().as_u16().try_into().unwrap_or(actix_web::http::StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = HttpResponse::build(status);
    for (name, value) in response.headers() {
        answer.append_header((name.as_str(), value.as_bytes()));
    }
    answer.body(response.into_body())
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let key = ApiKey::parse("appId.keyId:secret")?;
    let authenticator = Authenticator::new(Verifier::new(Duration::from_secs(2)).key(&key));
    let auth = Data::new(Auth { endpoint: Endpoint::jwt(&key), authenticator });
    let app = move || {
        App::new()
            .app_data(auth.clone())
            .app_data(PayloadConfig::new(Endpoint::MAX_BODY_BYTES))
            .route("/ably-token", web::to(auth_url))
            .route("/rooms/{room}", web::get().to(room))
    };
    HttpServer::new(app).workers(1).bind("127.0.0.1:3000")?.run().await?;
    Ok(())
}
