//! PRESENCE: enter, update, leave, and who may do so.

use super::*;

const HAS_PRESENCE: u64 = 1;

fn members(message: &Value) -> Vec<(u64, String)> {
    let members = message["presence"].as_array().unwrap().iter();
    members.map(|member| (member["action"].as_u64().unwrap(), member["clientId"].as_str().unwrap().into())).collect()
}

/// Opens a connection with a token that can be revoked, and enters the channel `chat` as `bob`.
async fn entered(service: &Realtime) -> Client {
    let mut client = service.connect_as("bob").await;
    client.attach("chat").await;
    assert_eq!(client.present("chat", 0, json!({ "action": 2 })).await, 0);
    client
}

#[tokio::test]
async fn members_enter_update_and_leave() {
    let service = Realtime::start().await;
    let (mut bob, mut alice) = (service.connect_as("bob").await, service.connect_as("alice").await);
    bob.attach("chat").await;
    alice.attach("chat").await;
    for (serial, (action, data)) in [(2, "hello"), (4, "busy"), (3, "bye")].into_iter().enumerate() {
        let serial: u64 = serial.try_into().unwrap();
        let sent = json!({ "action": action, "data": data });
        bob.send(json!({ "action": PRESENCE, "channel": "chat", "msgSerial": serial, "presence": [sent] })).await;
        let event = alice.expect(PRESENCE).await;
        assert_eq!(members(&event), [(action, "bob".into())]);
        let member = &event["presence"][0];
        let id = member["connectionId"].as_str().unwrap();
        assert_eq!((&member["data"], &member["id"]), (&json!(data), &json!(format!("{id}:{serial}:0"))));
        assert_eq!(member["timestamp"], NOW);
        let present = service.world.get("/channels/chat/presence", &basic(KEY)).json();
        assert_eq!(present.as_array().unwrap().len(), usize::from(action != 3));
    }
}

#[tokio::test]
async fn members_that_are_there_are_synced() {
    let service = Realtime::start().await;
    let mut many = service.connect(&with_token(&service.world.token(KEY, &of("*")))).await;
    many.attach("chat").await;
    let data = "x".repeat(60_000);
    for serial in 0..12 {
        let member = json!({ "action": 2, "clientId": format!("client-{serial}"), "data": data });
        assert_eq!(many.present("chat", serial, member).await, 0);
    }
    let mut client = service.connect(&with_key(KEY)).await;
    let attached = client.attach("chat").await;
    assert_eq!(attached["flags"].as_u64().unwrap() & HAS_PRESENCE, HAS_PRESENCE);
    let mut synced = Vec::new();
    let mut parts = 0;
    loop {
        let sync = client.expect(SYNC).await;
        assert!(sync.to_string().len() <= 524_288, "a frame has a maximum size");
        synced.extend(members(&sync));
        parts += 1;
        if sync["channelSerial"].as_str().unwrap().ends_with(':') {
            break;
        }
    }
    assert_eq!((synced.len(), parts > 1), (12, true));
    assert!(synced.iter().all(|(action, _)| *action == 1));
    client.send(json!({ "action": SYNC, "channel": "chat" })).await;
    client.expect(SYNC).await;
    let filtered = service.world.get("/channels/chat/presence?clientId=client-3", &basic(KEY)).json();
    assert_eq!((filtered.as_array().unwrap().len(), &filtered[0]["clientId"]), (1, &json!("client-3")));
}

#[tokio::test]
async fn presence_needs_a_right_an_attachment_and_an_identity() {
    let service = Realtime::start().await;
    let world = &service.world;
    let enter = json!({ "action": 2 });
    let as_alice = json!({ "action": 2, "clientId": "alice" });
    let capability = r#"{"in":["subscribe"],"chat":["*"],"all":["*"]}"#;
    let token = |client_id: &str| with_token(&world.token(KEY, &can(capability).client_id(client_id)));
    let mut bob = service.connect(&token("bob")).await;
    bob.attach("all").await;
    bob.attach_with(json!({ "channel": "chat", "flags": 1 << 18 })).await;
    for (serial, (channel, message, code)) in [
        ("in", &enter, 40160),
        ("chat", &enter, 40165),
        ("all", &enter, 0),
        ("all", &as_alice, 91000),
        ("all", &json!({ "action": 0 }), 40000),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(
            bob.present(channel, serial.try_into().unwrap(), message.clone()).await,
            code,
            "{channel} {message}"
        );
    }
    let mut unattached = service.connect(&token("bob")).await;
    assert_eq!(unattached.present("all", 0, enter.clone()).await, 91001);
    for (query, codes) in [
        (with_token(&world.token(KEY, &can(capability))), [91000, 91000]),
        (token("*"), [91000, 0]),
        (with_key(KEY), [91000, 0]),
    ] {
        let mut client = service.connect(&query).await;
        client.attach("all").await;
        assert_eq!(
            [client.present("all", 0, enter.clone()).await, client.present("all", 1, as_alice.clone()).await],
            codes
        );
    }
}

#[tokio::test]
async fn members_leave_with_close_detach_and_lost_rights() {
    let service = Realtime::start().await;
    let mut watcher = service.connect(&with_key(KEY)).await;
    watcher.attach("chat").await;
    for way in ["close", "detach", "narrow"] {
        let mut client = entered(&service).await;
        assert_eq!(members(&watcher.expect(PRESENCE).await), [(2, "bob".into())]);
        match way {
            "close" => client.send(json!({ "action": CLOSE })).await,
            "detach" => client.send(json!({ "action": DETACH, "channel": "chat" })).await,
            _ => client.authorize(&service.world.token(KEY, &of("bob").capability(r#"{"other":["*"]}"#))).await,
        }
        assert_eq!(members(&watcher.expect(PRESENCE).await), [(3, "bob".into())], "{way}");
    }
}

#[tokio::test]
async fn members_of_a_lost_connection_leave_after_the_grace_time() {
    let service = Realtime::with_limits(|limits| limits.presence_grace = Duration::from_millis(50)).await;
    let mut watcher = service.connect(&with_key(KEY)).await;
    watcher.attach("chat").await;
    let client = entered(&service).await;
    watcher.expect(PRESENCE).await;
    drop(client);
    assert_eq!(members(&watcher.expect(PRESENCE).await), [(3, "bob".into())]);
}

#[tokio::test]
async fn leave_that_the_service_makes_replaces_the_member_at_sdks() {
    let service = Realtime::start().await;
    let mut watcher = service.connect(&with_key(KEY)).await;
    watcher.attach("chat").await;
    let mut client = service.connect_as("bob").await;
    client.attach("chat").await;
    service.world.pass(1_000);
    assert_eq!(client.present("chat", 7, json!({ "action": 2 })).await, 0);
    let entered = watcher.expect(PRESENCE).await;
    // The clock steps back: the event is still not older than the member.
    service.world.jump(NOW);
    client.send(json!({ "action": DETACH, "channel": "chat" })).await;
    let left = watcher.expect(PRESENCE).await;
    let member = &left["presence"][0];
    assert_eq!(member["action"], 3);
    // `RTP2b1`: SDKs compare timestamps if the id does not begin with the connectionId, else the numbers in the ids.
    let (id, connection_id) = (member["id"].as_str().unwrap(), member["connectionId"].as_str().unwrap());
    assert!(!id.starts_with(connection_id), "{id}");
    assert!(member["timestamp"].as_u64() >= entered["presence"][0]["timestamp"].as_u64());
}

#[tokio::test]
async fn members_leave_when_only_the_right_to_be_present_is_lost() {
    let service = Realtime::start().await;
    let mut watcher = service.connect(&with_key(KEY)).await;
    watcher.attach("chat").await;
    let mut client = entered(&service).await;
    watcher.expect(PRESENCE).await;
    client.authorize(&service.world.token(KEY, &of("bob").capability(r#"{"chat":["subscribe"]}"#))).await;
    assert_eq!(members(&watcher.expect(PRESENCE).await), [(3, "bob".into())]);
}
