//! ATTACH and DETACH: modes, capabilities, names, and rewinding.

use super::*;

const PRESENCE_MODE: u64 = 1 << 16;
const PUBLISH_MODE: u64 = 1 << 17;
const SUBSCRIBE_MODE: u64 = 1 << 18;
const PRESENCE_SUBSCRIBE_MODE: u64 = 1 << 19;
const OBJECT_SUBSCRIBE_MODE: u64 = 1 << 24;
const HAS_BACKLOG: u64 = 1 << 1;

fn flags(attached: &Value) -> u64 {
    attached["flags"].as_u64().unwrap()
}

#[tokio::test]
async fn modes_are_the_requested_ones_that_the_capability_permits() {
    let service = Realtime::start().await;
    let mut client = service.connect_with(r#"{"in":["subscribe"],"out":["publish","presence"],"all":["*"]}"#).await;
    let reading = SUBSCRIBE_MODE | PRESENCE_SUBSCRIBE_MODE | OBJECT_SUBSCRIBE_MODE;
    assert_eq!(flags(&client.attach("in").await), reading);
    assert_eq!(flags(&client.attach("out").await), PUBLISH_MODE | PRESENCE_MODE);
    let all = flags(&client.attach("all").await);
    assert_eq!(all & (reading | PUBLISH_MODE | PRESENCE_MODE), reading | PUBLISH_MODE | PRESENCE_MODE);
    let asked = SUBSCRIBE_MODE | PUBLISH_MODE;
    assert_eq!(flags(&client.attach_with(json!({ "channel": "all", "flags": asked })).await), asked);
    assert_eq!(flags(&client.attach_with(json!({ "channel": "in", "flags": asked })).await), SUBSCRIBE_MODE);
    let named = json!({ "channel": "all", "params": { "modes": "publish" } });
    assert_eq!(flags(&client.attach_with(named).await), PUBLISH_MODE);
}

#[tokio::test]
async fn attachment_without_any_right_is_refused() {
    let service = Realtime::start().await;
    let mut client = service.connect_with(r#"{"in":["subscribe"],"past":["history"]}"#).await;
    for (message, code) in [
        (json!({ "channel": "other" }), 40160),
        (json!({ "channel": "past" }), 40160),
        (json!({ "channel": "in", "flags": PUBLISH_MODE }), 40160),
        (json!({ "channel": ":in" }), 40010),
        (json!({ "channel": "" }), 40010),
        (json!({ "channel": " " }), 40010),
        (json!({ "channel": "a\nb" }), 40010),
        (json!({ "channel": "[?rewind=1]in" }), 40010),
        (json!({ "channel": "in", "params": { "rewind": "soon" } }), 40003),
    ] {
        let mut request = message.clone();
        request["action"] = ATTACH.into();
        client.send(request).await;
        let answer = client.expect(ERROR).await;
        assert_eq!(refused(&answer), (code, message["channel"].as_str().unwrap()), "{message}");
    }
    client.attach("in").await;
    client.send(json!({ "action": ATTACH })).await;
    assert_eq!(client.ended().await, (ERROR, 40000, 400));
}

#[tokio::test]
async fn detached_connection_gets_no_messages() {
    let service = Realtime::start().await;
    let mut client = service.connect(&with_key(KEY)).await;
    client.attach("chat").await;
    client.send(json!({ "action": DETACH, "channel": "chat" })).await;
    assert_eq!(client.expect(DETACHED).await, json!({ "action": DETACHED, "channel": "chat" }));
    let publish = service.world.post("/channels/chat/messages", &basic(KEY), &json!({ "data": "x" }));
    assert_eq!(publish.status, 201);
    assert_eq!(client.look().await, Vec::<Value>::new());
    client.send(json!({ "action": DETACH, "channel": "never attached" })).await;
    client.expect(DETACHED).await;
}

#[tokio::test]
async fn rewind_sends_earlier_messages_after_the_attachment() {
    let service = Realtime::start().await;
    let publish = |data: &str| {
        let answer = service.world.post("/channels/chat/messages", &basic(KEY), &json!({ "data": data }));
        assert_eq!(answer.status, 201);
    };
    ["one", "two"].iter().for_each(|data| publish(data));
    service.world.pass(60_000);
    publish("three");
    for (rewind, expected) in
        [("1", &["three"][..]), ("2", &["two", "three"]), ("30s", &["three"]), ("2m", &["one", "two", "three"])]
    {
        let mut client = service.connect(&with_key(KEY)).await;
        let attached = client.attach_with(json!({ "channel": "chat", "params": { "rewind": rewind } })).await;
        assert_eq!(flags(&attached) & HAS_BACKLOG, HAS_BACKLOG);
        assert_eq!(attached["params"], json!({ "rewind": rewind }));
        assert_eq!(contents(&client.expect(MESSAGE).await), expected, "{rewind}");
    }
}

#[tokio::test]
async fn status_of_a_channel_counts_its_attachments() {
    let service = Realtime::start().await;
    let mut client = service.connect(&format!("{}&clientId=bob", with_key(KEY))).await;
    let metrics = || {
        let status = service.world.get("/channels/chat", &basic(KEY)).json();
        let metrics = status["status"]["occupancy"]["metrics"].clone();
        ["connections", "publishers", "subscribers", "presenceMembers"].map(|name| metrics[name].as_u64().unwrap())
    };
    assert_eq!(metrics(), [0, 0, 0, 0]);
    client.attach("chat").await;
    assert_eq!(client.present("chat", 0, json!({ "action": 2 })).await, 0);
    let mut reader = service.connect(&with_key(KEY)).await;
    reader.attach_with(json!({ "channel": "chat", "flags": SUBSCRIBE_MODE })).await;
    assert_eq!(metrics(), [2, 1, 2, 1]);
    client.send(json!({ "action": CLOSE })).await;
    reader.send(json!({ "action": CLOSE })).await;
    while client.next().await.is_some() {}
    while reader.next().await.is_some() {}
    assert_eq!(metrics(), [0, 0, 0, 0]);
}
