//! The credential of an open connection: prompts, expiry, and renewal with AUTH.

use super::*;

#[tokio::test]
async fn client_is_prompted_30_s_before_its_token_expires() {
    let service = Realtime::start().await;
    let mut client = service.connect(&with_token(&service.world.token(KEY, &params().ttl(ttl(60_000))))).await;
    service.world.pass(29_000);
    assert_eq!(client.look().await, Vec::<Value>::new());
    service.world.pass(1_000);
    let mut sent = client.look().await;
    sent.extend(client.look().await);
    assert_eq!(sent, [json!({ "action": AUTH })], "the prompt is sent once");
    service.world.pass(10_000);
    assert_eq!(client.look().await, Vec::<Value>::new());
    service.world.pass(20_000);
    client.send(json!({ "action": HEARTBEAT })).await;
    assert_eq!(client.ended().await, (DISCONNECTED, 40142, 401));
}

#[tokio::test]
async fn client_with_a_short_token_is_prompted_at_once_or_not_at_all() {
    let service = Realtime::start().await;
    for (millis, is_prompted) in [(20_000, true), (5_500, true), (5_400, false)] {
        let token = service.world.token(KEY, &params().ttl(ttl(millis)));
        let mut client = service.connect(&with_token(&token)).await;
        let mut sent = client.look().await;
        sent.extend(client.look().await);
        assert_eq!(sent, if is_prompted { vec![json!({ "action": AUTH })] } else { vec![] }, "{millis} ms");
        service.world.pass(millis);
        client.send(json!({ "action": HEARTBEAT })).await;
        assert_eq!(client.ended().await, (DISCONNECTED, 40142, 401));
    }
}

#[tokio::test]
async fn new_token_keeps_the_connection_beyond_the_end_of_the_old_one() {
    let service = Realtime::start().await;
    let world = &service.world;
    let mut client = service.open(&with_token(&world.token(KEY, &of("bob").ttl(ttl(60_000))))).await;
    let before = client.expect(CONNECTED).await;
    client.attach("chat").await;
    world.pass(35_000);
    client.authorize(&world.token(KEY, &of("bob").ttl(ttl(120_000)))).await;
    let mut after = client.next().await.unwrap();
    if after["action"] == AUTH {
        after = client.next().await.unwrap();
    }
    assert_eq!((&after["action"], &after["connectionId"]), (&json!(CONNECTED), &before["connectionId"]));
    assert_eq!(after["connectionDetails"]["clientId"], "bob");
    world.pass(30_000);
    assert_eq!(client.look().await, Vec::<Value>::new(), "no ATTACHED, and no end");
    assert_eq!(client.publish("chat", 0, json!([{ "data": "x" }])).await, 0, "the attachment is kept");
}

#[tokio::test]
async fn narrower_token_ends_only_what_it_does_not_permit() {
    let service = Realtime::start().await;
    let world = &service.world;
    let token = |capability: &str| world.token(KEY, &can(capability).client_id("bob"));
    let mut client = service.connect(&with_token(&token(r#"{"a":["*"],"b":["*"]}"#))).await;
    client.attach("a").await;
    client.attach("b").await;
    client.authorize(&token(r#"{"a":["subscribe"]}"#)).await;
    client.expect(CONNECTED).await;
    assert_eq!(refused(&client.expect(ERROR).await), (40160, "b"));
    assert_eq!(client.publish("a", 0, json!([{}])).await, 40160, "publishing is no longer permitted");
    // A wider token permits it again, without a new attachment.
    client.authorize(&token(r#"{"*":["*"]}"#)).await;
    client.expect(CONNECTED).await;
    assert_eq!(client.publish("a", 1, json!([{}])).await, 0);
    client.attach("b").await;
}

#[tokio::test]
async fn bad_or_foreign_tokens_end_the_connection() {
    let service = Realtime::start().await;
    let world = &service.world;
    let bob = world.token(KEY, &of("bob"));
    let wide = world.token(KEY, &of("*"));
    let badly_signed = jwt(KEY, 60, &json!({ "x-ably-clientId": "bob" })) + "A";
    let expired = world.token(KEY, &of("bob").ttl(ttl(1)));
    world.pass(1);
    for (token, code) in [
        ("unreadable", 40101),
        (&*badly_signed, 40144),
        (expired.token().expose(), 40142),
        (world.token(KEY, &of("alice")).token().expose(), 40102),
        (world.token(KEY, &params()).token().expose(), 40102),
        (world.token(ELSEWHERE, &of("bob")).token().expose(), 40102),
    ] {
        let mut client = service.connect(&with_token(&bob)).await;
        client.send(json!({ "action": AUTH, "auth": { "accessToken": token } })).await;
        assert_eq!(client.ended().await, (ERROR, code, 401));
    }
    let mut client = service.connect(&with_token(&bob)).await;
    client.authorize(&wide).await;
    assert_eq!(
        client.expect(CONNECTED).await["connectionDetails"]["clientId"],
        "bob",
        "a wildcard permits to stay bob"
    );
    client.send(json!({ "action": AUTH })).await;
    assert_eq!(client.ended().await, (ERROR, 40101, 401));
}

#[tokio::test]
async fn short_token_causes_no_loop_of_renewals() {
    let service = Realtime::start().await;
    let short = || service.world.token(KEY, &of("bob").ttl(ttl(20_000)));
    let mut client = service.connect(&with_token(&short())).await;
    client.expect(AUTH).await;
    client.authorize(&short()).await;
    client.expect(CONNECTED).await;
    let mut sent = client.look().await;
    sent.extend(client.look().await);
    assert_eq!(sent, Vec::<Value>::new(), "the token was just renewed");
    service.world.pass(10_000);
    let mut sent = client.look().await;
    sent.extend(client.look().await);
    assert_eq!(sent, [json!({ "action": AUTH })]);
}

#[tokio::test]
async fn token_expires_on_a_connection_although_the_clock_stepped_back() {
    let service = Realtime::start().await;
    let mut client = service.connect(&with_token(&service.world.token(KEY, &params().ttl(ttl(60_000))))).await;
    service.world.jump(NOW - HOUR);
    client.look().await;
    // At half speed.
    service.world.pass(130_000);
    client.send(json!({ "action": HEARTBEAT })).await;
    assert_eq!(client.ended().await, (DISCONNECTED, 40142, 401));
}

#[tokio::test]
async fn wrong_clock_is_not_followed_on_a_connection() {
    let service = Realtime::start().await;
    let mut client = service.connect(&with_token(&service.world.token(KEY, &params()))).await;
    service.world.jump(NOW + 7 * 24 * HOUR);
    client.send(json!({ "action": HEARTBEAT })).await;
    assert_eq!(client.ended().await, (DISCONNECTED, 50003, 500));
    service.world.jump(NOW);
    service.connect(&with_key(KEY)).await;
}
