//! The opening of a connection: its parameters, its details, and refused credentials.

use super::*;

#[tokio::test]
async fn both_formats_and_all_places_of_a_credential_connect() {
    let service = Realtime::start().await;
    let token = service.world.token(KEY, &of("bob"));
    let places = [with_key(KEY), with_token(&token), format!("access_token={}", token.token().expose())];
    for (place, is_msgpack) in places.iter().flat_map(|place| [(place, false), (place, true)]) {
        let mut client = service.open_as(place, is_msgpack).await;
        let connected = client.expect(CONNECTED).await;
        let details = &connected["connectionDetails"];
        let id = connected["connectionId"].as_str().unwrap();
        assert!(details["connectionKey"].as_str().unwrap().starts_with(id), "{connected}");
        let numbers = ["maxMessageSize", "maxFrameSize", "connectionStateTtl", "maxIdleInterval"];
        assert_eq!(numbers.map(|name| details[name].as_u64().unwrap()), [65_536, 524_288, 120_000, 15_000]);
        assert!(details["serverId"].is_string() && details["maxInboundRate"].is_u64());
        assert_eq!(connected.get("error"), None);
        client.send(json!({ "action": CLOSE })).await;
        assert_eq!(client.ended().await, (CLOSED, 0, 0));
    }
}

#[tokio::test]
async fn bad_credentials_end_the_connection_with_40101() {
    let service = Realtime::start().await;
    let queries = [
        "key=app1.unknown:secret".to_owned(),
        format!("key={KEY}:wrong"),
        "key=unknown.key1:secret".into(),
        "key=malformed".into(),
        with_text("not-a-token"),
        with_text("app1.AAAA"),
        with_text("a.b.c"),
        String::new(),
    ];
    for query in queries {
        let mut client = service.open(&query).await;
        assert_eq!(client.ended().await, (ERROR, 40101, 401), "{query}");
    }
}

#[tokio::test]
async fn refused_tokens_keep_the_code_that_lets_clients_renew() {
    let service = Realtime::start().await;
    let world = &service.world;
    let expired = world.token(KEY, &params().ttl(ttl(1_000)));
    let revoked = world.token(REVOCABLE, &of("bob"));
    assert_eq!(world.revoke(&json!({ "targets": ["clientId:bob"] })).status, 201);
    world.pass(2_000);
    let badly_signed = jwt(KEY, 60, &json!({})) + "A";
    let of_unknown_key = jwt("app1.unknown", 60, &json!({}));
    let revoked_key = jwt(REVOKED, 60, &json!({}));
    for (token, code) in [
        (expired.token().expose(), 40142),
        (revoked.token().expose(), 40141),
        (&*badly_signed, 40144),
        (&*of_unknown_key, 40143),
        (&*revoked_key, 40141),
    ] {
        let mut client = service.open(&with_text(token)).await;
        assert_eq!(client.ended().await, (ERROR, code, 401));
    }
}

#[tokio::test]
async fn client_id_is_what_the_credential_permits() {
    let service = Realtime::start().await;
    let world = &service.world;
    let tokens = ["bob", "*"].map(|client_id| with_token(&world.token(KEY, &of(client_id))));
    let anonymous = with_token(&world.token(KEY, &params()));
    let [bob, any] = &tokens;
    for (query, expected) in [
        (bob.clone(), Some("bob")),
        (format!("{bob}&clientId=bob"), Some("bob")),
        (any.clone(), Some("*")),
        (format!("{any}&clientId=*"), Some("*")),
        (format!("{any}&clientId=alice"), Some("alice")),
        (with_key(KEY), None),
        (format!("{}&clientId=alice", with_key(KEY)), Some("alice")),
        (anonymous.clone(), None),
    ] {
        let mut client = service.open(&query).await;
        let connected = client.expect(CONNECTED).await;
        assert_eq!(connected["connectionDetails"]["clientId"].as_str(), expected, "{query}");
    }
    for (query, code) in [
        (format!("{bob}&clientId=alice"), 40102),
        (format!("{anonymous}&clientId=alice"), 40102),
        (format!("{bob}&clientId="), 40012),
    ] {
        let mut client = service.open(&query).await;
        let (action, refused, _) = client.ended().await;
        assert_eq!((action, refused), (ERROR, code), "{query}");
    }
}

#[tokio::test]
async fn key_needs_tls_outside_of_a_sandbox() {
    let service = Realtime::of(World::without_sandbox()).await;
    let mut client = service.open(&with_key(KEY)).await;
    assert_eq!(client.ended().await, (ERROR, 40103, 401));
    service.connect(&with_token(&service.world.token(KEY, &params()))).await;
}

#[tokio::test]
async fn unknown_format_and_version_are_refused() {
    let service = Realtime::start().await;
    for (request, code) in [("v=1&", 40017), ("v=2&format=xml&", 40003)] {
        let mut stream = TcpStream::connect(service.address).await.unwrap();
        let request = format!(
            "GET /?{request}{} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            with_key(KEY)
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert!(String::from_utf8_lossy(&answer).contains(&format!("\"code\":{code}")));
    }
}

#[tokio::test]
async fn malformed_upgrades_and_other_transports_get_an_http_error() {
    let service = Realtime::start().await;
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (target, headers, status) in [
        ("GET /", upgrade.to_owned(), 400),
        ("GET /", format!("{upgrade}Sec-WebSocket-Key: short\r\n"), 400),
        ("POST /", format!("{upgrade}{key}"), 400),
        ("GET /", upgrade.replace("13", "12") + key, 426),
        ("GET /time", format!("{upgrade}{key}"), 404),
        ("GET /comet/connect", String::new(), 404),
    ] {
        let mut stream = TcpStream::connect(service.address).await.unwrap();
        let request = format!("{target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&answer), format!("HTTP/1.1 {status}"), "{request}");
    }
}

#[tokio::test]
async fn sandbox_refuses_pages_of_other_origins() {
    let service = Realtime::start().await;
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    let request = format!(
        "GET /?{} HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        with_key(KEY)
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 403");
}

#[tokio::test]
async fn service_without_channels_has_no_connections() {
    let service = Realtime::of(World::new().with_service(|builder| builder.channels(false))).await;
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\r\n").await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 404");
}
