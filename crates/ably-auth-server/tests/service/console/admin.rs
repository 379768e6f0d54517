//! Tests of the console on the admin address.

use ably_auth_core::Token;
use ably_auth_server::ErrorKind;
use tokio::net::TcpStream;

use super::*;
use crate::operating::{Client, HttpResponse};

const TOKEN: &str = "the-token-of-the-console-of-the-tests";

async fn run_admin(sandbox: bool) -> Running {
    let builder = Service::builder().apps(apps()).sandbox(sandbox).admin_console(Token::new(TOKEN).unwrap());
    run_service(builder.build().unwrap()).await
}

async fn ask(service: &Running, method: &str, path: &str, token: &str, body: &Value) -> HttpResponse {
    let mut client = Client(TcpStream::connect(service.admin).await.unwrap());
    client.send(&request(method, path, &format!("Authorization: Bearer {token}\r\n"), body)).await;
    client.receive().await.unwrap()
}

#[tokio::test]
async fn admin_console_needs_its_token() {
    let service = run_admin(false).await;
    let page = service.admin("/console").await;
    assert!(page.status == 200 && page.body.starts_with("<!doctype html>"), "the files need no token");
    let overview = ask(&service, "GET", "overview", TOKEN, &Value::Null).await;
    let overview: Value = serde_json::from_str(&overview.body).unwrap();
    assert_eq!(
        (&overview["service"]["mode"], &overview["service"]["can"]),
        (&json!("admin"), &json!(["revoke", "end"]))
    );
    assert_eq!(overview["apps"].as_array().unwrap().len(), 2);
    assert_eq!(service.admin("/console/api/overview").await.code(), (401, 40101));
    for wrong in ["the-token-of-the-console-of-the-test", "", "x"] {
        assert_eq!(ask(&service, "GET", "overview", wrong, &Value::Null).await.code(), (401, 40101));
    }
    assert_eq!(service.admin("/health/live").await.status, 200);
    let service_page = service.ask("GET /console HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert_eq!(service_page.code(), (404, 40400), "the service's own address serves no console");
}

#[tokio::test]
async fn refusals_of_admin_console_are_limited() {
    let service = run_admin(false).await;
    let mut codes = Vec::new();
    for _ in 0..30 {
        codes.push(ask(&service, "GET", "overview", "wrong", &Value::Null).await.status);
    }
    assert!(codes[..10].iter().all(|code| *code == 401) && codes.contains(&429), "{codes:?}");
    assert_eq!(ask(&service, "GET", "overview", TOKEN, &Value::Null).await.status, 200, "the holder is not locked out");
}

#[tokio::test]
async fn admin_console_shows_no_secret_and_issues_none() {
    for sandbox in [false, true] {
        let service = run_admin(sandbox).await;
        for (method, path, body) in [
            ("GET", "keys/app1.key1", Value::Null),
            ("POST", "keys/app1.key1/reveal", json!({})),
            ("POST", "keys/app1.key1/rotate", json!({})),
            ("POST", "tokens", json!({ "keyName": KEY, "kind": "jwt" })),
            ("POST", "reset", json!({})),
            ("POST", "clock", json!({ "advanceMs": 1 })),
            ("PUT", "faults", json!({ "kind": "drop", "count": 1 })),
            ("DELETE", "faults", Value::Null),
        ] {
            assert_eq!(ask(&service, method, path, TOKEN, &body).await.code(), (404, 40400), "{method} {path}");
        }
        let revoked = json!({ "keyName": REVOCABLE, "targets": ["clientId:bob"] });
        assert_eq!(ask(&service, "POST", "revocations", TOKEN, &revoked).await.status, 201);
        assert_eq!(ask(&service, "GET", "connections", TOKEN, &Value::Null).await.status, 200);
        assert_eq!(ask(&service, "GET", "log", TOKEN, &Value::Null).await.status, 200);
        let inspected = ask(&service, "POST", "inspect", TOKEN, &json!({ "text": format!("{KEY}:{SECRET}") })).await;
        assert!(inspected.status == 200 && !inspected.body.contains(SECRET));
    }
}

#[tokio::test]
async fn address_without_admin_console_has_none() {
    let service = run(|_| {}).await;
    assert_eq!(service.admin("/console").await.status, 404);
    assert_eq!(ask(&service, "GET", "overview", TOKEN, &Value::Null).await.status, 404);
}

#[test]
fn short_token_is_refused() {
    let error = Service::builder().admin_console(Token::new("short-token-of-31-characters---").unwrap()).build();
    assert_eq!(error.unwrap_err().kind(), ErrorKind::ControlToken);
}

#[tokio::test]
async fn causes_are_not_looked_for_in_production() {
    let service = run_admin(false).await;
    for credential in [
        basic_of(&format!("{KEY}:{}", &SECRET[..SECRET.len() - 1])),
        format!("Bearer {}", {
            let claims = json!({ "iat": system_now() / 1000, "exp": system_now() / 1000 + 60 });
            jwt_of(&json!({ "typ": "JWT", "alg": "HS256", "kid": KEY }), &claims, &SECRET[..SECRET.len() - 1])
        }),
    ] {
        let request = format!("GET /channels HTTP/1.1\r\nHost: localhost\r\nAuthorization: {credential}\r\n\r\n");
        assert_eq!(service.ask(&request).await.status, 401);
    }
    for row in 1..=2 {
        let story = ask(&service, "GET", &format!("log/{row}"), TOKEN, &Value::Null).await;
        assert!(story.status == 200 && !story.body.contains("\"cause\""), "{}", story.body);
    }
}
