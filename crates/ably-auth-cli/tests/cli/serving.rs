//! `ably-auth serve`

use serde_json::json;

use crate::support::{File, KEY, SECRET, Service, apps, run};

#[test]
fn service_prints_address_and_answers() {
    let service = Service::start(&["--sandbox"]);
    assert!(service.address.starts_with("127.0.0.1:") && !service.address.ends_with(":0"), "{}", service.address);
    let (status, time) = service.call("GET", "/time", "");
    assert_eq!(status, 200);
    assert!(time[0].as_u64() > Some(1_700_000_000_000), "{time}");
}

#[test]
fn only_sandbox_lets_clients_create_apps() {
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
fn sandbox_can_have_configured_apps() {
    let apps = apps("sandbox.json");
    let service = Service::start(&["--sandbox", "--apps", apps.path()]);
    run(&["token", "request", "--endpoint", &service.url(), "--key", KEY]).yes();
}

#[test]
fn port_zero_selects_free_port() {
    let [one, other] = [(); 2].map(|()| Service::start(&["--sandbox"]));
    assert_ne!(one.address, other.address);
}

#[test]
fn each_form_of_apps_file_is_read() {
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
fn invalid_apps_file_is_named_without_secrets() {
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
            answer.assert_hides("hush");
        }
        run(&["serve", "--sandbox", "--apps", file.path()]).bad(&[file.path()]);
    }
}

#[test]
fn unreadable_apps_file_is_named() {
    run(&["serve", "--apps", "no/such/file.json"]).bad(&["--apps no/such/file.json: "]);
    run(&["serve", "--apps", env!("CARGO_TARGET_TMPDIR")]).bad(&["--apps ", env!("CARGO_TARGET_TMPDIR")]);
    let message = run(&["--json", "serve", "--apps", "no/such/file.json"]).bad_json();
    assert!(message.starts_with("--apps no/such/file.json: "), "{message}");
}

#[test]
fn service_without_keys_does_not_start() {
    run(&["serve"]).bad(&["nothing to serve", "--apps", "--sandbox", "--control-token"]);
    for (nth, text) in ["[]", r#"{"apps":[]}"#, r#"{"appId":"shop","keys":[]}"#].into_iter().enumerate() {
        let file = File::new(&format!("empty-{nth}.json"), text);
        run(&["serve", "--listen", "127.0.0.1:0", "--apps", file.path()]).bad(&[file.path(), "nothing to serve"]);
        // A sandbox without apps starts, because clients can create apps.
        Service::start(&["--sandbox", "--apps", file.path()]);
    }
}

#[test]
fn sandbox_listens_on_loopback_only() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        run(&["serve", "--sandbox", "--listen", address]).bad(&["--listen: ", "sandbox", address]);
    }
}

#[test]
fn unusable_listen_address_is_named() {
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
    fn term_and_interrupt_end_service_cleanly() {
        for signal in ["-TERM", "-INT"] {
            let mut service = Service::start(&["--sandbox"]);
            send(signal, &service);
            assert_eq!(service.process.wait_for_exit(), Some(0), "{signal}");
        }
    }

    #[test]
    fn idle_connections_do_not_delay_shutdown() {
        let apps = apps("idle.json");
        for signal in ["-TERM", "-INT"] {
            let mut service = Service::start(&["--apps", apps.path()]);
            let _silent = service.connect();
            let mut answered = service.connect();
            answered.write_all(b"GET /time HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            assert_eq!(answered.read(&mut [0]).unwrap(), 1);
            send(signal, &service);
            assert_eq!(service.process.wait_for_exit(), Some(0), "{signal}");
        }
    }

    #[test]
    fn unfinished_request_does_not_delay_shutdown() {
        let halves = ["GET /time HTT", "POST /apps HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"];
        let held = halves.map(|half| {
            let service = Service::start(&["--sandbox"]);
            let mut stream = service.connect();
            stream.write_all(half.as_bytes()).unwrap();
            // After this response, the service is already reading the unfinished request.
            service.call("GET", "/time", "");
            send("-TERM", &service);
            (service, stream)
        });
        for (mut service, _stream) in held {
            assert_eq!(service.process.wait_for_exit(), Some(0));
        }
    }
}
