//! Property tests: random input causes no server error and reveals no secret.

use http::Request;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::*;

fn path() -> impl Strategy<Value = String> {
    let segment = prop_oneof![
        Just("keys".to_owned()),
        Just("channels".to_owned()),
        Just("messages".to_owned()),
        Just("requestToken".to_owned()),
        Just("revokeTokens".to_owned()),
        Just("time".to_owned()),
        Just("stats".to_owned()),
        Just(KEY.to_owned()),
        Just(REVOCABLE.to_owned()),
        "[a-zA-Z0-9.:*%_~-]{0,8}",
    ];
    let known = prop_oneof![
        Just(format!("/keys/{KEY}/requestToken")),
        Just(format!("/keys/{REVOCABLE}/requestToken")),
        Just(format!("/keys/{REVOCABLE}/revokeTokens")),
        Just("/channels/chat".to_owned()),
        Just("/channels/chat/messages".to_owned()),
        Just("/stats".to_owned()),
        vec(segment, 0..5).prop_map(|segments| format!("/{}", segments.join("/"))),
    ];
    let query = "(\\?((limit|start|end|direction|after|key|accessToken|unit)=[a-z0-9%+.-]{0,6}&?){0,3})?";
    (known, query).prop_map(|(path, query)| path + &query)
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(json!(NOW)),
        Just(json!(KEY)),
        Just(json!(r#"{"*":["*"]}"#)),
        Just(json!("clientId:bob")),
    ];
    let name = prop_oneof![
        Just("keyName".to_owned()),
        Just("ttl".to_owned()),
        Just("capability".to_owned()),
        Just("clientId".to_owned()),
        Just("timestamp".to_owned()),
        Just("nonce".to_owned()),
        Just("mac".to_owned()),
        Just("targets".to_owned()),
        Just("issuedBefore".to_owned()),
        Just("allowReauthMargin".to_owned()),
        Just("data".to_owned()),
        Just("name".to_owned()),
        Just("extras".to_owned()),
        any::<String>(),
    ];
    leaf.prop_recursive(3, 24, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(name.clone(), inner, 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..200),
        value().prop_map(|value| value.to_string().into_bytes()),
        value().prop_map(|value| rmp_serde::to_vec_named(&value).unwrap()),
        (value(), any::<usize>(), any::<u8>()).prop_map(|(value, at, byte)| {
            let mut bytes = value.to_string().into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            bytes
        }),
    ]
}

fn credential() -> impl Strategy<Value = Option<Vec<u8>>> {
    prop_oneof![
        Just(Some(basic(KEY).into_bytes())),
        Just(Some(basic(REVOCABLE).into_bytes())),
        Just(None),
        "(Basic|Bearer|bearer) [a-zA-Z0-9+/=._ -]{0,40}".prop_map(|text| Some(text.into_bytes())),
        "app[12]\\.[A-Za-z0-9_-]{50,80}".prop_map(|text| Some(format!("Bearer {text}").into_bytes())),
        vec(32_u8..=255, 0..30).prop_map(|bytes| Some(bytes.into_iter().filter(|byte| *byte != 127).collect())),
    ]
}

fn header() -> impl Strategy<Value = (&'static str, Vec<u8>)> {
    let name = prop::sample::select(vec![
        "Content-Type",
        "Accept",
        "X-Ably-ClientId",
        "X-Ably-Version",
        "Host",
        "Authorization",
    ]);
    let value = prop_oneof![
        prop::sample::select(vec![
            "application/json",
            "application/x-msgpack",
            "application/x-msgpack;q=0.5, */*",
            "6",
            "2",
            "Ym9i",
            "Kg==",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        vec(32_u8..=255, 0..20).prop_map(|bytes| bytes.into_iter().filter(|byte| *byte != 127).collect()),
    ];
    (name, value)
}

/// Generates text that is often a capability.
fn capability() -> impl Strategy<Value = String> {
    let resource = prop_oneof!["[ab:*]{1,6}", "\\[(queue|meta|\\*|new)\\][ab:*]{0,4}"];
    let operations = vec(prop::sample::select(vec!["publish", "subscribe", "*", "teleport"]), 0..3);
    let entries = prop::collection::btree_map(resource, operations, 0..4);
    prop_oneof![4 => entries.prop_map(|entries| json!(entries).to_string()), 1 => any::<String>()]
}

/// Generates JWTs that the service may accept, and damaged ones.
fn jwt_text() -> impl Strategy<Value = String> {
    let claim = prop::sample::select(vec![
        "iat",
        "exp",
        "nbf",
        "x-ably-capability",
        "x-ably-clientId",
        "x-ably-revocation-key",
        "x-ably-token",
        "ably.channel.chat",
        "ably.limits.publish.perAttachment.maxRate.chat",
        "sub",
    ]);
    let claims = prop::collection::btree_map(
        claim,
        prop_oneof![
            value(),
            capability().prop_map(Value::from),
            Just(json!(NOW / 1000 + 60)),
            Just(json!(jwt(KEY, 60, &json!({})))),
            "app1\\.[A-Za-z0-9_-]{0,300}".prop_map(Value::from),
        ],
        0..4,
    );
    let of_ours = prop_oneof![
        4 => (prop::sample::select(vec![KEY, REVOCABLE, LIMITED, REVOKED, "app1.key9", "app9.key1"]), claims.clone())
            .prop_map(|(key, claims)| jwt(key, 60, &json!(claims))),
        1 => (value(), value()).prop_map(|(header, payload)| jwt_of(&header, &payload, SECRET)),
        1 => (value(), claims).prop_map(|(x, claims)| {
            let header = json!({ "alg": x, "kid": KEY, "x-ably-token": jwt(KEY, 60, &json!({})) });
            jwt_of(&header, &json!(claims), SECRET)
        }),
    ];
    prop_oneof![
        3 => of_ours.clone(),
        1 => (of_ours.clone(), any::<usize>()).prop_map(|(text, at)| text[..at % (text.len() + 1)].to_owned()),
        1 => (of_ours.clone(), any::<usize>(), 33_u8..127).prop_map(|(text, at, byte)| {
            let mut bytes = text.into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            String::from_utf8(bytes).unwrap()
        }),
        1 => (of_ours.clone(), of_ours).prop_map(|(one, other)| format!("{one}.{other}")),
        1 => "[A-Za-z0-9_=-]{0,20}(\\.[A-Za-z0-9_=-]{0,20}){0,6}",
    ]
}

/// Generates paths of the Control API, and similar ones.
fn control_path() -> impl Strategy<Value = String> {
    let segment = prop_oneof![
        Just("apps".to_owned()),
        Just("accounts".to_owned()),
        Just("keys".to_owned()),
        Just("app1".to_owned()),
        Just("key1".to_owned()),
        Just("revoke".to_owned()),
        "[a-zA-Z0-9.:*%_~-]{0,8}",
    ];
    prop_oneof![
        Just("/v1/apps/app1/keys".to_owned()),
        Just("/v1/apps/app1/keys/key1".to_owned()),
        Just("/v1/apps/app1/keys/key1/revoke".to_owned()),
        Just("/v1/accounts/a/apps".to_owned()),
        vec(segment, 0..6).prop_map(|segments| format!("/v1/{}", segments.join("/"))),
    ]
}

/// Generates bodies whose fields are often valid for the Control API.
fn control_body() -> impl Strategy<Value = Vec<u8>> {
    let read = |text: String| serde_json::from_str(&text).unwrap_or(Value::from(text));
    let name = prop_oneof![Just(json!("name")), value()];
    (
        name,
        prop_oneof![capability().prop_map(read), value()],
        prop_oneof![Just(Value::Bool(true)), value()],
        any::<u8>(),
    )
        .prop_map(|(name, capability, revocable, which)| {
            let mut body = serde_json::Map::new();
            for (nth, (key, value)) in
                [("name", name), ("capability", capability), ("revocableTokens", revocable)].into_iter().enumerate()
            {
                if which >> nth & 1 == 1 {
                    body.insert(key.into(), value);
                }
            }
            Value::Object(body).to_string().into_bytes()
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_request_causes_no_server_error(
        method in prop::sample::select(vec!["GET", "POST", "PUT", "DELETE", "OPTIONS"]),
        path in path(),
        credential in credential(),
        headers in vec(header(), 0..4),
        body in body(),
        sandbox in any::<bool>(),
    ) {
        let world = if sandbox { World::new() } else { World::without_sandbox() };
        let Ok(uri) = path.parse::<http::Uri>() else { return Ok(()) };
        let mut request = Request::builder().method(method).uri(uri);
        if let Some(credential) = credential {
            request = request.header("Authorization", credential);
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = world.send(request, body);
        prop_assert!(answer.status < 500, "{}", answer.text());
        let shown = format!("{:?} {}", answer.headers, answer.text());
        prop_assert!(!shown.contains(SECRET), "{shown}");
        if answer.status >= 400 {
            prop_assert!(answer.headers.contains_key("x-ably-errorcode"));
            prop_assert!(answer.headers.contains_key("x-ably-errormessage"));
        }
        let debug = format!("{:?}", world.service);
        prop_assert!(!debug.contains(SECRET));
    }

    /// Most of these requests pass the checks before the ttl and the capability, and some get a token.
    #[test]
    fn random_signed_request_causes_no_server_error(
        ttl in prop_oneof![1 => value(), 2 => (-5_i64..100_000_000).prop_map(Value::from)],
        capability in capability(),
        timestamp in prop_oneof![1 => value(), 9 => Just(json!(NOW))],
        nonce in prop_oneof![1 => any::<String>(), 9 => "[a-z0-9]{16,20}"],
        client_id in prop_oneof!["bob", "\\*", any::<String>()],
    ) {
        let world = World::new();
        let fields = [
            ("keyName", json!(KEY)), ("ttl", ttl), ("capability", json!(capability)), ("clientId", json!(client_id)),
            ("timestamp", timestamp), ("nonce", json!(nonce)),
        ];
        let answer = world.send(Request::post(format!("/keys/{KEY}/requestToken")), sign_raw(&fields).to_string());
        prop_assert!(answer.status < 500, "{}", answer.text());
        prop_assert!(!answer.text().contains(SECRET));
    }

    #[test]
    fn random_apps_file_causes_no_panic_and_hides_secret(value in value(), text in any::<String>()) {
        for text in [value.to_string(), text, format!(r#"{{"appId":"a","keys":[{{"id":"b","secret":"{SECRET}","x":{value}}}]}}"#)] {
            if let Err(error) = ably_auth_server::Apps::from_json(&text) {
                prop_assert!(!format!("{error} {error:?}").contains(SECRET), "{error:?}");
            }
        }
    }

    /// Most of these JWTs pass the checks before the claims, and some are accepted.
    #[test]
    fn random_jwt_causes_no_server_error(token in jwt_text(), in_query in any::<bool>(), sandbox in any::<bool>()) {
        let world = if sandbox { World::new() } else { World::without_sandbox() };
        let request = if in_query {
            let token: String = form_urlencoded::byte_serialize(token.as_bytes()).collect();
            Request::get(format!("/channels/chat?access_token={token}"))
        } else {
            Request::get("/channels/chat").header("Authorization", format!("Bearer {token}"))
        };
        let answer = world.send(request, "");
        prop_assert!(answer.status < 500, "{}", answer.text());
        prop_assert!(!answer.text().contains(SECRET));
        prop_assert!(token.len() < 30 || !answer.text().contains(&token), "{}", answer.text());
        prop_assert_eq!(world.get("/channels/chat", &basic_or_jwt(sandbox)).code(), (200, 0), "the service still works");
    }

    #[test]
    fn random_control_request_causes_no_server_error(
        method in prop::sample::select(vec!["GET", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"]),
        path in control_path(),
        bodies in vec(prop_oneof![4 => control_body(), 1 => body()], 1..4),
        opened in prop::bool::weighted(0.9),
    ) {
        let world = World::new();
        let Ok(uri) = path.parse::<http::Uri>() else { return Ok(()) };
        let mut is_app_deleted = false;
        for body in bodies {
            let mut request = Request::builder().method(method).uri(uri.clone());
            if opened {
                request = request.header("Authorization", format!("Bearer {CONTROL}"));
            }
            let answer = world.send(request, body);
            prop_assert!(answer.status < 500, "{}", answer.text());
            prop_assert!(!answer.text().contains(CONTROL));
            if answer.status >= 400 {
                prop_assert!(!answer.text().contains(SECRET), "{}", answer.text());
                prop_assert!(answer.headers.contains_key("x-ably-errorcode"));
                prop_assert!(answer.json()["message"].is_string());
            }
            prop_assert!(opened || !answer.text().contains(SECRET), "{}", answer.text());
            is_app_deleted |= (method, answer.status) == ("DELETE", 204);
        }
        let path = if is_app_deleted { "/time" } else { "/channels/chat" };
        prop_assert_eq!(world.get(path, &basic(REVOCABLE)).code(), (200, 0), "the service still works");
    }
}

fn basic_or_jwt(sandbox: bool) -> String {
    if sandbox { basic(KEY) } else { format!("Bearer {}", jwt(KEY, 60, &json!({}))) }
}
