//! `ably-auth serve`

use serde_json::json;

use crate::support::{File, KEY, SECRET, Service, apps, run};

#[test]
fn it_says_where_and_tells_the_time() {
    let service = Service::start(&["--sandbox"]);
    assert!(service.address.starts_with("127.0.0.1:") && !service.address.ends_with(":0"), "{}", service.address);
    let (status, time) = service.call("GET", "/time", "");
    assert_eq!(status, 200);
    assert!(time[0].as_u64() > Some(1_700_000_000_000), "{time}");
}

#[test]
fn a_sandbox_makes_and_deletes_apps_and_another_service_does_not() {
    let service = Service::start(&["--sandbox"]);
    let (status, app) = service.call("POST", "/apps", r#"{"keys":[{}]}"#);
    assert_eq!(status, 201);
    let key = app["keys"][0]["keyStr"].as_str().unwrap();
    run(&["token", "request", "--endpoint", &service.url(), "--key", key]).yes();

    let apps = apps("no-sandbox.json");
    let service = Service::start(&["--apps", apps.path()]);
    let (status, refused) = service.call("POST", "/apps", r#"{"keys":[{}]}"#);
    assert!((400..500).contains(&status), "{status} {refused}");
}

#[test]
fn a_sandbox_may_have_apps_from_the_start() {
    let apps = apps("sandbox.json");
    let service = Service::start(&["--sandbox", "--apps", apps.path()]);
    run(&["token", "request", "--endpoint", &service.url(), "--key", KEY]).yes();
}

#[test]
fn two_services_take_two_ports() {
    let [one, other] = [(); 2].map(|()| Service::start(&["--sandbox"]));
    assert_ne!(one.address, other.address);
}

#[test]
fn all_forms_of_an_apps_file_are_read() {
    let app = json!({ "appId": "shop", "keys": [{ "id": "backend", "secret": SECRET }] });
    for (name, text) in
        [("one.json", app.clone()), ("list.json", json!([app])), ("apps.json", json!({ "apps": [app] }))]
    {
        let file = File::new(name, &text.to_string());
        let service = Service::start(&["--apps", file.path()]);
        run(&["token", "request", "--endpoint", &service.url(), "--key", KEY]).yes();
    }
}

#[test]
fn a_bad_apps_file_is_named_and_no_secret_shown() {
    let key = |key: serde_json::Value| json!({ "appId": "shop", "keys": [key] }).to_string();
    let twice = json!([{ "id": "a", "secret": "hush" }, { "id": "a", "secret": "hush" }]);
    for (text, said) in [
        (String::new(), "line 1 column 0"),
        ("{".into(), "line 1 column 1"),
        ("shop.backend:hush".into(), "line 1 column 1"),
        ("\"shop.backend:hush\"".into(), "line 1"),
        (r#"{"appId":"shop"}"#.into(), "missing field `keys`"),
        (r#"{"appId":"shop.backend:hush","keys":[]}"#.into(), "app"),
        (key(json!("shop.backend:hush")), "line 1"),
        (key(json!({ "id": "backend" })), "missing field `secret`"),
        (key(json!({ "id": "backend", "secret": ["hush"] })), "expected a string"),
        (key(json!({ "id": "backend", "secret": "hush hush" })), "key `shop.backend`: key secret has white space"),
        (key(json!({ "id": "backend:hush", "secret": "hush" })), "key id"),
        (key(json!({ "id": "backend", "secret": "hush", "capability": "{" })), "key `shop.backend`: "),
        (key(json!({ "id": "backend", "secret": "hush", "enabled": "hush" })), "expected a boolean"),
        (json!({ "appId": "shop", "keys": twice }).to_string(), "duplicate key `shop.a`"),
    ] {
        let file = File::new("bad.json", &text);
        for json in [&[][..], &["--json"]] {
            let answer = run(&[json, &["serve", "--listen", "127.0.0.1:0", "--apps", file.path()]].concat());
            assert_eq!(answer.status, Some(2), "{answer:?}");
            let named = format!("error: --apps {}: ", file.path());
            assert!(answer.stderr.starts_with(&named) && answer.stderr.contains(said), "{answer:?}");
            answer.is_silent_about("hush");
        }
        run(&["serve", "--sandbox", "--apps", file.path()]).bad(&[file.path()]);
    }
}

#[test]
fn an_apps_file_that_cannot_be_read_is_named() {
    run(&["serve", "--apps", "no/such/file.json"]).bad(&["--apps no/such/file.json: "]);
    run(&["serve", "--apps", env!("CARGO_TARGET_TMPDIR")]).bad(&["--apps ", env!("CARGO_TARGET_TMPDIR")]);
    let message = run(&["--json", "serve", "--apps", "no/such/file.json"]).bad_json();
    assert!(message.starts_with("--apps no/such/file.json: "), "{message}");
}

#[test]
fn with_nothing_to_serve_it_does_not_start() {
    run(&["serve"]).bad(&["nothing to serve", "--apps", "--sandbox", "--control-token"]);
    for (nth, text) in ["[]", r#"{"apps":[]}"#, r#"{"appId":"shop","keys":[]}"#].into_iter().enumerate() {
        let file = File::new(&format!("empty-{nth}.json"), text);
        run(&["serve", "--listen", "127.0.0.1:0", "--apps", file.path()]).bad(&[file.path(), "nothing to serve"]);
        // To this one, apps may be added.
        Service::start(&["--sandbox", "--apps", file.path()]);
    }
}

#[test]
fn a_sandbox_is_for_this_machine_only() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        run(&["serve", "--sandbox", "--listen", address]).bad(&["--listen: ", "sandbox", address]);
    }
}

#[test]
fn an_address_that_cannot_be_listened_on_is_named() {
    let service = Service::start(&["--sandbox"]);
    run(&["serve", "--sandbox", "--listen", &service.address]).bad(&["--listen: ", &service.address]);
    let message = run(&["--json", "serve", "--sandbox", "--listen", &service.address]).bad_json();
    assert!(message.starts_with("--listen: "), "{message}");
    for address in ["", "8484", "localhost:0", "127.0.0.1", "127.0.0.1:65536"] {
        run(&["serve", "--sandbox", "--listen", address]).bad(&["--listen <ADDR:PORT>", address]);
    }
}

#[cfg(unix)]
mod signals {
    use std::io::{Read as _, Write as _};
    use std::process::Command;

    use crate::support::{Service, apps};

    fn send(signal: &str, service: &Service) {
        let sent = Command::new("kill").args([signal, &service.process.0.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    #[test]
    fn both_end_it_cleanly() {
        for signal in ["-TERM", "-INT"] {
            let mut service = Service::start(&["--sandbox"]);
            send(signal, &service);
            assert_eq!(service.process.ended(), Some(0), "{signal}");
        }
    }

    #[test]
    fn connections_without_a_request_do_not_hold_it_up() {
        let apps = apps("idle.json");
        for signal in ["-TERM", "-INT"] {
            let mut service = Service::start(&["--apps", apps.path()]);
            let _silent = service.connect();
            let mut answered = service.connect();
            answered.write_all(b"GET /time HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            assert_eq!(answered.read(&mut [0]).unwrap(), 1);
            send(signal, &service);
            assert_eq!(service.process.ended(), Some(0), "{signal}");
        }
    }

    #[test]
    fn a_request_that_never_ends_does_not_hold_it_up() {
        let halves = ["GET /time HTT", "POST /apps HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"];
        let held = halves.map(|half| {
            let service = Service::start(&["--sandbox"]);
            let mut stream = service.connect();
            stream.write_all(half.as_bytes()).unwrap();
            // Once this is answered, that is being read.
            service.call("GET", "/time", "");
            send("-TERM", &service);
            (service, stream)
        });
        for (mut service, _stream) in held {
            assert_eq!(service.process.ended(), Some(0));
        }
    }
}
