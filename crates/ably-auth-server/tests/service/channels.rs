//! Tests of the operations of each endpoint: publishing, history, channel status and lists.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use serde_json::{Value, json};

use crate::support::*;

#[test]
fn each_endpoint_requires_its_operation() {
    let world = World::new();
    let endpoints: [(&str, &str, &str); 4] = [
        ("GET", "/channels/chat:1", "channel-metadata"),
        ("GET", "/channels/chat:1/messages", "history"),
        ("POST", "/channels/chat:1/messages", "publish"),
        ("GET", "/stats", "stats"),
    ];
    for (method, path, needed) in endpoints {
        for (_, _, operation) in endpoints {
            let resource = if needed == "stats" { "*" } else { "chat:*" };
            let token = world.token(KEY, &can(&json!({ resource: [operation] }).to_string()));
            let request = Request::builder().method(method).uri(path).header("Authorization", bearer(&token));
            let answer = world.send(request, "{}");
            if operation == needed {
                assert!(answer.status < 300, "{method} {path}: {}", answer.text());
            } else {
                assert_eq!(answer.code(), (401, 40160), "{method} {path} with {operation}");
                let on = if needed == "stats" { "*" } else { "chat:1" };
                assert!(answer.message().contains(&format!("`{needed}` on `{on}`")), "{}", answer.message());
            }
        }
    }
}

#[test]
fn stats_require_right_on_all_resources() {
    let world = World::new();
    for (capability, code) in [
        (r#"{"[*]*":["stats"]}"#, (200, 0)),
        (r#"{"[*]*":["*"]}"#, (200, 0)),
        (r#"{"*":["stats"]}"#, (200, 0)),
        (r#"{"[*]*":["history"]}"#, (401, 40160)),
        (r#"{"[meta]*":["stats"]}"#, (401, 40160)),
        (r#"{"[*]chat":["stats"]}"#, (401, 40160)),
        (r#"{"chat:*":["stats"]}"#, (401, 40160)),
    ] {
        let everything = Request::post("/apps").header("Host", "localhost");
        let app = world.send(everything, r#"{"keys":[{"capability":"{\"[*]*\":[\"*\"]}"}]}"#).json();
        let (name, key) = (app["keys"][0]["keyName"].as_str().unwrap(), app["keys"][0]["keyStr"].as_str().unwrap());
        let body = json!({ "keyName": name, "timestamp": NOW, "capability": capability });
        let token = world.post(&format!("/keys/{name}/requestToken"), &basic_of(key), &body).json();
        assert_eq!(token["capability"], capability);
        let credential = format!("Bearer {}", token["token"].as_str().unwrap());
        assert_eq!(world.get("/stats", &credential).code(), code, "{capability}");
    }
}

#[test]
fn capability_is_checked_for_decoded_channel() {
    let world = World::new();
    let token = bearer(&world.token(KEY, &can(r#"{"a%2F:*":["*"],"b/c":["*"],"[meta]*":["*"],"queue":["stats"]}"#)));
    let get = |path: &str| world.get(path, &token).code();
    assert_eq!(get("/channels/a%252F:x"), (200, 0));
    assert_eq!(get("/channels/b%2Fc"), (200, 0));
    assert_eq!(get("/channels/b%252Fc"), (401, 40160));
    assert_eq!(get("/channels/[meta]log"), (400, 40010));
    assert_eq!(get("/channels/%5Bmeta%5Dlog"), (400, 40010));
    assert_eq!(get("/channels//messages"), (400, 40010));
    assert_eq!(get("/channels/%5B%3Frewind=1%5Db%2Fc"), (200, 0));
    assert_eq!(get("/channels/%5B%3Frewind=1%5Dother"), (401, 40160));
    assert_eq!(get("/channels/%FF"), (400, 40000));
    assert_eq!(get("/stats"), (401, 40160));
}

#[test]
fn channel_status_is_returned() {
    let world = World::new();
    let status = world.get("/channels/chat", &basic(KEY)).json();
    assert_eq!((&status["channelId"], &status["name"]), (&json!("chat"), &json!("chat")));
    assert_eq!(status["status"]["isActive"], true);
    assert_eq!(status["status"]["occupancy"]["metrics"]["connections"], 0);
}

#[test]
fn messages_are_published_and_read_back() {
    let world = World::new();
    let one = world.post("/channels/chat/messages", &basic(KEY), &json!({ "name": "n", "data": "d", "extra": [1] }));
    assert_eq!(
        (one.status, &one.json()["channel"], one.json()["serials"].as_array().unwrap().len()),
        (201, &json!("chat"), 1)
    );
    world.set(NOW + 1);
    let two = json!([{ "id": "mine", "data": { "a": 1 }, "timestamp": 5, "serial": "x" }, { "encoding": "utf-8", "extras": { "x": 1 } }]);
    let many = world.post("/channels/chat/messages", &basic(KEY), &two).json();
    let history = world.get("/channels/chat/messages", &basic(KEY)).json();
    assert_eq!(history.as_array().unwrap().len(), 3);
    assert_eq!(history[2]["name"], "n");
    assert_eq!(history[2]["extra"], json!([1]));
    assert_eq!(history[2]["timestamp"], NOW);
    assert_eq!(history[1]["id"], "mine");
    assert_eq!(history[1]["data"], json!({ "a": 1 }));
    assert_eq!(history[1]["timestamp"], NOW + 1);
    assert_eq!(history[1]["serial"], many["serials"][0]);
    assert_eq!(history[0]["id"], format!("{}:1", many["messageId"].as_str().unwrap()));
    assert_eq!(world.post("/channels/chat/messages", &basic(KEY), &json!([])).code(), (400, 40000));
    assert_eq!(world.get("/channels/other/messages", &basic(KEY)).json(), json!([]));
    assert_eq!(
        world.get("/channels/chat/messages", &basic(ELSEWHERE)).json(),
        json!([]),
        "apps have separate channels"
    );
}

#[test]
fn message_client_id_must_match_credential() {
    let world = World::new();
    let publish = |credential: &str, claimed: Option<&str>, client_id: Option<&str>| {
        let mut request = Request::post("/channels/chat/messages").header("Authorization", credential);
        if let Some(claimed) = claimed {
            request = request.header("X-Ably-ClientId", STANDARD.encode(claimed));
        }
        let code = world.send(request, json!({ "clientId": client_id }).to_string()).code();
        let published = world.get("/channels/chat/messages?limit=1", &basic(KEY)).json()[0]["clientId"].clone();
        (code, if code.0 == 201 { published } else { Value::Null })
    };
    let [anonymous, bob, anybody] = [params(), of("bob"), of("*")].map(|params| bearer(&world.token(KEY, &params)));
    let refused = ((400, 40012), Value::Null);
    let as_bob = ((201, 0), json!("bob"));
    assert_eq!(publish(&anonymous, None, None), ((201, 0), Value::Null));
    assert_eq!(publish(&anonymous, None, Some("bob")), refused);
    assert_eq!(publish(&bob, None, None), as_bob);
    assert_eq!(publish(&bob, None, Some("bob")), as_bob);
    assert_eq!(publish(&bob, None, Some("alice")), refused);
    assert_eq!(publish(&anybody, None, Some("bob")), as_bob);
    assert_eq!(publish(&anybody, None, None), ((201, 0), Value::Null));
    assert_eq!(publish(&anybody, Some("bob"), None), as_bob);
    assert_eq!(publish(&anybody, Some("bob"), Some("alice")), refused);
    assert_eq!(publish(&basic(KEY), None, Some("bob")), as_bob);
    for bad in ["", "*", "b\tb"] {
        assert_eq!(publish(&basic(KEY), None, Some(bad)), refused, "{bad:?}");
    }
}

/// Returns the target of the `Link` header with the relation `rel`, or `None`.
pub(crate) fn link(answer: &Answer, rel: &str) -> Option<String> {
    let wanted = format!("; rel=\"{rel}\"");
    let mut links = answer.headers.get_all("link").iter().map(|link| link.to_str().unwrap());
    let link = links.find_map(|link| link.strip_suffix(&wanted))?;
    Some(link.trim_start_matches("<.").trim_end_matches('>').to_owned())
}

#[test]
fn history_is_read_in_pages() {
    let world = World::new();
    for nth in 0..5 {
        world.set(NOW + nth);
        world.post("/channels/chat/messages", &basic(KEY), &json!({ "data": nth }));
    }
    let read = |query: &str| {
        let mut pages: Vec<Vec<u64>> = Vec::new();
        let mut next = Some(format!("/messages?{query}"));
        while let Some(path) = next {
            let answer = world.get(&format!("/channels/chat{path}"), &basic(KEY));
            assert_eq!(answer.code(), (200, 0));
            pages.push(
                answer.json().as_array().unwrap().iter().map(|message| message["data"].as_u64().unwrap()).collect(),
            );
            let expected = if query.is_empty() { "limit=100" } else { query };
            assert_eq!(link(&answer, "first"), Some(format!("/messages?{expected}")));
            next = link(&answer, "next");
        }
        pages
    };
    assert_eq!(read(""), [vec![4, 3, 2, 1, 0]]);
    assert_eq!(read("limit=2"), [vec![4, 3], vec![2, 1], vec![0]]);
    assert_eq!(read("direction=forwards&limit=2"), [vec![0, 1], vec![2, 3], vec![4]]);
    assert_eq!(read("direction=forwards&limit=5"), [vec![0, 1, 2, 3, 4]]);
    assert_eq!(read(&format!("start={}&end={}", NOW + 1, NOW + 3)), [vec![3, 2, 1]]);
    assert_eq!(read(&format!("start={}&end={}&direction=backwards&limit=2", NOW + 1, NOW + 3)), [vec![3, 2], vec![1]]);
    let with_token = world.send(Request::get(format!("/channels/chat/messages?limit=1&key={KEY}:{SECRET}")), "");
    assert!(link(&with_token, "next").is_some() && !format!("{:?}", with_token.headers).contains(SECRET));
}

#[test]
fn invalid_page_parameters_are_refused() {
    let world = World::new();
    for path in ["/channels/chat/messages", "/stats"] {
        for good in ["limit=1", "limit=1000", "start=1&end=1", "direction=forwards", "unit=minute", "other=1"] {
            assert_eq!(world.get(&format!("{path}?{good}"), &basic(KEY)).code(), (200, 0), "{path}?{good}");
        }
        for bad in [
            "limit=0",
            "limit=1001",
            "limit=-1",
            "limit=x",
            "limit=",
            "limit=1e2",
            "limit=99999999999999999999",
            "start=x",
            "end=-1",
            "end=18446744073709551616",
            "start=2&end=1",
            "direction=up",
            "direction=",
            "after=x",
        ] {
            assert_eq!(world.get(&format!("{path}?{bad}"), &basic(KEY)).code(), (400, 40003), "{path}?{bad}");
        }
    }
    assert_eq!(world.get("/stats?unit=year", &basic(KEY)).code(), (400, 40003));
}

#[test]
fn listing_channels_requires_right_on_all() {
    let world = World::new();
    for name in ["b", "a", "chat:2", "chat:1", "c/d e"] {
        world.post(
            &format!("/channels/{}/messages", name.replace('/', "%2F").replace(' ', "%20")),
            &basic(KEY),
            &json!({}),
        );
    }
    let names = |query: &str| {
        let mut pages = Vec::new();
        let mut next = Some(format!("/channels?by=id&{query}"));
        while let Some(path) = next {
            let answer = world.get(&path, &basic(KEY));
            assert_eq!(answer.code(), (200, 0));
            pages.push(answer.json());
            next = link(&answer, "next");
        }
        json!(pages)
    };
    assert_eq!(names(""), json!([["a", "b", "c/d e", "chat:1", "chat:2"]]));
    assert_eq!(names("limit=2"), json!([["a", "b"], ["c/d e", "chat:1"], ["chat:2"]]));
    assert_eq!(names("limit=5"), json!([["a", "b", "c/d e", "chat:1", "chat:2"]]));
    assert_eq!(names("prefix=chat:&limit=1"), json!([["chat:1"], ["chat:2"]]));
    assert_eq!(names("prefix=x"), json!([[]]));
    let listed = world.get("/channels?limit=1", &basic(KEY)).json();
    assert_eq!(listed, json!([world.get("/channels/a", &basic(KEY)).json()]));
    assert_eq!(world.get("/channels", &basic(ELSEWHERE)).json(), json!([]), "apps have separate channels");
    for bad in ["limit=0", "by=name", "limit=x"] {
        assert_eq!(world.get(&format!("/channels?{bad}"), &basic(KEY)).code(), (400, 40003), "{bad}");
    }
    let everything = Request::post("/apps").header("Host", "localhost");
    let everything = world.send(everything, r#"{"keys":[{"capability":"{\"[*]*\":[\"*\"]}"}]}"#).json();
    let everything = basic_of(everything["keys"][0]["keyStr"].as_str().unwrap());
    assert_eq!(world.get("/channels", &everything).code(), (200, 0));
    for (capability, code) in [
        (r#"{"*":["channel-metadata"]}"#, (200, 0)),
        (r#"{"*":["history","publish"]}"#, (401, 40160)),
        (r#"{"chat:*":["channel-metadata"],"a":["*"]}"#, (401, 40160)),
    ] {
        let token = bearer(&world.token(KEY, &can(capability)));
        assert_eq!(world.get("/channels", &token).code(), code, "{capability}");
    }
}
