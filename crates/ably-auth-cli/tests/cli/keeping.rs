//! `ably-auth serve --data` and `--redis`

use crate::support::{File, KEY, SECRET, Service, apps, program, run, spawn};

/// A folder that is deleted when it is dropped.
struct Folder(File);

impl Folder {
    fn new(name: &str) -> Self {
        let file = File::new(name, "");
        std::fs::remove_file(&file.0).unwrap();
        Self(file)
    }

    fn path(&self) -> &str {
        self.0.path()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0.0);
    }
}

#[test]
fn data_folder_survives_crash() {
    let (apps, data) = (apps("keeping.json"), Folder::new("data"));
    let start = || Service::start(&["--sandbox", "--apps", apps.path(), "--data", data.path()]);
    let mut service = start();
    let (status, app) = service.call("POST", "/apps", r#"{"keys":[{}]}"#);
    assert_eq!(status, 201);
    let request = run(&["token-request", "sign", "--key", KEY]).yes().to_owned();
    let exchange = |service: &Service| service.call("POST", "/keys/shop.backend/requestToken", &request).0;
    let (status, token) = service.call("POST", "/keys/shop.backend/requestToken", &request);
    assert_eq!(status, 201);
    service.process.0.kill().unwrap();
    service.process.wait_for_exit();

    let service = start();
    assert_eq!(exchange(&service), 401, "the nonce is still used");
    let token = format!("/stats?access_token={}", token["token"].as_str().unwrap());
    assert_eq!(service.call("GET", &token, "").0, 200, "the secret is the same");
    let key = app["keys"][0]["keyStr"].as_str().unwrap();
    run(&["token", "request", "--endpoint", &service.url(), "--key", key]).yes();
    run(&["serve", "--sandbox", "--listen", "127.0.0.1:0", "--data", data.path()]).bad(&[
        "--data ",
        data.path(),
        "another process has the folder",
    ]);
}

#[test]
fn state_limits_are_options() {
    let keys = serde_json::json!([{ "id": "backend", "secret": SECRET, "revocableTokens": true }]);
    let apps = File::new("limits.json", &serde_json::json!({ "appId": "shop", "keys": keys }).to_string());
    let data = Folder::new("limits");
    let full = [("--max-nonces", "0"), ("--max-large-tokens", "1000"), ("--max-revocations", "1000")];
    for kept in [&[][..], &["--data", data.path()]] {
        for (nth, (option, value)) in full.iter().enumerate() {
            let service = Service::start(&[&["--sandbox", "--apps", apps.path(), option, value], kept].concat());
            let channels: Vec<_> = (0..800).map(|nth| format!(r#""a-channel-{nth:04}":["publish"]"#)).collect();
            let large = format!("{{{}}}", channels.join(","));
            let request = ["token", "request", "--endpoint", &service.url(), "--key", KEY];
            let answers = [
                run(&request),
                run(&[&request[..], &["--capability", &large]].concat()),
                run(&["revoke", "--endpoint", &service.url(), "--key", KEY, &format!("clientId:{nth}")]),
            ];
            for (of, answer) in answers.into_iter().enumerate() {
                // A large token also uses a nonce.
                if of == nth || (nth == 0 && of == 1) {
                    assert_eq!(answer.no(), "", "{option}");
                    assert!(answer.stderr.contains("code 42910"), "{option}: {answer:?}");
                } else {
                    answer.yes();
                }
            }
        }
    }
}

#[test]
fn service_does_not_start_with_unusable_store() {
    let file = File::new("no-folder", "");
    run(&["serve", "--sandbox", "--data", file.path()]).bad(&["--data ", file.path()]);
    run(&["serve", "--sandbox", "--data", "a", "--redis", "redis://127.0.0.1:1"])
        .bad(&["--data <DIR>", "--redis <URL>"]);
    run(&["serve", "--sandbox", "--clock-is-right=perhaps"]).bad(&["--clock-is-right"]);
    run(&["serve", "--sandbox", "--redis-is-new"]).bad(&["--redis <URL>"]);
    for url in ["redis://:hush@127.0.0.1:1", "rediss://:hush@127.0.0.1:1", "hush", "http://hush"] {
        let answer = run(&["serve", "--sandbox", "--listen", "127.0.0.1:0", "--redis", url]);
        answer.bad(&["--redis: "]);
        answer.assert_hides("hush");
    }
    let mut command = program(&["serve", "--sandbox", "--data", "a"]);
    let mut process = spawn(command.env("ABLY_AUTH_REDIS", "redis://:hush@127.0.0.1:1"));
    assert_eq!(process.wait_for_exit(), Some(2), "both stores are requested");
}
