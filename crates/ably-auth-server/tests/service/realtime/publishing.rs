//! MESSAGE: acknowledgement, delivery, and refusals.

use super::*;

#[tokio::test]
async fn messages_are_acknowledged_and_delivered_in_order() {
    let service = Realtime::start().await;
    let (mut bob, mut alice) = (service.connect_as("bob").await, service.connect_as("alice").await);
    alice.attach("chat").await;
    bob.send(
        json!({ "action": MESSAGE, "channel": "chat", "msgSerial": 0, "messages": [{ "data": "1" }, { "data": "2" }] }),
    )
    .await;
    bob.send(
        json!({ "action": MESSAGE, "channel": "chat", "msgSerial": 1, "messages": [{ "data": "3", "name": "n" }] }),
    )
    .await;
    let acks = [bob.expect(ACK).await, bob.expect(ACK).await];
    assert_eq!(acks.each_ref().map(|ack| ack["msgSerial"].as_u64().unwrap()), [0, 1]);
    assert_eq!(acks[0]["count"], 1, "the count is of protocol messages");
    let serials: Vec<_> = acks
        .iter()
        .flat_map(|ack| ack["res"][0]["serials"].as_array().unwrap())
        .map(|serial| serial.as_str().unwrap())
        .collect();
    let (first, second) = (alice.expect(MESSAGE).await, alice.expect(MESSAGE).await);
    assert_eq!((contents(&first), contents(&second)), (vec!["1", "2"], vec!["3"]));
    let delivered: Vec<_> =
        [&first, &second].iter().flat_map(|message| message["messages"].as_array().unwrap()).collect();
    assert_eq!(delivered.iter().map(|message| message["serial"].as_str().unwrap()).collect::<Vec<_>>(), serials);
    assert!(serials.is_sorted());
    let id = first["connectionId"].as_str().unwrap();
    assert_eq!(first["id"], format!("{id}:0"));
    assert_eq!(delivered[1]["id"], format!("{id}:0:1"));
    assert!(delivered.iter().all(|message| message["clientId"] == "bob" && message["connectionId"] == id));
    assert_eq!(second["channelSerial"], serials[2]);
    assert_eq!(second["timestamp"], NOW);
}

#[tokio::test]
async fn rest_and_realtime_share_their_channels() {
    let service = Realtime::start().await;
    let mut client = service.connect_as("bob").await;
    client.attach("chat").await;
    let answer = service.world.post("/channels/chat/messages", &basic(KEY), &json!({ "data": "from rest" }));
    assert_eq!(answer.status, 201);
    assert_eq!(contents(&client.expect(MESSAGE).await), ["from rest"]);
    assert_eq!(client.publish("chat", 0, json!([{ "data": "from bob" }])).await, 0);
    let history = service.world.get("/channels/chat/messages", &basic(KEY)).json();
    assert_eq!((&history[0]["data"], &history[0]["clientId"]), (&json!("from bob"), &json!("bob")));
    assert!(history[0]["connectionId"].is_string() && history[1].get("connectionId").is_none());
}

#[tokio::test]
async fn bytes_are_bytes_in_msgpack_and_base64_in_json() {
    let service = Realtime::start().await;
    let mut json = service.connect(&with_key(KEY)).await;
    let mut msgpack = service.open_as(&with_key(KEY), true).await;
    msgpack.expect(CONNECTED).await;
    json.attach("chat").await;
    let message = rmp_serde::to_vec_named(&BytesMessage {
        action: MESSAGE,
        channel: "chat",
        msg_serial: 0,
        messages: [BytesData { data: serde_bytes(&[0xff, 0]) }],
    });
    msgpack.send_frame(Message::Binary(message.unwrap().into())).await;
    assert_eq!(msgpack.answer(0).await, 0);
    let delivered = json.expect(MESSAGE).await;
    assert_eq!(
        (&delivered["messages"][0]["data"], &delivered["messages"][0]["encoding"]),
        (&json!("/wA="), &json!("base64"))
    );
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct BytesMessage<'a> {
    action: u64,
    channel: &'a str,
    msg_serial: u64,
    messages: [BytesData; 1],
}

#[derive(serde::Serialize)]
struct BytesData {
    data: SerializedBytes,
}

/// Bytes that serialize as bytes, not as a list of numbers.
struct SerializedBytes(Vec<u8>);

fn serde_bytes(bytes: &[u8]) -> SerializedBytes {
    SerializedBytes(bytes.into())
}

impl serde::Serialize for SerializedBytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

#[tokio::test]
async fn connection_without_echo_does_not_get_its_own_messages() {
    let service = Realtime::start().await;
    let mut client = service.connect(&format!("{}&echo=false", with_key(KEY))).await;
    client.attach("chat").await;
    assert_eq!(client.publish("chat", 0, json!([{ "data": "own" }])).await, 0);
    assert_eq!(client.look().await, Vec::<Value>::new());
    service.world.post("/channels/chat/messages", &basic(KEY), &json!({ "data": "other" }));
    assert_eq!(contents(&client.expect(MESSAGE).await), ["other"]);
}

#[tokio::test]
async fn message_published_again_is_stored_once() {
    let service = Realtime::start().await;
    let mut client = service.connect(&with_key(KEY)).await;
    for serial in 0..3 {
        assert_eq!(client.publish("chat", serial, json!([{ "id": "same:0", "data": "x" }])).await, 0);
    }
    // A client that got no ACK sends the message again with the same serial.
    assert_eq!(client.publish("chat", 3, json!([{ "data": "y" }])).await, 0);
    assert_eq!(client.publish("chat", 3, json!([{ "data": "y" }])).await, 0);
    assert_eq!(service.world.get("/channels/chat/messages", &basic(KEY)).json().as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn messages_without_a_right_are_refused() {
    let service = Realtime::start().await;
    let mut client = service.connect_with(r#"{"in":["subscribe"],"chat":["*"],"identified:x":["*"]}"#).await;
    client.attach_with(json!({ "channel": "chat", "flags": 1 << 18 })).await;
    let long = "x".repeat(65_537);
    // 60,000 bytes.
    let base64 = "AAAA".repeat(20_000);
    for (serial, (channel, messages, code)) in [
        ("in", json!([{}]), 40160),
        ("other", json!([{}]), 40160),
        ("chat", json!([{}]), 40165),
        (":x", json!([{}]), 40010),
        ("identified:x", json!([{}]), 0),
        ("identified:x", json!([]), 40000),
        ("identified:x", json!([{ "clientId": "alice" }]), 40012),
        ("identified:x", json!([{ "clientId": "bob" }]), 0),
        ("identified:x", json!([{ "data": long }]), 40009),
        ("identified:x", json!([{ "data": base64, "encoding": "base64" }]), 0),
        ("identified:x", json!([{ "action": 1, "serial": "x", "data": "new" }]), 40000),
        ("identified:x", json!([{ "action": 0, "data": "new" }]), 0),
    ]
    .into_iter()
    .enumerate()
    {
        let serial = serial.try_into().unwrap();
        assert_eq!(client.publish(channel, serial, messages.clone()).await, code, "{channel} {messages}");
    }
    client.send(json!({ "action": MESSAGE, "channel": "identified:x", "messages": [{}] })).await;
    assert_eq!(client.answer(0).await, 40000, "a message needs a serial");
    for action in [19, 21] {
        client.send(json!({ "action": action, "channel": "chat", "msgSerial": 99 })).await;
        assert_eq!(client.answer(99).await, 40000);
    }
}

#[tokio::test]
async fn identified_namespace_needs_an_identity() {
    let service = Realtime::start().await;
    for query in [
        with_key(KEY),
        with_token(&service.world.token(KEY, &params())),
        with_token(&service.world.token(KEY, &of("*"))),
    ] {
        let mut client = service.connect(&query).await;
        client.send(json!({ "action": ATTACH, "channel": "identified:x" })).await;
        assert_eq!(refused(&client.expect(ERROR).await), (40161, "identified:x"));
        assert_eq!(client.publish("identified:x", 0, json!([{}])).await, 40161);
        assert_eq!(client.present("identified:x", 1, json!({ "action": 2 })).await, 40161);
    }
}

#[tokio::test]
async fn claim_of_the_most_specific_resource_is_added_and_cannot_be_forged() {
    let service = Realtime::start().await;
    let claims = json!({ "ably.channel.*": "guest", "ably.channel.chat:*": "moderator", "x-ably-clientId": "bob",
        "x-ably-capability": r#"{"*":["publish"]}"# });
    let mut reader = service.connect(&with_key(KEY)).await;
    reader.attach("chat:a").await;
    let mut client = service.connect(&with_text(&jwt(KEY, 60, &claims))).await;
    let forged = json!([{ "data": "x", "extras": { "userClaim": "admin", "other": 1 }, "connectionId": "forged" }]);
    assert_eq!(client.publish("chat:a", 0, forged).await, 0);
    let delivered = reader.expect(MESSAGE).await;
    assert_eq!(delivered["messages"][0]["extras"], json!({ "userClaim": "moderator", "other": 1 }));
    assert_ne!(delivered["messages"][0]["connectionId"], "forged");
    let privileged = json!([{ "extras": { "privileged": true } }]);
    assert_eq!(client.publish("chat:a", 1, privileged).await, 40160);
}

#[tokio::test]
async fn rate_of_the_token_applies_to_each_attachment() {
    let service = Realtime::start().await;
    let claims =
        json!({ "ably.limits.publish.perAttachment.maxRate.chat:*": 2.0, "x-ably-capability": r#"{"*":["*"]}"# });
    let token = with_text(&jwt(KEY, 60, &claims));
    for _ in 0..2 {
        let mut client = service.connect(&token).await;
        for channel in ["chat:a", "chat:b"] {
            client.attach(channel).await;
            assert_eq!(client.publish(channel, 0, json!([{}, {}])).await, 0, "another attachment has its own rate");
            assert_eq!(client.publish(channel, 1, json!([{}, {}])).await, 42911);
        }
        assert_eq!(client.publish("other", 2, json!([{}, {}, {}])).await, 0, "the limit is of another resource");
    }
}

#[tokio::test]
async fn message_of_another_connection_cannot_be_suppressed() {
    let service = Realtime::start().await;
    let mut reader = service.connect(&with_key(KEY)).await;
    reader.attach("chat").await;
    let mut bob = service.open(&with_token(&service.world.token(KEY, &of("bob")))).await;
    let id = bob.expect(CONNECTED).await["connectionId"].as_str().unwrap().to_owned();
    let mut mallory = service.connect_as("mallory").await;
    let forged = json!([{ "id": format!("{id}:0:0"), "data": "forged" }]);
    assert_eq!(mallory.publish("chat", 0, forged).await, 0);
    assert_eq!(contents(&reader.expect(MESSAGE).await), ["forged"]);
    assert_eq!(bob.publish("chat", 0, json!([{ "data": "bob's" }])).await, 0);
    assert_eq!(contents(&reader.expect(MESSAGE).await), ["bob's"]);
}
