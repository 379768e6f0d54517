//! Tests of bodies, formats, paths and methods.

use ably_auth_core::TokenDetails;
use http::Request;
use serde_json::{Value, json};

use crate::support::*;

fn request_token() -> http::request::Builder {
    Request::post(format!("/keys/{KEY}/requestToken"))
}

/// The cases of JSONTestSuite, as a member that is skipped, and as one that is stored.
#[test]
fn body_of_any_json_is_read_and_nothing_else() {
    let suite: Value = serde_json::from_str(include_str!("../../../../tests/vectors/json.json")).unwrap();
    let cases = suite["cases"].as_array().unwrap();
    assert!(cases.len() > 300);
    let world = World::new();
    for case in cases {
        let input = case["input"].as_str().unwrap();
        for body in [format!(r#"{{"other":{input},"name":"n"}}"#), format!(r#"{{"extras":{{"e":{input}}}}}"#)] {
            let publish =
                Request::post("/channels/chat/messages").header("Authorization", basic_of(&format!("{KEY}:{SECRET}")));
            let status = world.send(publish, body.clone()).status;
            match case["expected"].as_str().unwrap() {
                "valid" => assert_eq!(status, 201, "{body}"),
                "invalid" => assert_eq!(status, 400, "{body}"),
                // RFC 8259 leaves these to the reader.
                _ => assert!([201, 400].contains(&status), "{status}: {body}"),
            }
        }
    }
}

#[test]
fn malformed_json_is_refused_with_place() {
    let world = World::new();
    let bad = [
        String::new(),
        " ".into(),
        "null".into(),
        "[]".into(),
        "{".into(),
        format!(r#""{KEY}:{SECRET}""#),
        "{}".into(),
        r#"{"keyName":1}"#.into(),
        r#"{"keyName":null}"#.into(),
        format!(r#"{{"keyName":"{KEY}","capability":{{"*":["*"]}}}}"#),
        format!(r#"{{"keyName":"{KEY}","clientId":["{SECRET}"]}}"#),
        format!(r#"{{"keyName":"{KEY}","mac":{{}}}}"#),
        format!(r#"{{"keyName":"{KEY}","ttl":true}}"#),
        format!(r#"{{"keyName":"{KEY}","ttl":1e400}}"#),
        format!(r#"{{"keyName":"{KEY}","ttl":NaN}}"#),
        format!(r#"{{"keyName":"{KEY}","timestamp":[]}}"#),
        format!(r#"{{"keyName":"{KEY}","nonce":5}}"#),
        format!(r#"{{"keyName":"{KEY}","keyName":"{KEY}"}}"#),
        format!(r#"{{"keyName":"{KEY}","mac":"a","mac":"b"}}"#),
        format!(r#"{{"keyName":"{KEY}"}} {{}}"#),
        format!(r#"{{"keyName":"{KEY}"}},"#),
        format!(r#"{{'keyName':'{KEY}'}}"#),
        format!("{{\"keyName\":\"{KEY}\u{0}\"}}"),
        "[".repeat(60_000),
    ];
    for body in bad {
        let answer = world.send(request_token(), body.clone());
        assert_eq!(answer.code(), (400, 40001), "{body}");
        assert!(answer.message().starts_with("invalid body: cannot decode JSON: "), "{}", answer.message());
    }
    assert_eq!(world.send(request_token(), vec![b'"', 0xff, b'"']).code(), (400, 40001));
    let message = world.send(request_token(), format!(r#"{{"keyName":"{KEY}","clientId":5}}"#)).message();
    assert!(message.contains("expected a string at line 1 column"), "{message}");
    let message = world.send(request_token(), "{}").message();
    assert!(message.contains("missing field `keyName` at line 1"), "{message}");
}

#[test]
fn unknown_json_field_is_skipped() {
    let world = World::new();
    let mut request = serde_json::to_value(world.sign(KEY, &of("bob"))).unwrap().to_string();
    request.pop();
    let values = ["0".into(), "\"\\u0000\"".into(), r#"{"a":[{}],"a":1}"#.into(), "[".repeat(900) + &"]".repeat(900)];
    let fields: String = values.iter().map(|value: &String| format!(r#","later":{value}"#)).collect();
    let answer = world.send(request_token(), format!("{request}{fields}}}"));
    assert_eq!(answer.code(), (201, 0), "{}", answer.text());

    let many = r#","x":0"#.repeat(65);
    let answer = world.send(request_token(), format!(r#"{{"keyName":"{KEY}"{many}}}"#));
    assert_eq!(answer.code(), (400, 40001));
    assert!(answer.message().contains("JSON: too many unknown fields at line 1 column "), "{}", answer.message());
}

#[test]
fn refused_unknown_field_is_not_quoted() {
    let world = World::new();
    let many: serde_json::Map<_, _> = (0..65).map(|at| (format!("hush{at}"), json!("hush"))).collect();
    let (twice, twice_in_msgpack) = (r#"{"hush":1,"hush":"hush"}"#, b"\x82\xa4hush\x01\xa4hush\xa4hush".to_vec());
    let in_extras = format!(r#"{{"extras":{twice}}}"#);
    for (format, body, said) in [
        ("json", Value::Object(many.clone()).to_string().into_bytes(), "JSON: too many unknown fields at line 1"),
        ("json", twice.into(), "JSON: an unknown field is repeated at line 1 column 16"),
        ("json", in_extras.into(), "JSON: an unknown field is repeated at line 1 column 26"),
        ("x-msgpack", msgpack(&Value::Object(many)), "MessagePack: too many unknown fields at byte "),
        ("x-msgpack", twice_in_msgpack, "MessagePack: an unknown field is repeated at byte 12"),
    ] {
        let request = Request::post("/channels/chat/messages").header("Authorization", basic(KEY));
        let answer = world.send(request.header("Content-Type", format!("application/{format}")), body);
        assert_eq!(answer.code(), (400, 40001));
        assert!(answer.message().contains(said) && !answer.text().contains("hush"), "{}", answer.text());
    }
}

#[test]
fn unknown_msgpack_field_is_skipped() {
    let world = World::new();
    let request = serde_json::to_value(world.sign(KEY, &of("bob"))).unwrap();
    let mut body = msgpack(&request);
    body[0] += 1;
    body.extend(b"\xa5later\xdc\x03\xe8");
    body.extend(b"\x81\xa0\xc0".repeat(1_000));
    let builder = || request_token().header("Content-Type", "application/x-msgpack");
    assert_eq!(world.send(builder(), body.clone()).code(), (201, 0));
    for cut in [1, 2, 1_500, 3_000] {
        assert_eq!(world.send(builder(), body[..body.len() - cut].to_vec()).code(), (400, 40001), "{cut}");
    }
    body.push(0xc0);
    assert_eq!(world.send(builder(), body).code(), (400, 40001), "trailing bytes");
}

#[test]
fn error_does_not_quote_body() {
    let world = World::new();
    let whole_key = format!("{KEY}:{SECRET}");
    for body in [
        json!({ "keyName": whole_key }),
        json!({ "keyName": KEY, "mac": whole_key }),
        json!({ "keyName": KEY, "ttl": whole_key }),
    ] {
        let answer = world.send(request_token(), body.to_string());
        assert!(answer.status < 500 && !answer.text().contains(SECRET), "{}", answer.text());
    }
    let path = format!("/keys/{whole_key}/requestToken");
    let answer = world.send(Request::post(path), json!({ "keyName": whole_key }).to_string());
    assert_eq!(answer.code(), (400, 40005));
    assert_eq!(world.send(Request::get(format!("/{whole_key}")), "").code(), (404, 40400));
}

#[test]
fn out_of_range_numbers_are_refused() {
    let world = World::new();
    for number in ["-1", "0", "18446744073709551616", "1e30", "0.1", r#""NaN""#, r#""-5""#, "-9223372036854775809"] {
        let unsigned = format!(r#"{{"keyName":"{KEY}","timestamp":{NOW},"ttl":{number}}}"#);
        let answer = world.send(request_token().header("Authorization", basic(KEY)), unsigned);
        assert_eq!(answer.code(), (400, 40003), "ttl {number}");
    }
    for number in ["-1", "18446744073709551616", "1e30", r#""NaN""#] {
        let unsigned = format!(r#"{{"keyName":"{KEY}","timestamp":{number}}}"#);
        let answer = world.send(request_token().header("Authorization", basic(KEY)), unsigned);
        assert_eq!(answer.code(), (400, 40000), "timestamp {number}");
    }
    let moments = [r#""18446744073709551616""#, "18446744073709551615"];
    for moment in moments {
        let unsigned = format!(r#"{{"keyName":"{KEY}","timestamp":{moment}}}"#);
        let answer = world.send(request_token().header("Authorization", basic(KEY)), unsigned);
        assert!(matches!(answer.code(), (400, 40000) | (401, 40104)), "timestamp {moment}");
    }
}

#[test]
fn extreme_clock_times_cause_no_failure() {
    for now in [0, 1, u64::MAX - 1, u64::MAX] {
        let world = World::at(now);
        let token = world.token(REVOCABLE, &of("bob"));
        world.post(
            &format!("/keys/{REVOCABLE}/revokeTokens"),
            &basic(REVOCABLE),
            &json!({ "targets": ["clientId:bob"], "allowReauthMargin": true }),
        );
        world.post("/channels/chat/messages", &basic(KEY), &json!({}));
        assert_eq!(world.get("/channels/chat/messages", &basic(KEY)).json().as_array().unwrap().len(), 1);
        assert_eq!(world.get("/stats", &basic(KEY)).status, 200);
        assert!(world.accepts(&token).status < 500);
    }
}

#[test]
fn unknown_content_type_is_refused() {
    let world = World::new();
    let body = || json!({ "keyName": KEY, "timestamp": NOW }).to_string();
    let send = |content_type: &str| {
        let request = request_token().header("Authorization", basic(KEY)).header("Content-Type", content_type);
        world.send(request, body()).code()
    };
    for json in ["application/json", "application/json; charset=utf-8", "Application/JSON ;charset=UTF-8"] {
        assert_eq!(send(json), (201, 0), "{json}");
    }
    for other in ["text/html", "application/x-www-form-urlencoded", "application/jsonp", "", "application/"] {
        assert_eq!(send(other), (415, 40001), "{other}");
    }
    assert_eq!(world.send(request_token().header("Authorization", basic(KEY)), body()).code(), (201, 0));
    assert_eq!(send("application/x-msgpack"), (400, 40001));
}

fn msgpack(value: &Value) -> Vec<u8> {
    rmp_serde::to_vec_named(value).unwrap()
}

#[test]
fn msgpack_request_gets_msgpack_response() {
    let world = World::new();
    let request = serde_json::to_value(world.sign(KEY, &of("bob").ttl(ttl(MINUTE)))).unwrap();
    let builder =
        || request_token().header("Content-Type", "application/x-msgpack").header("Accept", "application/x-msgpack");
    let answer = world.send(builder(), msgpack(&request));
    assert_eq!((answer.status, answer.header("content-type")), (201, "application/x-msgpack"));
    let details: TokenDetails = rmp_serde::from_slice(&answer.body).unwrap();
    assert_eq!(details.expires().unwrap().as_millis(), NOW + MINUTE);
    assert_eq!(world.accepts(&details).code(), (200, 0));

    let mut as_float = serde_json::to_value(world.sign(KEY, &of("bob").ttl(ttl(MINUTE)))).unwrap();
    for name in ["ttl", "timestamp"] {
        as_float[name] = as_float[name].as_f64().unwrap().into();
    }
    assert_eq!(world.send(builder(), msgpack(&as_float)).status, 201);

    let replayed = world.send(builder(), msgpack(&request));
    assert_eq!((replayed.status, replayed.header("content-type")), (401, "application/x-msgpack"));
    let error: Value = rmp_serde::from_slice(&replayed.body).unwrap();
    assert_eq!(error["error"]["code"], 40105);
    assert_eq!(replayed.header("x-ably-errorcode"), "40105");

    let time = world.send(Request::get("/time").header("Accept", "application/x-msgpack"), "");
    assert_eq!(rmp_serde::from_slice::<Vec<u64>>(&time.body).unwrap(), [NOW]);
}

#[test]
fn malformed_msgpack_is_refused() {
    let world = World::new();
    let good = msgpack(&json!({ "keyName": KEY, "timestamp": NOW }));
    let mut bad: Vec<Vec<u8>> = (0..good.len()).map(|length| good[..length].to_vec()).collect();
    bad.push([&good[..], &[0xc0]].concat());
    bad.push(msgpack(&json!({ "keyName": 5 })));
    bad.push(msgpack(&json!([KEY])));
    bad.push(vec![0xc1]);
    bad.push(vec![0xdf, 0xff, 0xff, 0xff, 0xff]);
    bad.push(vec![0xdb, 0xff, 0xff, 0xff, 0xff]);
    bad.push(vec![0x91; 60_000]);
    bad.push([&[0x82, 0xa7], &b"keyName"[..], &[0xa1, b'a', 0xa7], b"keyName", &[0xa1, b'a']].concat());
    bad.push([&[0x82, 0xa7], &b"keyName"[..], &[0xa1, b'a', 0xa1, b'x'], &[0x91; 50_000][..]].concat());
    bad.push(msgpack(&json!({ "keyName": [SECRET] })));
    for body in bad {
        let request = request_token().header("Content-Type", "application/x-msgpack");
        let answer = world.send(request.header("Authorization", basic(KEY)), body.clone());
        assert_eq!(answer.code(), (400, 40001), "{body:x?}");
    }
}

#[test]
fn binary_data_is_base64_in_json() {
    let world = World::new();
    let body = [&[0x82, 0xa4], &b"data"[..], &[0xc4, 3, 1, 2, 255, 0xa8], b"encoding", &[0xa5], b"utf-8"].concat();
    let request = Request::post("/channels/chat/messages").header("Authorization", basic(KEY));
    assert_eq!(world.send(request.header("Content-Type", "application/x-msgpack"), body).status, 201);
    let message = world.get("/channels/chat/messages", &basic(KEY)).json()[0].clone();
    assert_eq!((&message["data"], &message["encoding"]), (&json!("AQL/"), &json!("utf-8/base64")));
    let request = Request::get("/channels/chat/messages").header("Authorization", basic(KEY));
    let answer = world.send(request.header("Accept", "application/x-msgpack"), "");
    assert!(answer.body.windows(5).any(|window| window == [0xc4, 3, 1, 2, 255]), "{:x?}", answer.body);
}

#[test]
fn malformed_messages_are_refused() {
    let world = World::new();
    for bad in [
        "",
        "5",
        r#""hello""#,
        "[1]",
        "[[]]",
        r#"{"name":1}"#,
        r#"{"name":"a","name":"b"}"#,
        r#"{"extras":[]}"#,
        r#"{"clientId":1}"#,
        "[{}],",
    ] {
        let request = Request::post("/channels/chat/messages").header("Authorization", basic(KEY));
        assert_eq!(world.send(request, bad).code(), (400, 40001), "{bad}");
    }
}

#[test]
fn large_bodies_are_refused() {
    let world = World::new();
    let publish = |length: usize| {
        let data = "x".repeat(length - r#"{"data":""}"#.len());
        let request = Request::post("/channels/chat/messages").header("Authorization", basic(KEY));
        world.send(request, format!(r#"{{"data":"{data}"}}"#)).code()
    };
    assert_eq!(publish(64 * 1024), (201, 0));
    assert_eq!(publish(64 * 1024 + 1), (413, 40009));
    assert_eq!(world.send(request_token(), vec![0; 1024 * 1024]).code(), (413, 40009));
}

#[test]
fn unknown_path_is_404_and_wrong_method_405() {
    let world = World::new();
    assert_eq!(world.send(Request::get("/time"), "").json(), json!([NOW]));
    for path in ["/time/", "/times", "/keys", "/keys/a.b", "/keys/a.b/other", "/channels/a/b", "/channels/a/messages/b"]
    {
        assert_eq!(world.send(Request::get(path), "").code(), (404, 40400), "{path}");
    }
    let cases = [
        ("POST", "/time", "GET, HEAD, OPTIONS"),
        ("PUT", "/keys/app1.key1/requestToken", "GET, HEAD, POST, OPTIONS"),
        ("POST", "/", "GET, HEAD, OPTIONS"),
        ("PUT", "/channels/a/publish", "POST, OPTIONS"),
        ("POST", "/channels/a/presence/history", "GET, HEAD, OPTIONS"),
        ("GET", "/messages", "POST, OPTIONS"),
        ("PUT", "/keys/app1.key1/revokeTokens", "POST, OPTIONS"),
        ("DELETE", "/channels/a", "GET, HEAD, OPTIONS"),
        ("PATCH", "/channels/a/messages", "GET, HEAD, POST, OPTIONS"),
        ("PUT", "/stats", "GET, HEAD, POST, OPTIONS"),
        ("GET", "/apps", "POST, OPTIONS"),
        ("GET", "/apps/a", "DELETE, OPTIONS"),
        ("BREW", "/time", "GET, HEAD, OPTIONS"),
    ];
    for (method, path, allow) in cases {
        let answer = world.send(Request::builder().method(method).uri(path), "");
        assert_eq!(answer.code(), (405, 40500), "{method} {path}");
        assert_eq!(answer.header("allow"), allow);
    }
}

#[test]
fn head_request_gets_status_of_get() {
    let world = World::new();
    assert_eq!(world.send(Request::head("/time"), "").status, 200);
    assert_eq!(world.send(Request::head("/channels/a"), "").code(), (401, 40101));
    assert_eq!(world.send(Request::head("/nowhere"), "").code(), (404, 40400));
}

#[test]
fn sandbox_refuses_foreign_origins_and_hosts() {
    let here = |header: &'static str, value: &'static str| Request::get("/time").header(header, value);
    for (header, value) in [
        ("Host", "evil.example"),
        ("Host", "evil.example:8484"),
        ("Host", "10.0.0.1"),
        ("Host", ""),
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
        ("Origin", "http://localhost.evil.example"),
    ] {
        assert_eq!(World::new().send(here(header, value), "").code(), (403, 40300), "{header}: {value}");
        assert_eq!(World::without_sandbox().send(here(header, value), "").status, 200, "{header}: {value}");
    }
    for (header, value) in [
        ("Host", "127.0.0.1:8484"),
        ("Host", "localhost"),
        ("Host", "[::1]:80"),
        ("Origin", "http://localhost:3000"),
        ("Origin", "https://127.0.0.1"),
    ] {
        assert_eq!(World::new().send(here(header, value), "").status, 200, "{header}: {value}");
    }
}

#[test]
fn one_request_creates_at_most_100_keys() {
    let keys = |count: usize| json!({ "keys": vec![json!({}); count] }).to_string();
    assert_eq!(World::new().send(Request::post("/apps"), keys(100)).status, 201);
    assert_eq!(World::new().send(Request::post("/apps"), keys(101)).code(), (400, 40001));
}

#[test]
fn error_message_is_escaped_in_header() {
    let world = World::new();
    let token = bearer(&world.token(LIMITED, &params()));
    let answer = world.get("/channels/b%C3%B6b%09%00Set-Cookie:x", &token);
    assert_eq!(answer.code(), (401, 40160));
    assert!(answer.message().contains("böb\\t\\0"), "{}", answer.message());
    assert!(answer.header("x-ably-errormessage").contains("b?b\\t\\0"), "{}", answer.header("x-ably-errormessage"));
    let long = world.get(&format!("/channels/{}", "x".repeat(2_000)), &token);
    assert_eq!(long.code(), (401, 40160));
    assert!(long.header("x-ably-errormessage").len() <= 400);
}
