//! The bounds of what a connection can use.

use ably_auth_server::Rate;

use super::*;

#[tokio::test]
async fn attachments_of_a_connection_are_bounded() {
    let service = Realtime::with_limits(|limits| limits.attachments = 2).await;
    let mut client = service.connect(&with_key(KEY)).await;
    client.attach("a").await;
    client.attach("b").await;
    client.send(json!({ "action": ATTACH, "channel": "c" })).await;
    assert_eq!(refused(&client.expect(ERROR).await), (90010, "c"));
    client.attach("a").await;
    client.send(json!({ "action": DETACH, "channel": "a" })).await;
    client.expect(DETACHED).await;
    client.attach("c").await;
}

#[tokio::test]
async fn memory_of_attachments_is_bounded_and_given_back() {
    let service = Realtime::with_limits(|limits| {
        limits.attachments = 10_000;
        limits.connection_bytes = 1024 * 1024;
    })
    .await;
    let mut client = service.connect(&with_key(KEY)).await;
    let name = |nth: usize| format!("{nth:0>2000}");
    let mut attached = 0;
    for nth in 0..1_000 {
        client.send(json!({ "action": ATTACH, "channel": name(nth) })).await;
        let answer = client.next().await.unwrap();
        if answer["action"] == ERROR {
            assert_eq!((&answer["error"]["code"], &answer["error"]["statusCode"]), (&json!(50004), &json!(503)));
            break;
        }
        attached += 1;
        // The rate of frames is not what this test is about.
        if attached % 100 == 0 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    assert!((200..300).contains(&attached), "{attached} attachments of 4.5 kB in 1 MiB");
    client.send(json!({ "action": DETACH, "channel": name(0) })).await;
    client.expect(DETACHED).await;
    client.attach(&name(999)).await;
}

#[tokio::test]
async fn connections_of_an_app_and_of_a_key_are_bounded() {
    let service = Realtime::with_limits(|limits| {
        limits.connections_per_app = Some(3);
        limits.connections_per_key = Some(2);
    })
    .await;
    let first = service.connect(&with_key(KEY)).await;
    let _second = service.connect(&with_token(&service.world.token(KEY, &params()))).await;
    let mut third = service.open(&with_key(KEY)).await;
    assert_eq!(third.ended().await, (DISCONNECTED, 40151, 429));
    let _other_key = service.connect(&with_key(REVOCABLE)).await;
    let mut fourth = service.open(&with_key(LIMITED)).await;
    assert_eq!(fourth.ended().await, (DISCONNECTED, 40150, 429));
    service.connect(&with_key(ELSEWHERE)).await;
    drop(first);
    // The end of a socket is noticed soon, not at once.
    while service.open(&with_key(KEY)).await.next().await.unwrap()["action"] != CONNECTED {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn client_that_does_not_read_is_let_go() {
    let service = Realtime::with_limits(|limits| {
        limits.connection_bytes = 1024 * 1024;
        // The slow client reads its last message only when the test has published everything.
        limits.answer_deadline = PATIENCE;
    })
    .await;
    let mut slow = service.connect(&with_key(KEY)).await;
    slow.attach("chat").await;
    let mut reader = service.connect(&with_key(KEY)).await;
    reader.attach("chat").await;
    let data = "x".repeat(60_000);
    for _ in 0..200 {
        let answer = service.world.post("/channels/chat/messages", &basic(KEY), &json!({ "data": data }));
        assert_eq!(answer.status, 201, "publishers do not wait for slow readers");
        reader.expect(MESSAGE).await;
    }
    let mut received = 0;
    let last = loop {
        let message = slow.next().await.expect("a last message");
        if message["action"] == DISCONNECTED {
            break message;
        }
        received += 1;
    };
    assert_eq!((&last["error"]["code"], &last["error"]["statusCode"]), (&json!(80003), &json!(503)));
    assert!(received < 200, "what did not fit was dropped");
    assert_eq!(reader.look().await, Vec::<Value>::new());
}

#[tokio::test]
async fn frames_above_the_rate_are_refused() {
    let service = Realtime::with_limits(|limits| limits.connection_frames = Rate { per_second: 1, burst: 3 }).await;
    let mut publisher = service.connect(&with_key(KEY)).await;
    let mut codes = Vec::new();
    for serial in 0..5 {
        codes.push(publisher.publish("chat", serial, json!([{}])).await);
    }
    assert_eq!(codes[..3], [0, 0, 0]);
    assert!(codes[3..].contains(&42911), "{codes:?}");
    publisher.send(json!({ "action": ATTACH, "channel": "chat" })).await;
    assert_eq!(publisher.ended().await, (DISCONNECTED, 42921, 429));
    let mut pinging = service.connect(&with_key(KEY)).await;
    for _ in 0..10 {
        pinging.ping().await;
    }
    assert_eq!(pinging.ended().await, (DISCONNECTED, 42921, 429));
}

#[tokio::test]
async fn frame_that_is_too_long_or_malformed_ends_the_connection() {
    let service = Realtime::start().await;
    let mut client = service.connect(&with_key(KEY)).await;
    // The head of a text frame of 524,289 bytes, masked.
    client.send_raw(&[0x81, 0xff, 0, 0, 0, 0, 0, 8, 0, 1, 0, 0, 0, 0]).await;
    assert_eq!(client.next().await, None);
    for text in ["", "{", "[]", r#"{"action":"attach"}"#, r#"{"channel":"chat"}"#] {
        let mut client = service.connect(&with_key(KEY)).await;
        client.send_frame(Message::Text(text.into())).await;
        assert_eq!(client.ended().await, (ERROR, 40001, 400), "{text}");
    }
    let mut client = service.connect(&with_key(KEY)).await;
    assert_eq!(client.publish("chat", 0, json!([{ "extras": "text" }])).await, 40001, "only the message is refused");
    assert_eq!(client.present("chat", 1, json!({ "action": 9 })).await, 40001);
    client.send(json!({ "action": ATTACH, "channel": "chat", "params": { "rewind": 5 } })).await;
    assert_eq!(refused(&client.expect(ERROR).await), (40001, "chat"));
    client.send(json!({ "action": 99, "new": {} })).await;
    assert_eq!(client.look().await, Vec::<Value>::new(), "an unknown action is ignored");
}

#[tokio::test]
async fn frame_that_does_not_arrive_in_time_ends_the_connection() {
    let service = Realtime::with_limits(|limits| limits.body_deadline = Duration::from_millis(50)).await;
    let mut client = service.connect(&with_key(KEY)).await;
    client.send_raw(&[0x81, 0xfe, 0x01]).await;
    assert_eq!(client.next().await, None);
    let mut idle = service.connect(&with_key(KEY)).await;
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(idle.look().await, Vec::<Value>::new(), "a connection between two frames may be silent");
}

#[tokio::test]
async fn frames_being_received_are_counted() {
    let service = Realtime::with_limits(|limits| limits.connection_bytes = 100_000).await;
    let mut client = service.connect(&with_key(KEY)).await;
    // A frame of 500,000 bytes, which is more than the connection may use.
    client.send_raw(&[0x81, 0xff, 0, 0, 0, 0, 0, 7, 0xa1, 0x20, 0, 0, 0, 0]).await;
    // The service may close the socket before all of it is sent.
    let _ = client.socket.get_mut().write_all(&vec![b' '; 499_999]).await;
    assert_eq!(client.next().await, None);
}

#[tokio::test]
async fn presence_members_of_a_channel_are_bounded() {
    let service = Realtime::with_limits(|limits| limits.presence_members = 2).await;
    let mut client = service.connect(&with_token(&service.world.token(KEY, &of("*")))).await;
    client.attach("chat").await;
    let member = |nth: u64| json!({ "action": 2, "clientId": format!("client-{nth}") });
    assert_eq!(client.present("chat", 0, member(0)).await, 0);
    assert_eq!(client.present("chat", 1, member(1)).await, 0);
    assert_eq!(client.present("chat", 2, member(2)).await, 91003);
    assert_eq!(client.present("chat", 3, member(1)).await, 0, "a member may enter again");
    assert_eq!(client.present("chat", 4, json!({ "action": 3, "clientId": "client-0" })).await, 0);
    assert_eq!(client.present("chat", 5, member(2)).await, 0);
}

#[tokio::test]
async fn data_of_presence_members_is_bounded_for_a_channel() {
    let service = Realtime::with_limits(|limits| limits.connection_bytes = 1024 * 1024).await;
    let data = "x".repeat(60_000);
    let member = |nth: u64| json!({ "action": 2, "clientId": format!("client-{nth}"), "data": data });
    let mut first = service.connect(&with_token(&service.world.token(KEY, &of("*")))).await;
    let mut second = service.connect(&with_token(&service.world.token(KEY, &of("*")))).await;
    first.attach("chat").await;
    second.attach("chat").await;
    for serial in 0..4 {
        let client = if serial % 2 == 0 { &mut first } else { &mut second };
        assert_eq!(client.present("chat", serial, member(serial)).await, 0);
    }
    assert_eq!(first.present("chat", 4, member(4)).await, 91003);
    assert_eq!(first.present("chat", 5, member(0)).await, 0, "a member may replace its data");
    let mut reader = service.connect(&with_key(KEY)).await;
    reader.attach("chat").await;
    reader.expect(SYNC).await;
}

#[tokio::test]
async fn lost_connections_give_back_their_memory() {
    let service = Realtime::with_limits(|limits| limits.realtime_bytes = 4 * 64 * 1024).await;
    for _ in 0..20 {
        let mut client = service.connect(&with_key(KEY)).await;
        for nth in 0..10 {
            client.attach(&format!("{nth:0>2000}")).await;
        }
        drop(client);
        // The end of a socket is noticed soon, not at once.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn silence_is_filled_with_heartbeats_or_pings() {
    let service = Realtime::with_limits(|limits| limits.heartbeat = Duration::from_millis(20)).await;
    let mut client = service.connect(&format!("{}&heartbeats=true", with_key(KEY))).await;
    assert_eq!(client.next().await, Some(json!({ "action": HEARTBEAT })));
    let mut client = service.connect(&with_key(KEY)).await;
    let frame = tokio::time::timeout(PATIENCE, client.socket.next()).await.unwrap();
    assert!(matches!(frame, Some(Ok(Message::Ping(_)))), "{frame:?}");
}

#[tokio::test]
async fn member_that_is_replaced_many_times_in_one_frame_is_counted_once() {
    let service = Realtime::with_limits(|limits| limits.connection_bytes = 1024 * 1024).await;
    let mut client = service.connect(&with_token(&service.world.token(KEY, &of("*")))).await;
    let member = |bytes| json!({ "action": 2, "clientId": "x", "data": "x".repeat(bytes) });
    // Returns the code, 0 for ACK; `None` if the connection ended.
    let send = async |client: &mut Client, channel: &str, presence: Vec<Value>| {
        client.send(json!({ "action": PRESENCE, "channel": channel, "msgSerial": 0, "presence": presence })).await;
        loop {
            let answer = client.next().await?;
            if answer["action"] != PRESENCE {
                return answer["error"]["code"].as_u64().or(Some(0));
            }
        }
    };
    // 20 * 15 messages of 4 kB, but one member at a time.
    for nth in 0..20 {
        let channel = format!("many-{nth}");
        client.attach(&channel).await;
        assert_eq!(send(&mut client, &channel, vec![member(4_000); 15]).await, Some(0), "{nth}");
        client.send(json!({ "action": DETACH, "channel": channel })).await;
        client.expect(DETACHED).await;
    }
    client.attach("a").await;
    let mut entered = 0;
    for nth in 0..30 {
        let channel = format!("big-{nth}");
        client.attach(&channel).await;
        if send(&mut client, &channel, vec![member(60_000)]).await != Some(0) {
            break;
        }
        entered += 1;
        // The messages replace one member, so its memory is given back once.
        let replaced = send(&mut client, "a", vec![member(60_000)]).await;
        if replaced.is_none() || send(&mut client, "a", vec![member(1); 50]).await.is_none() {
            break;
        }
    }
    assert!((8..18).contains(&entered), "{entered} members of 60 kB in 1 MiB");
}

#[tokio::test]
async fn fragments_with_pings_between_them_must_arrive_in_time() {
    let service = Realtime::with_limits(|limits| limits.body_deadline = Duration::from_millis(300)).await;
    let mut client = service.connect(&with_key(KEY)).await;
    let ping = [0x89, 0x80, 0, 0, 0, 0];
    for _ in 0..20 {
        client.send_raw(&ping).await;
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(client.look().await, Vec::<Value>::new(), "pings alone may be sent at any time");
    // The first fragment of a text.
    client.send_raw(&[0x01, 0x81, 0, 0, 0, 0, b'{']).await;
    for _ in 0..20 {
        // The service may have closed the socket already.
        let _ = client.socket.get_mut().write_all(&ping).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(client.next().await, None);
}

#[tokio::test]
async fn tokens_presented_on_a_connection_count_as_requests_of_their_key() {
    let service = Realtime::with_limits(|limits| limits.per_key = Some(Rate { per_second: 1, burst: 8 })).await;
    let token = service.world.token(KEY, &of("bob"));
    let mut client = service.connect(&with_token(&token)).await;
    let mut last = Value::Null;
    for _ in 0..20 {
        client.authorize(&token).await;
        last = client.next().await.unwrap();
        if last["action"] != CONNECTED {
            break;
        }
    }
    assert_eq!((&last["action"], &last["error"]["statusCode"]), (&json!(DISCONNECTED), &json!(429)));
}

#[tokio::test]
async fn fragments_with_pings_between_them_are_counted() {
    let service = Realtime::with_limits(|limits| limits.connection_bytes = 100_000).await;
    let mut client = service.connect(&with_key(KEY)).await;
    let mut frames = vec![0x01, 0x80, 0, 0, 0, 0];
    for _ in 0..100 {
        // A fragment of 4,000 bytes that is not the last one, and a ping.
        frames.extend([0x00, 0xfe, 0x0f, 0xa0, 0, 0, 0, 0]);
        frames.extend([b' '; 4_000]);
        frames.extend([0x89, 0x80, 0, 0, 0, 0]);
    }
    // The service may close the socket before all of it is sent.
    let _ = client.socket.get_mut().write_all(&frames).await;
    assert_eq!(client.next().await, None);
}
