//! An auth URL on a backend, used by a client of the service.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use ably_auth_axum::{
    AuthEndpoint, Authenticate, Capability, Grant, Identified, Operation, Refusal, Verifier, require,
};
use ably_auth_reqwest::{
    AuthMethod, AuthUrl, Client, ClientOptions, Error, ErrorKind, HttpSettings, Identity, ReqwestTransport,
    TokenParams, Transport as _, Ttl,
};
use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::clients::support::{TestService, key, message};

const FORMS: [&str; 3] = ["jwt", "request", "details"];

/// Grants a token to the user whom the header `x-user` names.
async fn grant(headers: HeaderMap) -> Result<Grant, Refusal> {
    let chat: Capability = r#"{"chat:*":["publish","history"],"status":["subscribe"]}"#.parse()?;
    match headers.get("x-user").and_then(|user| user.to_str().ok()) {
        None => Err(Refusal::unauthenticated("nobody is logged in; log in first")),
        Some("mallory") => Err(Refusal::forbidden("the account is closed; ask the support")),
        Some(user) => Grant::identified(user, chat),
    }
}

/// Starts the backend in the test's runtime.
async fn backend() -> SocketAddr {
    let picture = get(|sender: Identified| async move { format!("a picture for {}", sender.identity()) });
    let pictures = Router::new()
        .route("/pictures/{room}", picture.layer(require("chat:{room}", Operation::History).unwrap()))
        .layer(Authenticate::new(Verifier::new(Duration::from_secs(2)).key(&key())));
    let app = Router::new()
        .route("/jwt", AuthEndpoint::jwt(&key()).grant(grant))
        .route("/request", AuthEndpoint::token_request(&key()).grant(grant))
        .route("/details", AuthEndpoint::token_details(&key()).grant(grant))
        .merge(pictures);
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

fn auth_url(backend: SocketAddr, form: &str, user: Option<&'static str>) -> AuthUrl {
    let name = HeaderName::from_static("x-user");
    let headers = user.map(|user| (name, HeaderValue::from_static(user)));
    AuthUrl::new(&format!("http://{backend}/{form}")).unwrap().auth_headers(HeaderMap::from_iter(headers))
}

fn client(service: &TestService, auth_url: AuthUrl) -> Client {
    Client::new(options(service).auth_url(auth_url)).unwrap()
}

fn options(service: &TestService) -> ClientOptions {
    ClientOptions::new().endpoint(service.endpoint.clone())
}

/// rest/unit/RSA8c/authurl-post-method-1, rest/unit/RSA8c/authurl-custom-headers-2,
/// rest/unit/RSA8c/authurl-returns-jwt-4
#[tokio::test]
async fn client_gets_token_in_every_form_by_both_methods() {
    let (service, backend) = (TestService::start(), backend().await);
    for form in FORMS {
        for method in [AuthMethod::Get, AuthMethod::Post] {
            let url = auth_url(backend, form, Some("bob")).auth_method(method);
            let client = Client::new(options(&service).auth_url(url).client_id("bob")).unwrap();
            assert_eq!(client.request(message()).await.unwrap().status(), 201, "{form} {method:?}");
        }
    }
}

#[tokio::test]
async fn token_is_limited_to_request_and_grant() {
    let (service, backend) = (TestService::start(), backend().await);
    let asked = r#"{"chat:lobby":["publish","presence"],"vault":["*"]}"#;
    let asked = TokenParams::new().capability(asked).ttl(Ttl::from_millis(60_000).unwrap());
    for form in ["request", "details"] {
        for method in [AuthMethod::Get, AuthMethod::Post] {
            let client = client(&service, auth_url(backend, form, Some("bob")).auth_method(method));
            let details = client.auth().request_token(&asked).await.unwrap();
            assert_eq!(details.capability_text(), Some(r#"{"chat:lobby":["publish"]}"#));
            assert!(details.client_id().permits("bob") && !details.client_id().permits("alice"));
            assert!(details.expires().unwrap().millis_since(details.issued().unwrap()) <= 60_000);
        }
    }
}

/// RSA4d, rest/unit/RSA8c/authurl-error-propagated-5: the client's error has the status of the backend's refusal.
#[tokio::test]
async fn refusal_of_backend_reaches_client() {
    let (service, backend) = (TestService::start(), backend().await);
    let asked = |user, client_id: &str| {
        let client_id = Identity::new(client_id).unwrap();
        let options = options(&service).auth_url(auth_url(backend, "jwt", user)).client_id(client_id);
        let client = Client::new(options).unwrap();
        async move { client.request(message()).await.unwrap_err() }
    };
    let says = |error: &Error, text: &str| assert!(error.to_string().contains(text), "{error}");
    let closed = asked(Some("mallory"), "mallory").await;
    assert_eq!((closed.kind(), closed.status_code()), (ErrorKind::AuthUrl, 403));
    says(&closed, "the account is closed; ask the support");
    let visitor = asked(None, "bob").await;
    assert_eq!(visitor.status_code(), 401);
    says(&visitor, "nobody is logged in");
    says(&asked(Some("bob"), "alice").await, "this user may not have a token for the requested clientId");
}

/// The token for the service authenticates requests to the backend's own routes too.
#[tokio::test]
async fn token_opens_routes_of_backend() {
    let (service, backend) = (TestService::start(), backend().await);
    let client = client(&service, auth_url(backend, "jwt", Some("bob")));
    let http = ReqwestTransport::for_settings(&HttpSettings::default()).unwrap();
    let ask = async |room: &str, shows_token: bool| {
        let mut request = http::Request::get(format!("http://{backend}/pictures/{room}")).body(Bytes::new()).unwrap();
        if shows_token {
            client.auth().credentials().await.unwrap().apply_to(&mut request);
        }
        let answer = http.send(request).await.unwrap();
        (answer.status().as_u16(), String::from_utf8_lossy(answer.body()).into_owned())
    };
    assert_eq!(ask("lobby", true).await, (200, "a picture for bob".to_owned()));
    assert_eq!(ask("lobby", false).await.0, 401);
}
