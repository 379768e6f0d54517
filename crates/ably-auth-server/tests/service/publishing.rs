//! Tests of publishing: what a credential may publish, and what the service stores.

use http::Request;
use serde_json::{Value, json};

use crate::support::*;

fn history(world: &World, channel: &str) -> Vec<Value> {
    world
        .get(&format!("/channels/{channel}/messages?direction=forwards"), &basic(KEY))
        .json()
        .as_array()
        .unwrap()
        .clone()
}

#[test]
fn message_with_repeated_id_is_stored_once() {
    let world = World::new();
    let publish = |body: &Value| {
        let answer = world.post("/channels/chat/messages", &basic(KEY), body);
        assert_eq!(answer.code(), (201, 0));
        answer.json()
    };
    let first = publish(&json!({ "id": "one", "data": 1 }));
    world.set(NOW + MINUTE);
    assert_eq!(publish(&json!({ "id": "one", "data": 2 })), first, "the response is the same as for the first message");
    let several = json!([{ "id": "two:0", "data": 3 }, { "id": "two:1", "data": 4 }]);
    let (before, again) = (publish(&several), publish(&several));
    assert_eq!((&before, &before["messageId"]), (&again, &json!("two")));
    let mixed = publish(&json!([{ "id": "two:1" }, { "id": "x", "data": 5 }, { "id": "x", "data": 6 }, { "data": 7 }]));
    assert_eq!((&mixed["serials"][0], &mixed["serials"][1]), (&before["serials"][1], &mixed["serials"][2]));
    let data: Vec<_> = history(&world, "chat").iter().map(|message| message["data"].clone()).collect();
    assert_eq!(json!(data), json!([1, 3, 4, 5, 7]));
    publish(&json!({ "data": 8 }));
    publish(&json!({ "data": 8 }));
    assert_eq!(history(&world, "chat").len(), 7, "messages without an id are all kept");
    world.post("/channels/other/messages", &basic(KEY), &json!({ "id": "one" }));
    world.post("/channels/other/publish", &basic(KEY), &json!({ "id": "one" }));
    let one = batch(&world, &basic(KEY), "3", &json!({ "channels": "other", "messages": { "id": "one" } }));
    assert_eq!(one.status, 201);
    assert_eq!(history(&world, "other").len(), 1, "an id counts once on each path, within its channel only");
}

fn batch(world: &World, credential: &str, version: &str, body: &Value) -> Answer {
    let request = Request::post("/messages").header("Authorization", credential);
    let request = if version.is_empty() { request } else { request.header("X-Ably-Version", version) };
    world.send(request, body.to_string())
}

#[test]
fn batch_publishes_on_each_channel() {
    let world = World::new();
    let one = json!({ "channels": ["a", "b"], "messages": [{ "data": 1 }, { "data": 2 }] });
    let answer = batch(&world, &basic(KEY), "3", &one);
    assert_eq!(answer.code(), (201, 0));
    let result = answer.json();
    assert_eq!((&result["successCount"], &result["failureCount"]), (&json!(2), &json!(0)));
    assert_eq!(result["results"][1]["channel"], "b");
    assert_eq!(result["results"][0]["serials"].as_array().unwrap().len(), 2);
    let list = json!([{ "channels": "a", "messages": { "data": 3 } }, one]);
    assert_eq!(batch(&world, &basic(KEY), "6", &list).json().as_array().unwrap().len(), 2);
    assert_eq!((history(&world, "a").len(), history(&world, "b").len()), (5, 4));
    let old = batch(&world, &basic(KEY), "1.2", &list);
    assert_eq!((old.code(), old.json().as_array().unwrap().len()), ((201, 0), 3));
}

#[test]
fn batch_reports_error_per_channel() {
    let world = World::new();
    let token = bearer(&world.token(KEY, &can(r#"{"good":["publish"],"identified:x":["publish"]}"#)));
    let body = json!({ "channels": ["good", "bad", ":x", "", "identified:x"], "messages": {} });
    let result = batch(&world, &token, "3", &body).json();
    assert_eq!((&result["successCount"], &result["failureCount"]), (&json!(1), &json!(4)));
    let codes: Vec<_> = result["results"].as_array().unwrap().iter().map(|one| one["error"]["code"].clone()).collect();
    assert_eq!(json!(codes), json!([null, 40160, 40010, 40010, 40161]));
    let old = batch(&world, &token, "", &body);
    assert_eq!((old.code(), old.json()["batchResponse"].as_array().unwrap().len()), ((400, 40020), 5));
    assert_eq!(batch(&world, "", "3", &body).status, 401);
    let qualified =
        json!({ "channels": ["[?rewind=1]good", "[filter=YQ==]good", "[x]good"], "messages": { "name": "q" } });
    let result = batch(&world, &token, "3", &qualified).json();
    assert_eq!((&result["successCount"], &result["results"][2]["error"]["code"]), (&json!(2), &json!(40010)));
    assert_eq!(history(&world, "good").iter().filter(|message| message["name"] == "q").count(), 2);
    let long = json!({ "channels": format!("[?{}]good", "\u{1}".repeat(10_000)), "messages": {} });
    let answer = batch(&world, &token, "3", &long);
    assert_eq!((answer.status, &answer.json()["successCount"]), (201, &json!(1)));
    assert!(answer.body.len() < 16 * 1024, "a long qualifier makes an answer of {} bytes", answer.body.len());
}

#[test]
fn oversized_batch_is_refused() {
    let world = World::new();
    let names = |count: usize| (0..count).map(|nth| nth.to_string()).collect::<Vec<_>>();
    let messages = |count: usize| vec![json!({}); count];
    let code = |body: Value| batch(&world, &basic(KEY), "3", &body).code();
    assert_eq!(code(json!({ "channels": names(100), "messages": messages(5) })), (201, 0));
    assert_eq!(code(json!({ "channels": names(100), "messages": messages(6) })), (400, 40000));
    assert_eq!(code(json!({ "channels": "a", "messages": messages(51) })), (400, 40001));
    assert_eq!(code(json!({ "channels": names(101), "messages": {} })), (400, 40001));
    let spec = |channels: usize| json!({ "channels": names(channels), "messages": {} });
    assert_eq!(code(json!(vec![spec(10); 10])), (201, 0));
    assert_eq!(code(json!(vec![spec(11); 10])), (400, 40000));
    assert_eq!(code(json!(vec![spec(1); 11])), (400, 40001));
    for none in [json!([]), json!({ "channels": [], "messages": {} }), json!({ "channels": "a", "messages": [] })] {
        assert_eq!(code(none), (400, 40000));
    }
    for bad in [json!("x"), json!({ "channels": "a" }), json!({ "channels": 1, "messages": {} }), json!([[]])] {
        assert_eq!(code(bad), (400, 40001));
    }
}

#[test]
fn presence_is_empty_and_requires_its_operation() {
    let world = World::new();
    for (path, needed) in [("/channels/chat/presence", "subscribe"), ("/channels/chat/presence/history", "history")] {
        for operation in ["subscribe", "history", "presence", "publish"] {
            let token = bearer(&world.token(KEY, &can(&json!({ "chat": [operation] }).to_string())));
            let answer = world.get(path, &token);
            if operation == needed {
                assert_eq!((answer.code(), answer.json()), ((200, 0), json!([])));
                assert_eq!(answer.headers.get_all("link").iter().count(), 2);
            } else {
                assert_eq!(answer.code(), (401, 40160), "{path} {operation}");
            }
        }
        assert_eq!(world.get(&format!("{path}?limit=0"), &basic(KEY)).code(), (400, 40003));
        assert_eq!(world.post(path, &basic(KEY), &json!({})).code(), (405, 40500));
    }
}

#[test]
fn anonymous_client_is_refused_in_identified_namespace() {
    let world = World::new();
    let asked = json!({ "namespaces": [{ "id": "vip", "identified": true }, { "id": "open", "persisted": true }, 5] });
    let app = world.send(Request::post("/apps"), asked.to_string()).json();
    let key = app["keys"][0]["keyStr"].as_str().unwrap();
    let name = app["keys"][0]["keyName"].as_str().unwrap();
    let request = |client_id: Value| {
        let body = json!({ "keyName": name, "timestamp": NOW, "clientId": client_id });
        let token = world.post(&format!("/keys/{name}/requestToken"), &basic_of(key), &body).json();
        format!("Bearer {}", token["token"].as_str().unwrap())
    };
    let [anonymous, bob, anybody] = [Value::Null, json!("bob"), json!("*")].map(request);
    let key = basic_of(key);
    for channel in ["vip:a", "vip", "vip:a:b", "identified:x"] {
        for path in ["", "/messages", "/history", "/presence", "/presence/history"] {
            let path = format!("/channels/{channel}{path}");
            assert_eq!(world.get(&path, &anonymous).code(), (401, 40161), "{path}");
            assert_eq!(world.get(&path, &anybody).code(), (401, 40161), "{path}");
            assert_eq!(world.get(&path, &bob).code(), (200, 0), "{path}");
            let as_bob = Request::get(&path).header("Authorization", &anybody).header("X-Ably-ClientId", "Ym9i");
            assert_eq!(world.send(as_bob, "").code(), (200, 0), "{path}");
        }
        let publish = |credential: &str, body: Value| {
            world.post(&format!("/channels/{channel}/messages"), credential, &body).code()
        };
        assert_eq!(publish(&anonymous, json!({})), (401, 40161));
        assert_eq!(publish(&bob, json!({})), (201, 0));
        assert_eq!(publish(&key, json!([{ "clientId": "bob" }, {}])), (401, 40161), "each message needs a clientId");
        assert_eq!(publish(&key, json!([{ "clientId": "bob" }])), (201, 0));
    }
    for channel in ["open:a", "vipers", "a:vip", "chat"] {
        assert_eq!(world.post(&format!("/channels/{channel}/messages"), &anonymous, &json!({})).code(), (201, 0));
    }
}

fn minted(claims: &Value) -> String {
    format!("Bearer {}", jwt(KEY, 600, claims))
}

#[test]
fn user_claim_comes_only_from_token() {
    let world = World::new();
    let token = minted(&json!({
        "ably.channel.*": "guest", "ably.channel.chat:*": "member", "ably.channel.chat:a": "moderator",
        "ably.channel.[queue]*": "none",
    }));
    let published = |credential: &str, channel: &str, body: Value| {
        let path = format!("/channels/{channel}/messages");
        assert_eq!(world.post(&path, credential, &body).code(), (201, 0));
        history(&world, channel).pop().unwrap()["extras"].clone()
    };
    assert_eq!(published(&token, "chat:a", json!({})), json!({ "userClaim": "moderator" }));
    assert_eq!(published(&token, "chat:b", json!({ "extras": null })), json!({ "userClaim": "member" }));
    assert_eq!(published(&token, "chat:b:c", json!({ "extras": {} })), json!({ "userClaim": "member" }));
    let own = json!({ "extras": { "userClaim": "root", "headers": { "userClaim": "kept" } } });
    assert_eq!(
        published(&token, "lobby", own.clone()),
        json!({ "userClaim": "guest", "headers": { "userClaim": "kept" } })
    );
    for credential in [basic(KEY), bearer(&world.token(KEY, &params())), minted(&json!({ "ably.channel.x": "y" }))] {
        assert_eq!(published(&credential, "lobby", own.clone()), json!({ "headers": { "userClaim": "kept" } }));
        assert_eq!(published(&credential, "lobby", json!({ "extras": { "userClaim": { "a": [1] } } })), json!({}));
    }
    let msgpack = Request::get("/channels/chat:a/messages").header("Accept", "application/x-msgpack");
    let msgpack = world.send(msgpack.header("Authorization", basic(KEY)), "");
    assert_eq!(rmp_serde::from_slice::<Value>(&msgpack.body).unwrap()[0]["extras"]["userClaim"], "moderator");
    for bad in [json!([]), json!("x"), json!(1), json!(true)] {
        let answer = world.post("/channels/chat/messages", &basic(KEY), &json!({ "extras": bad }));
        assert_eq!(answer.code(), (400, 40001));
    }
}

#[test]
fn privileged_extras_require_their_operation() {
    let world = World::new();
    let with = |operations: Value| bearer(&world.token(KEY, &can(&json!({ "chat": operations }).to_string())));
    let publish = |credential: &str, body: Value| world.post("/channels/chat/messages", credential, &body);
    let (plain, privileged) = (with(json!(["publish"])), with(json!(["privileged-headers", "publish"])));
    for extras in [json!({ "privileged": { "a": 1 } }), json!({ "headers": {}, "privileged": null })] {
        let refused = publish(&plain, json!([{}, { "extras": extras }]));
        assert_eq!(refused.code(), (401, 40160));
        assert!(refused.message().contains("`privileged-headers` on `chat`"), "{}", refused.message());
        assert_eq!(publish(&privileged, json!({ "extras": extras })).code(), (201, 0));
    }
    assert_eq!(history(&world, "chat").len(), 2, "no message of a refused request is kept");
    assert_eq!(publish(&plain, json!({ "extras": { "headers": { "privileged": 1 } } })).code(), (201, 0));
}

#[test]
fn batch_adds_user_claim_of_each_channel() {
    let world = World::new();
    let token = minted(&json!({ "ably.channel.chat:*": "member", "ably.channel.chat:a": "moderator" }));
    let own = json!({ "extras": { "userClaim": "root", "headers": { "a": 1 } } });
    let body = json!({ "channels": ["chat:a", "chat:b", "lobby"], "messages": [own, {}] });
    for version in ["3", ""] {
        assert_eq!(batch(&world, &token, version, &body).code(), (201, 0), "{version}");
        for (channel, claim) in [("chat:a", json!("moderator")), ("chat:b", json!("member")), ("lobby", Value::Null)] {
            let published = history(&world, channel);
            let [first, second] = [2, 1].map(|nth| &published[published.len() - nth]["extras"]);
            assert_eq!((&first["userClaim"], &first["headers"]), (&claim, &json!({ "a": 1 })), "{channel}");
            assert_eq!(second["userClaim"], claim, "{channel}");
        }
    }
}

#[test]
fn batch_requires_operation_for_privileged_extras() {
    let world = World::new();
    let capability = json!({ "plain": ["publish"], "both": ["privileged-headers", "publish"] });
    let token = bearer(&world.token(KEY, &can(&capability.to_string())));
    for extras in [json!({ "privileged": { "a": 1 } }), json!({ "privileged": null })] {
        let body = json!({ "channels": ["plain", "both"], "messages": [{}, { "extras": extras }] });
        let result = batch(&world, &token, "3", &body).json();
        assert_eq!((&result["successCount"], &result["failureCount"]), (&json!(1), &json!(1)));
        let refused = &result["results"][0]["error"];
        assert_eq!(refused["code"], 40160);
        assert!(refused["message"].as_str().unwrap().contains("`privileged-headers` on `plain`"), "{refused}");
        assert_eq!(result["results"][1]["error"], Value::Null);
    }
    assert_eq!(history(&world, "plain").len(), 0, "no message of a refused channel is kept");
    assert_eq!(history(&world, "both")[1]["extras"], json!({ "privileged": { "a": 1 } }));
}

#[test]
fn publish_rate_of_token_is_enforced() {
    let world = World::new();
    let limit = |resource: &str| format!("ably.limits.publish.perAttachment.maxRate.{resource}");
    let token = minted(&json!({ limit("slow:*"): 0.000_001, limit("slow:fast"): 500, limit("never"): 0 }));
    let publish = |credential: &str, channel: &str, body: Value| {
        world.post(&format!("/channels/{channel}/messages"), credential, &body)
    };
    assert_eq!(publish(&token, "slow:a", json!({})).code(), (201, 0));
    let refused = publish(&token, "slow:a", json!({}));
    assert_eq!(refused.code(), (429, 42911));
    assert!(!refused.header("retry-after").is_empty());
    assert_eq!(publish(&token, "slow:b", json!({})).code(), (201, 0), "each channel has a separate rate");
    assert_eq!(publish(&token, "slow:c", json!([{}, {}])).code(), (429, 42911), "a list counts each message");
    assert_eq!(publish(&token, "slow:fast", json!([{}, {}, {}])).code(), (201, 0), "the most specific limit counts");
    let never = publish(&token, "never", json!({}));
    assert_eq!((never.code(), never.header("retry-after")), ((429, 42911), ""), "waiting does not help");
    assert_eq!(publish(&token, "other", json!([{}, {}, {}])).code(), (201, 0));
    let of_another = minted(&json!({ limit("slow:*"): 0.000_001, "x-ably-clientId": "bob" }));
    assert_eq!(publish(&of_another, "slow:a", json!({})).code(), (201, 0), "each token has a separate rate");
    let results = batch(&world, &token, "3", &json!({ "channels": ["slow:a", "slow:d"], "messages": {} })).json();
    assert_eq!((&results["successCount"], &results["results"][0]["error"]["code"]), (&json!(1), &json!(42911)));
    assert_eq!(history(&world, "slow:a").len(), 2);
}

#[test]
fn filtered_channel_is_separate_resource() {
    let world = World::new();
    let filtered = world.token(KEY, &can(r#"{"[filter]chat:*":["history"]}"#));
    assert_eq!(filtered.capability_text(), Some(r#"{"[filter]chat:*":["history"]}"#));
    let token = bearer(&filtered);
    let read = |credential: &str, channel: &str| world.get(&format!("/channels/{channel}/messages"), credential).code();
    assert_eq!(read(&token, "%5Bfilter=YT0x%5Dchat:a"), (200, 0));
    assert_eq!(read(&token, "chat:a"), (401, 40160), "the token does not permit reading without the filter");
    assert_eq!(read(&token, "%5Bfilter=YT0x%5Dother"), (401, 40160));
    assert_eq!(read(&token, "%5B%3Frewind=1%5Dchat:a"), (401, 40160));
    assert_eq!(read(&bearer(&world.token(KEY, &can(r#"{"chat:*":["history"]}"#))), "%5Bfilter=x%5Dchat:a"), (200, 0));
    let issue = |capability: &str| world.exchange(&world.sign(LIMITED, &can(capability)));
    assert_eq!(
        issue(r#"{"[filter]chat:a":["subscribe","history"]}"#).json()["capability"],
        r#"{"[filter]chat:a":["subscribe"]}"#
    );
    assert_eq!(issue(r#"{"[filter]elsewhere":["subscribe"]}"#).code(), (401, 40160));
    let by_jwt = minted(&json!({ "x-ably-capability": r#"{"[filter]*":["history"]}"# }));
    assert_eq!(read(&by_jwt, "%5Bfilter=x%5Dany"), (200, 0));
}
