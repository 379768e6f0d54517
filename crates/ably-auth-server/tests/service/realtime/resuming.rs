//! Connections that are resumed or recovered after their socket was lost.

use super::*;

const HAS_BACKLOG: u64 = 1 << 1;
const RESUMED: u64 = 1 << 2;

fn id_and_key(connected: &Value) -> (String, String) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&connected["connectionId"]), text(&connected["connectionDetails"]["connectionKey"]))
}

#[tokio::test]
async fn lost_connection_is_resumed_with_the_messages_of_the_gap() {
    let service = Realtime::start().await;
    let query = with_token(&service.world.token(KEY, &of("bob")));
    for parameter in ["resume", "recover"] {
        let mut client = service.open(&query).await;
        let (id, key) = id_and_key(&client.expect(CONNECTED).await);
        client.attach("chat").await;
        service.world.post("/channels/chat/messages", &basic(KEY), &json!({ "data": "before" }));
        let seen = client.expect(MESSAGE).await["channelSerial"].clone();
        drop(client);
        for data in ["gap 1", "gap 2"] {
            service.world.post("/channels/chat/messages", &basic(KEY), &json!({ "data": data }));
        }
        let mut client = service.open(&format!("{query}&{parameter}={key}")).await;
        let connected = client.expect(CONNECTED).await;
        assert_eq!((id_and_key(&connected).0, connected.get("error")), (id, None));
        let attached = client.attach_with(json!({ "channel": "chat", "channelSerial": seen })).await;
        assert_eq!(attached["flags"].as_u64().unwrap() & (RESUMED | HAS_BACKLOG), RESUMED | HAS_BACKLOG);
        assert_eq!(contents(&client.expect(MESSAGE).await), ["gap 1", "gap 2"]);
        service.world.post("/channels/chat/messages", &basic(KEY), &json!({ "data": "after" }));
        assert_eq!(contents(&client.expect(MESSAGE).await), ["after"], "each message comes once");
    }
}

#[tokio::test]
async fn connection_that_is_still_open_is_replaced() {
    let service = Realtime::start().await;
    let query = with_token(&service.world.token(KEY, &of("bob")));
    let mut old = service.open(&query).await;
    let (id, key) = id_and_key(&old.expect(CONNECTED).await);
    let mut new = service.open(&format!("{query}&resume={key}")).await;
    assert_eq!(id_and_key(&new.expect(CONNECTED).await).0, id);
    assert_eq!(old.next().await, None, "the old socket is closed without a message");
    new.attach("chat").await;
    assert_eq!(new.publish("chat", 0, json!([{ "data": "x" }])).await, 0);
}

#[tokio::test]
async fn only_the_client_of_a_connection_resumes_it() {
    let service = Realtime::start().await;
    let world = &service.world;
    let query = with_token(&world.token(KEY, &of("bob")));
    let mut client = service.open(&query).await;
    let (id, key) = id_and_key(&client.expect(CONNECTED).await);
    drop(client);
    let others = [
        format!("{query}&resume={id}!wrong"),
        format!("{query}&resume={id}"),
        format!("{query}&resume=unknown!key"),
        format!("{}&resume={key}", with_token(&world.token(KEY, &of("alice")))),
        format!("{}&resume={key}", with_token(&world.token(ELSEWHERE, &of("bob")))),
    ];
    for other in others {
        let mut client = service.open(&other).await;
        let connected = client.expect(CONNECTED).await;
        assert_ne!(id_and_key(&connected).0, id);
        assert_eq!((&connected["error"]["code"], &connected["error"]["statusCode"]), (&json!(80018), &json!(400)));
        let attached =
            client.attach_with(json!({ "channel": "chat", "channelSerial": "01449746287318-000000000000" })).await;
        assert_eq!(attached["flags"].as_u64().unwrap() & RESUMED, 0);
    }
    let mut client = service.open(&format!("{query}&resume={key}")).await;
    assert_eq!(id_and_key(&client.expect(CONNECTED).await).0, id, "the attempts of others took nothing");
}

#[tokio::test]
async fn closed_or_refused_connection_is_not_resumed() {
    let service = Realtime::with_limits(|limits| limits.connection_state_ttl = Duration::from_millis(1)).await;
    let query = with_token(&service.world.token(KEY, &of("bob")));
    let mut closed = service.open(&query).await;
    let (_, key) = id_and_key(&closed.expect(CONNECTED).await);
    closed.send(json!({ "action": CLOSE })).await;
    closed.ended().await;
    let mut expired = service.open(&query).await;
    let (_, late) = id_and_key(&expired.expect(CONNECTED).await);
    drop(expired);
    tokio::time::sleep(Duration::from_millis(20)).await;
    for key in [key, late] {
        let mut client = service.open(&format!("{query}&resume={key}")).await;
        assert_eq!(client.expect(CONNECTED).await["error"]["code"], 80018);
    }
}

#[tokio::test]
async fn presence_members_of_a_resumed_connection_stay() {
    let service = Realtime::with_limits(|limits| limits.presence_grace = Duration::from_millis(200)).await;
    let query = with_token(&service.world.token(KEY, &of("bob")));
    let mut watcher = service.connect(&with_key(KEY)).await;
    watcher.attach("chat").await;
    let mut client = service.open(&query).await;
    let (_, key) = id_and_key(&client.expect(CONNECTED).await);
    client.attach("chat").await;
    assert_eq!(client.present("chat", 0, json!({ "action": 2 })).await, 0);
    watcher.expect(PRESENCE).await;
    drop(client);
    let mut client = service.open(&format!("{query}&resume={key}")).await;
    client.expect(CONNECTED).await;
    client.attach("chat").await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(watcher.look().await, Vec::<Value>::new(), "nobody left");
    client.send(json!({ "action": CLOSE })).await;
    watcher.expect(PRESENCE).await;
}

#[tokio::test]
async fn token_that_expired_while_the_connection_was_lost_does_not_resume_it() {
    let service = Realtime::start().await;
    let world = &service.world;
    let short = with_token(&world.token(KEY, &of("bob").ttl(ttl(10_000))));
    let mut client = service.open(&short).await;
    let (id, key) = id_and_key(&client.expect(CONNECTED).await);
    drop(client);
    world.pass(10_000);
    let mut refused = service.open(&format!("{short}&resume={key}")).await;
    assert_eq!(refused.ended().await, (ERROR, 40142, 401));
    let fresh = with_token(&world.token(KEY, &of("bob")));
    let mut client = service.open(&format!("{fresh}&resume={key}")).await;
    assert_eq!(id_and_key(&client.expect(CONNECTED).await).0, id);
}

#[tokio::test]
async fn connection_is_resumed_at_the_limit_of_connections() {
    let service = Realtime::with_limits(|limits| limits.connections_per_key = Some(1)).await;
    let mut old = service.open(&with_key(KEY)).await;
    let (id, key) = id_and_key(&old.expect(CONNECTED).await);
    let mut new = service.open(&format!("{}&resume={key}", with_key(KEY))).await;
    assert_eq!(id_and_key(&new.expect(CONNECTED).await).0, id, "the socket that it replaces does not count");
    assert_eq!(old.next().await, None);
    let mut other = service.open(&with_key(KEY)).await;
    assert_eq!(other.ended().await, (DISCONNECTED, 40151, 429));
}

#[tokio::test]
async fn refused_attempt_to_resume_takes_nothing() {
    let service = Realtime::with_limits(|limits| limits.connections_per_key = Some(1)).await;
    let mut lost = service.open(&with_key(KEY)).await;
    let (id, key) = id_and_key(&lost.expect(CONNECTED).await);
    drop(lost);
    let mut other = service.open(&with_key(KEY)).await;
    while other.next().await.is_some_and(|answer| answer["action"] != CONNECTED) {
        // The service has not noticed yet that the first socket is closed.
        other = service.open(&with_key(KEY)).await;
    }
    let mut refused = service.open(&format!("{}&resume={key}", with_key(KEY))).await;
    assert_eq!(refused.ended().await, (DISCONNECTED, 40151, 429));
    drop(other);
    let resumed = loop {
        let mut client = service.open(&format!("{}&resume={key}", with_key(KEY))).await;
        let answer = client.next().await.unwrap();
        if answer["action"] == CONNECTED {
            break answer;
        }
    };
    assert_eq!(id_and_key(&resumed).0, id);
}

#[tokio::test]
async fn client_without_identity_does_not_resume_one_that_may_be_any() {
    let service = Realtime::start().await;
    let any = with_token(&service.world.token(KEY, &of("*")));
    let mut client = service.open(&any).await;
    let (id, key) = id_and_key(&client.expect(CONNECTED).await);
    drop(client);
    let anonymous = with_token(&service.world.token(KEY, &params()));
    let mut other = service.open(&format!("{anonymous}&resume={key}")).await;
    assert_ne!(id_and_key(&other.expect(CONNECTED).await).0, id);
    let mut client = service.open(&format!("{any}&resume={key}")).await;
    assert_eq!(id_and_key(&client.expect(CONNECTED).await).0, id);
}

#[tokio::test]
async fn serial_from_long_ago_gives_no_history() {
    let service = Realtime::start().await;
    service.world.post("/channels/chat/messages", &basic(KEY), &json!({ "data": "old" }));
    service.world.pass(10 * MINUTE);
    let mut client = service.connect_with(r#"{"chat":["subscribe"]}"#).await;
    client.attach("chat").await;
    let attached =
        client.attach_with(json!({ "channel": "chat", "channelSerial": "00000000000000-000000000000" })).await;
    assert_eq!(attached["flags"].as_u64().unwrap() & (RESUMED | HAS_BACKLOG), 0);
    assert_eq!(client.look().await, Vec::<Value>::new());
}

#[tokio::test]
async fn presence_members_of_a_connection_that_is_resumed_often_are_counted_once() {
    let service = Realtime::with_limits(|limits| limits.realtime_bytes = 4 * 600_000).await;
    let query = with_token(&service.world.token(KEY, &of("*")));
    let mut client = service.open(&query).await;
    let (_, key) = id_and_key(&client.expect(CONNECTED).await);
    client.attach("chat").await;
    for serial in 0..4 {
        let member = json!({ "action": 2, "clientId": format!("x{serial}"), "data": "x".repeat(60_000) });
        assert_eq!(client.present("chat", serial, member).await, 0);
    }
    for _ in 0..5 {
        drop(client);
        tokio::time::sleep(Duration::from_millis(20)).await;
        client = service.open(&format!("{query}&resume={key}")).await;
        let connected = client.expect(CONNECTED).await;
        assert_eq!(id_and_key(&connected).1, key);
    }
    let present = service.world.get("/channels/chat/presence", &basic(KEY)).json();
    assert_eq!(present.as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn presence_members_leave_if_the_new_token_does_not_permit_them() {
    let service = Realtime::start().await;
    let mut client = service.open(&with_token(&service.world.token(KEY, &of("bob")))).await;
    let (_, key) = id_and_key(&client.expect(CONNECTED).await);
    client.attach("chat").await;
    assert_eq!(client.present("chat", 0, json!({ "action": 2 })).await, 0);
    drop(client);
    let narrow = service.world.token(KEY, &of("bob").capability(r#"{"chat":["subscribe"]}"#));
    service.connect(&format!("{}&resume={key}", with_token(&narrow))).await;
    assert_eq!(service.world.get("/channels/chat/presence", &basic(KEY)).json(), json!([]));
}
