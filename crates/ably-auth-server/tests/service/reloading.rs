//! Tests of `Service::reload`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ably_auth_core::Token;
use ably_auth_server::store::{Pending, Unavailable};
use ably_auth_server::{App, Apps, ErrorKind, Key, Relisted, Service};
use http::Request;
use serde_json::json;

use crate::faulty::{Call, Fault, Faulty};
use crate::support::*;

/// Returns one app with keys of these IDs, each of which permits everything.
fn keys(ids: &[&str]) -> Apps {
    let add = |app: App, id: &&str| app.with_key(Key::new(key(&format!("app.{id}"))).with_revocable_tokens(true));
    Apps::new().with_app(ids.iter().try_fold(App::new("app").unwrap(), add).unwrap()).unwrap()
}

fn service(apps: Apps) -> Service {
    let control = Token::new(CONTROL).unwrap();
    Service::builder().apps(apps).sandbox(true).control_token(control).build().unwrap()
}

async fn reload(service: &Service, apps: Apps) -> [usize; 3] {
    let Relisted { keys_added, keys_changed, keys_removed, .. } = service.reload(apps).await.unwrap();
    [keys_added, keys_changed, keys_removed]
}

/// Gets a token of the key `name`.
fn token(service: &Service, name: &str) -> String {
    let request = Request::post(format!("/keys/{name}/requestToken")).header("Authorization", basic(name));
    let issued = answer(service, request, json!({ "keyName": name, "timestamp": system_now() }).to_string());
    assert_eq!(issued.status, 201, "{}", issued.text());
    issued.json()["token"].as_str().unwrap().to_owned()
}

fn code(service: &Service, credential: &str) -> (u16, u64) {
    answer(service, Request::get("/channels/chat").header("Authorization", credential), "").code()
}

fn control(service: &Service, request: http::request::Builder, body: &str) -> serde_json::Value {
    let response = answer(service, request.header("Authorization", format!("Bearer {CONTROL}")), body.to_owned());
    assert!(response.status < 300, "{}", response.text());
    response.json()
}

#[tokio::test]
async fn reload_adds_changes_and_removes_keys_with_tokens() {
    let service = service(keys(&["stays", "goes"]));
    let [stays, goes] = ["app.stays", "app.goes"].map(|name| format!("Bearer {}", token(&service, name)));
    assert_eq!(reload(&service, keys(&["stays", "comes"])).await, [1, 0, 1]);
    assert_eq!((code(&service, &stays), code(&service, &basic("app.comes"))), ((200, 0), (200, 0)));
    assert_eq!(code(&service, &basic("app.goes")), (401, 40400));
    assert_eq!(code(&service, &goes).0, 401);
    assert_eq!(reload(&service, keys(&["stays", "comes"])).await, [0, 0, 0]);

    let disabled = Key::new(key("app.stays")).with_enabled(false);
    let apps = Apps::new().with_app(App::new("app").unwrap().with_key(disabled).unwrap()).unwrap();
    assert_eq!(reload(&service, apps).await, [0, 1, 1]);
    assert_eq!(code(&service, &stays), (401, 40141));
    // Enable the key again: its tokens are valid again.
    assert_eq!(reload(&service, keys(&["stays"])).await, [0, 1, 0]);
    assert_eq!(code(&service, &stays), (200, 0));
}

#[tokio::test]
async fn reload_removes_app_with_its_keys() {
    let service = service(keys(&["one", "two"]));
    let bearer = format!("Bearer {}", token(&service, "app.one"));
    assert_eq!(reload(&service, Apps::of_key("other.key:hush".parse().unwrap())).await, [1, 0, 2]);
    assert_eq!(code(&service, &basic("app.one")), (404, 40400));
    assert_eq!(code(&service, &bearer).0, 401);
}

#[tokio::test]
async fn reload_keeps_runtime_changes() {
    let service = service(keys(&["listed", "revoked", "changed"]));
    let made = control(&service, Request::post("/v1/apps/app/keys"), r#"{"name":"made","capability":{"*":["*"]}}"#);
    let made = format!("app.{}", made["id"].as_str().unwrap());
    control(&service, Request::post("/v1/apps/app/keys/revoked/revoke"), "");
    control(&service, Request::patch("/v1/apps/app/keys/changed"), r#"{"capability":{"other":["*"]}}"#);
    let sandboxed = answer(&service, Request::post("/apps"), "{}").json()["keys"][0]["keyStr"].clone();
    let listed = || control(&service, Request::get("/v1/apps/app/keys"), "");
    let listed_apps = || control(&service, Request::get("/v1/accounts/local/apps"), "");
    let (before, apps_before) = (listed(), listed_apps());

    assert_eq!(reload(&service, keys(&["listed", "revoked", "changed"])).await, [0, 0, 0]);
    assert_eq!(listed().as_array().unwrap().len(), 4);
    assert_eq!(listed_apps(), apps_before, "creation times are unchanged");
    assert_eq!(reload(&service, keys(&["changed", "revoked", "listed", "new"])).await, [1, 0, 0]);
    assert_eq!(code(&service, &basic("app.revoked")), (401, 40131));
    assert_eq!(code(&service, &basic("app.changed")), (401, 40160));
    assert_eq!(code(&service, &basic_of(sandboxed.as_str().unwrap())), (200, 0));
    for of_before in before.as_array().unwrap() {
        assert!(listed().as_array().unwrap().contains(of_before), "{of_before}");
    }

    // After the app is removed from the configuration, only its runtime changes remain.
    assert_eq!(reload(&service, Apps::new()).await, [0, 0, 3]);
    let left = listed();
    let left: Vec<_> =
        left.as_array().unwrap().iter().map(|key| (key["id"].as_str().unwrap(), &key["status"])).collect();
    assert_eq!(left.len(), 3, "{left:?}");
    assert!(left.contains(&("changed", &json!(1))), "removed, so revoked: {left:?}");
    assert!(left.contains(&(made.strip_prefix("app.").unwrap(), &json!(0))), "{left:?}");
}

#[tokio::test]
async fn reload_does_not_restore_deleted_app() {
    let service = service(keys(&["one"]));
    let deleted = answer(&service, Request::delete("/apps/app").header("Authorization", basic("app.one")), "");
    assert_eq!(deleted.status, 204);
    assert_eq!(reload(&service, keys(&["one", "two"])).await, [0, 0, 0]);
    assert_eq!(code(&service, &basic("app.one")), (404, 40400));
}

#[tokio::test]
async fn reload_of_too_many_apps_changes_nothing() {
    let service = service(keys(&["one"]));
    let many =
        (0..1_001).fold(Apps::new(), |apps, nth| apps.with_app(App::new(&format!("app{nth}")).unwrap()).unwrap());
    let error = service.reload(many).await.unwrap_err();
    assert!(error.to_string().contains("1000 apps"), "{error}");
    assert_eq!(code(&service, &basic("app.one")), (200, 0));
    assert_eq!(code(&service, &basic("app1.one")), (404, 40400));
    assert!(service.metrics().contains("ably_auth_reloads_total{result=\"failed\"} 1"));
}

/// A fault that fails the given number of writes.
#[derive(Clone, Debug, Default)]
struct FailedWrites(Arc<AtomicUsize>);

impl Fault for FailedWrites {
    fn on<T: Send + Unpin + 'static>(&self, call: Call, ask: impl FnOnce() -> Pending<T>) -> Pending<T> {
        let fails = call == Call::Write
            && self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        if fails { Pending::unavailable(Unavailable::new("injected failure")) } else { ask() }
    }
}

#[tokio::test]
async fn removed_key_is_refused_even_if_store_fails() {
    let store = Faulty::new(FailedWrites::default());
    let builder = |apps| Service::builder().apps(apps).sandbox(true).control_token(Token::new(CONTROL).unwrap());
    let service = builder(keys(&["stays", "leaked"])).store(store.clone()).build().unwrap();
    control(&service, Request::patch("/v1/apps/app/keys/leaked"), r#"{"name":"changed"}"#);
    let leaked = format!("Bearer {}", token(&service, "app.leaked"));
    for tries in 1..=2 {
        store.fault.0.store(1, Ordering::SeqCst);
        let error = service.reload(keys(&["stays"])).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Store, "{tries}");
        assert_eq!(code(&service, &basic("app.leaked")), (401, 40131), "{tries}: {error}");
        assert_eq!(code(&service, &leaked).0, 401, "{tries}");
        assert_eq!(code(&service, &basic("app.stays")), (200, 0), "{tries}");
    }
    assert_eq!(reload(&service, keys(&["stays"])).await, [0, 0, 1]);
    assert_eq!(reload(&service, keys(&["stays"])).await, [0, 0, 0]);
    assert_eq!(code(&service, &basic("app.leaked")), (401, 40131));
    let again = builder(keys(&["stays", "leaked"])).store(store.reopen()).build().unwrap();
    assert_eq!(code(&again, &basic("app.leaked")), (401, 40131), "the store has the revocation");
}

#[tokio::test]
async fn key_may_return_if_its_revocation_was_not_stored() {
    let store = Faulty::new(FailedWrites::default());
    let service = Service::builder().apps(keys(&["one", "two"])).sandbox(true);
    let service = service.control_token(Token::new(CONTROL).unwrap()).store(store.clone()).build().unwrap();
    control(&service, Request::patch("/v1/apps/app/keys/two"), r#"{"name":"changed"}"#);
    store.fault.0.store(1, Ordering::SeqCst);
    service.reload(keys(&["one"])).await.unwrap_err();
    assert_eq!(code(&service, &basic("app.two")), (401, 40131));
    assert_eq!(reload(&service, keys(&["one", "two"])).await, [0, 0, 0]);
    assert_eq!(code(&service, &basic("app.two")), (200, 0));
}

#[tokio::test]
async fn deleted_app_stays_deleted_if_configured_since() {
    let store = Faulty::new(FailedWrites::default());
    let builder = |apps| Service::builder().apps(apps).sandbox(true).control_token(Token::new(CONTROL).unwrap());
    let service = builder(keys(&["one"])).store(store.clone()).build().unwrap();
    let created = control(&service, Request::post("/v1/accounts/local/apps"), r#"{"name":"later listed"}"#);
    let app_id = created["id"].as_str().unwrap().to_owned();
    let configured = || {
        let app = App::new(&app_id).unwrap().with_key(Key::new(key(&format!("{app_id}.own")))).unwrap();
        keys(&["one"]).with_app(app).unwrap()
    };
    reload(&service, configured()).await;
    let credential = basic(&format!("{app_id}.own"));
    assert_eq!(code(&service, &credential), (200, 0));
    let deletion = Request::delete(format!("/v1/apps/{app_id}")).header("Authorization", format!("Bearer {CONTROL}"));
    assert_eq!(answer(&service, deletion, "").status, 204);
    assert_eq!(code(&service, &credential), (404, 40400));
    let again = builder(configured()).store(store.reopen()).build().unwrap();
    assert_eq!(code(&again, &credential), (404, 40400), "the deletion overrides the configuration");
}
