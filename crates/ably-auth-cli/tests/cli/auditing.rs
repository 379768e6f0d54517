//! `ably-auth serve --audit-log`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::operating::LoggedService;
use crate::support::{File, SECRET, apps, run, run_with_env};

const TOKEN: &str = "hush-access-token-of-the-tests";
const SERVICE_SECRET: &str = "37a75cfd5ed57e5f3a5b0d76d4d2d2a1c9a1e3a0b4e1ff1d8f6a3d5b9c7e2f10";

/// A service with a control token named `deploy`, and the files that it uses.
struct World {
    service: LoggedService,
    url: String,
    log: File,
    _files: [File; 3],
}

impl World {
    fn new(name: &str, with_log: bool) -> Self {
        let apps = apps(&format!("{name}-apps.json"));
        let tokens = File::new(&format!("{name}-tokens"), &format!("deploy {TOKEN}\n"));
        let log = File::new(&format!("{name}.log"), "");
        fs::remove_file(&log.0).unwrap();
        let secrets = File::new(&format!("{name}-secrets"), SERVICE_SECRET);
        let args = ["--sandbox", "--apps", apps.path(), "--control-token", tokens.path(), "--log-format", "json"];
        let args = [&args[..], &["--service-secrets", secrets.path()]].concat();
        let more = ["--audit-log", log.path()];
        let service = LoggedService::start(&[&args[..], if with_log { &more } else { &[] }].concat());
        let url = service.address("listening on ");
        Self { service, url, log, _files: [apps, tokens, secrets] }
    }

    fn list(&self) {
        let args = ["key", "list", "shop", "--control-url", &format!("{}/v1", self.url)];
        run_with_env(&args, "ABLY_CONTROL_TOKEN", TOKEN).yes();
    }

    fn lines(&self) -> Vec<Value> {
        lines(&fs::read_to_string(&self.log.0).unwrap())
    }
}

/// Parses the events of a log, and asserts that all lines are whole.
fn lines(text: &str) -> Vec<Value> {
    assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
    assert!(!text.contains(TOKEN) && !text.contains(SECRET), "{text}");
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line:?} is not JSON"))).collect()
}

#[test]
fn audit_log_holds_events_and_stderr_does_not() {
    let world = World::new("audit-apart", true);
    world.list();
    let events = world.lines();
    assert_eq!((&events[0]["action"], &events[0]["source"]), (&json!("secrets.load"), &json!("configured")));
    let list = &events[1];
    assert_eq!(
        (&list["action"], &list["actor"], &list["app"], &list["client"], &list["outcome"]),
        (&json!("key.list"), &json!("deploy"), &json!("shop"), &json!("127.0.0.1"), &json!("done"))
    );
    let time = list["timestamp"].as_str().unwrap();
    assert!(time.len() >= 20 && time.as_bytes()[10] == b'T' && time.ends_with('Z'), "{time}");
    assert_eq!(fs::metadata(&world.log.0).unwrap().permissions().mode() & 0o777, 0o600);
    let answered = world.service.event("answered");
    assert_eq!((&answered["endpoint"], &answered["request_id"]), (&json!("control"), &list["request_id"]));
    assert!(world.service.err.try_iter().all(|line| !line.contains("key.list")));
}

#[test]
fn audit_log_does_not_depend_on_log_level() {
    let log = File::new("audit-level.log", "");
    let secrets = File::new("audit-level-secrets", SERVICE_SECRET);
    let args = ["--sandbox", "--log-level", "off", "--service-secrets", secrets.path(), "--audit-log", log.path()];
    let service = LoggedService::start(&args);
    service.address("listening on ");
    assert_eq!(lines(&fs::read_to_string(&log.0).unwrap())[0]["action"], "secrets.load");
    assert!(service.err.try_recv().is_err());
}

#[test]
fn audit_events_go_to_stderr_without_audit_log() {
    let world = World::new("audit-stderr", false);
    world.list();
    loop {
        let event = world.service.event("audit");
        assert_eq!(event["target"], "ably_auth_server::audit");
        if event["action"] == "key.list" {
            return assert_eq!(event["actor"], "deploy");
        }
    }
}

#[test]
fn audit_log_is_reopened_on_hangup() {
    let world = World::new("audit-rotated", true);
    world.list();
    let old = File(world.log.0.with_extension("log.1"));
    fs::rename(&world.log.0, &old.0).unwrap();
    world.list();
    assert_eq!(lines(&fs::read_to_string(&old.0).unwrap()).len(), 3, "the old file is in use until the signal");
    world.service.signal("-HUP");
    for _ in 0..1_000 {
        // The signal also starts a reload, which is another event, so look for `key.list`.
        if fs::read_to_string(&world.log.0).is_ok_and(|log| log.contains("key.list")) {
            break;
        }
        world.list();
    }
    let events = world.lines();
    assert!(events.iter().any(|event| event["action"] == "key.list"), "{events:?}");
    lines(&fs::read_to_string(&old.0).unwrap());
}

#[cfg(target_os = "linux")]
#[test]
fn full_disk_stops_no_request() {
    let secrets = File::new("audit-full-secrets", SERVICE_SECRET);
    let args = ["--sandbox", "--log-format", "json", "--service-secrets", secrets.path(), "--audit-log", "/dev/full"];
    let service = LoggedService::start(&args);
    let address = service.address("listening on http://");
    let event = service.event("audit events were not written");
    assert_eq!((&event["file"], &event["level"]), (&json!("/dev/full"), &json!("ERROR")));
    assert!(event["lost"].as_u64().unwrap() >= 1, "{event}");
    let app = crate::operating::get(&address, "/time");
    assert!(app.starts_with("HTTP/1.1 200"), "{app}");
}

#[test]
fn audit_log_that_cannot_be_kept_is_refused() {
    let serve = |path: &str| run(&["serve", "--sandbox", "--listen", "127.0.0.1:0", "--audit-log", path]);
    serve("no/such/audit.log").bad(&["--audit-log no/such/audit.log: "]);
    let open = File::new("audit-open.log", "");
    open.set_mode(0o666);
    let answer = serve(open.path());
    assert_eq!(answer.status, Some(2), "{answer:?}");
    assert!(answer.stderr.contains("0666") && answer.stderr.contains("chmod"), "{answer:?}");
}
