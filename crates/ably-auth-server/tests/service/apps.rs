//! Tests of the configuration of apps, as JSON and in code.

use ably_auth_core::Timestamp;
use ably_auth_server::{App, Apps, ErrorKind, Key, Service};
use http::Request;
use serde_json::json;

use crate::support::{KEY, SECRET, World, answer, basic, bearer, key, of, params};

#[test]
fn app_list_is_read_in_each_form() {
    let app = r#"{"appId":"app1","accountId":"me","keys":[{"id":"key1","secret":"hush","capability":"{\"a\":[\"*\"]}",
        "revocableTokens":true,"enabled":false,"expires":5}],"namespaces":[1],"channels":[],"revocationByChannel":true}"#;
    for text in [app.to_owned(), format!(" [{app}]"), format!(r#"{{"apps":[{app}]}}"#)] {
        let apps = Apps::from_json(&text).unwrap();
        let names: Vec<_> = apps.iter().flat_map(App::keys).map(|key| key.name().to_string()).collect();
        assert_eq!(names, [KEY]);
    }
    assert_eq!(Apps::from_json("[]").unwrap().iter().len(), 0);
}

#[test]
fn identified_namespace_of_configuration_is_enforced() {
    let namespaces = json!([{ "id": "vip", "identified": true }, { "id": "open", "identified": false }, 5]);
    let app = json!({ "appId": "app1", "keys": [{ "id": "key1", "secret": SECRET }], "namespaces": namespaces });
    let apps = Apps::from_json(&app.to_string()).unwrap();
    let world = World::new().with_service(|builder| builder.apps(apps));
    let [anonymous, bob] = [params(), of("bob")].map(|params| bearer(&world.token(KEY, &params)));
    for (channel, is_identified) in
        [("vip", true), ("vip:a", true), ("open", false), ("vipers", false), ("a:vip", false)]
    {
        let path = format!("/channels/{channel}");
        let expected = if is_identified { (401, 40161) } else { (200, 0) };
        assert_eq!(world.get(&path, &anonymous).code(), expected, "{channel}");
        assert_eq!(world.get(&path, &bob).code(), (200, 0), "{channel}");
    }
    let body = json!({ "channels": ["vip", "open"], "messages": {} }).to_string();
    let batch = Request::post("/messages").header("Authorization", &anonymous).header("X-Ably-Version", "3");
    let results = world.send(batch, body).json()["results"].clone();
    assert_eq!((&results[0]["error"]["code"], &results[1]["error"]), (&json!(40161), &json!(null)));
}

#[test]
fn configuration_error_names_place_and_hides_secret() {
    let in_key =
        |rest: &str| format!("{{\"appId\":\"app1\",\"keys\":[\n{{\"id\":\"key1\",\"secret\":\"{SECRET}\"{rest}}}]}}");
    let cases = [
        (in_key(r#","colour":"red""#), "unknown field `colour`"),
        (in_key(r#","enabled":"EVKVTCBlzLBPYJiCZTsIW_pqylJ9WVRB5K9P19Ap1y0""#), "expected a boolean at line 2"),
        (in_key(r#","secret":"x""#), "duplicate field `secret` at line 2"),
        (in_key(r#","capability":"{\"a\":[]}""#), "key `app1.key1`"),
        (in_key(r#","expires":-1"#), "line 2"),
        (in_key(","), "line 2 column"),
        (in_key(&format!("}},{{\"id\":\"key1\",\"secret\":\"{SECRET}\"")), "duplicate key `app1.key1`"),
        (format!("[{0},{0}]", in_key("")), "duplicate app `app1`"),
        (format!(r#"{{"appId":"app1","keys":["{SECRET}"]}}"#), "expected struct KeyEntry"),
        (format!(r#""{SECRET}""#), "expected struct"),
        (format!(r#"{{"appId":"app1","keys":[{{"id":"key 1","secret":"{SECRET}"}}]}}"#), "A-Z a-z 0-9"),
        (format!(r#"{{"appId":"app1","keys":[{{"id":"key1","secret":"{SECRET}:x"}}]}}"#), "key `app1.key1`"),
        (format!(r#"{{"appId":"","keys":[{{"id":"key1","secret":"{SECRET}"}}]}}"#), "A-Z a-z 0-9"),
        (r#"{"appId":"app1","keys":[{"id":"key1"}]}"#.into(), "missing field `secret`"),
        (r#"{"appId":"app1"}"#.into(), "missing field `keys`"),
        (r#"{"apps":[],"more":1}"#.into(), "unknown field `more`"),
        (String::new(), "EOF"),
        ("[] []".into(), "trailing characters"),
    ];
    for (text, expected) in cases {
        let error = Apps::from_json(&text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Apps);
        assert!(error.to_string().contains(expected), "{text}: {error}");
        let everything = format!("{error} {error:?} {:?}", std::error::Error::source(&error).map(ToString::to_string));
        assert!(!everything.contains(SECRET), "{everything}");
    }
}

#[test]
fn apps_built_in_code_are_served() {
    assert_eq!(App::new("a.b").unwrap_err().kind(), ErrorKind::Apps);
    let app = App::new("app1").unwrap().with_account_id("me").with_revocation_by_channel(true);
    assert!(app.clone().with_key(Key::new(key("app2.key1"))).is_err());
    let app =
        app.with_key(Key::new(key(KEY)).with_expiry(Timestamp::from_millis(u64::MAX)).with_enabled(true)).unwrap();
    assert!(app.clone().with_key(Key::new(key(KEY))).is_err());
    let apps = Apps::new().with_app(app.clone()).unwrap();
    assert!(apps.clone().with_app(app).is_err());
    let service = Service::builder().apps(apps).sandbox(true).build().unwrap();
    let request = Request::get("/stats").header("Authorization", basic(KEY));
    assert_eq!(answer(&service, request, "").code(), (200, 0));
}

#[test]
fn created_keys_are_unique() {
    let (apps, one) = Apps::create().unwrap();
    let (_, two) = Apps::create().unwrap();
    assert!(one != two && one.key_name() != two.key_name());
    assert!(one.secret().expose().len() >= 43);
    let service = Service::builder().apps(apps).sandbox(true).build().unwrap();
    let shown = crate::support::basic_of(&format!("{}:{}", one.key_name(), one.secret().expose()));
    assert_eq!(answer(&service, Request::get("/stats").header("Authorization", shown), "").code(), (200, 0));
}

#[test]
fn debug_shows_no_secret() {
    let apps = crate::support::apps();
    let builder = Service::builder().apps(apps.clone()).service_secret([77; 32]);
    let shown = format!("{apps:?} {builder:?} {:?} {:?}", Key::new(key(KEY)), builder_of(apps.clone()));
    assert!(!shown.contains(SECRET) && !shown.contains("77, 77"), "{shown}");
}

fn builder_of(apps: Apps) -> Service {
    Service::builder().apps(apps).service_secret([77; 32]).build().unwrap()
}

#[test]
fn service_secret_of_zeros_is_refused() {
    for builder in [
        Service::builder().service_secret([0; 32]),
        Service::builder().service_secret([7; 32]).earlier_secrets([[8; 32], [0; 32]]),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ServiceSecret);
        assert!(error.to_string().contains("zero"), "{error}");
    }
    let mut almost = [0; 32];
    almost[31] = 1;
    Service::builder().service_secret(almost).build().unwrap();
}
