//! Files with secrets that other users can read or write.

use std::fs;
use std::os::unix::fs::symlink;

use crate::operating::LoggedService;
use crate::support::{Answer, File, KEY, apps, run, run_with_env};

const TOKEN: &str = "an-access-token-of-the-tests";
const SECRET: &str = "37a75cfd5ed57e5f3a5b0d76d4d2d2a1c9a1e3a0b4e1ff1d8f6a3d5b9c7e2f10";

/// Calls `run` with each mode of the file, and asserts that it is accepted silently, accepted with a warning, or
/// refused.
fn check(option: &str, file: &File, run: impl Fn() -> Answer) {
    for mode in [0o400, 0o600, 0o640, 0o440] {
        file.set_mode(mode);
        assert_eq!((run().status, run().stderr.as_str()), (Some(0), ""), "{option} {mode:o}");
    }
    for (mode, said) in
        [(0o644, "lets every user read"), (0o444, "lets every user read"), (0o660, "lets the group write")]
    {
        file.set_mode(mode);
        let answer = run();
        assert_eq!(answer.status, Some(0), "{answer:?}");
        let start = format!("warning: {option} {}: mode {mode:04o} {said}", file.path());
        assert!(answer.stderr.starts_with(&start), "{answer:?}");
        let advice = format!("`chmod g-w,o= {}`", file.path());
        assert!(answer.stderr.contains(&advice) && answer.stderr.lines().count() == 1, "{answer:?}");
    }
    for mode in [0o666, 0o602, 0o777] {
        file.set_mode(mode);
        let said = format!("{option} {}: invalid permissions: mode {mode:04o} lets every user write", file.path());
        run().bad(&[&said, "chmod"]);
    }
}

#[test]
fn mode_of_every_secret_file_is_checked() {
    let serve = |args: &[&str]| run(&[&["serve", "--check-config", "--sandbox"], args].concat());
    let file = apps("modes-apps.json");
    check("--apps", &file, || serve(&["--apps", file.path()]));
    let file = File::new("modes-control", TOKEN);
    check("--control-token", &file, || serve(&["--control-token", file.path()]));
    let file = File::new("modes-secrets", SECRET);
    check("--service-secrets", &file, || serve(&["--service-secrets", file.path()]));
    let file = File::new("modes-config.toml", "sandbox = true\nredis = \"redis://:hush@127.0.0.1:1\"\n");
    check("--config", &file, || run(&["serve", "--check-config", "--config", file.path()]));
    let file = File::new("modes-key", KEY);
    check("--key-file", &file, || run(&["key", "inspect", "--key-file", file.path()]));
    let token = run(&["jwt", "mint", "--key", KEY]).yes().to_owned();
    let file = File::new("modes-token", &token);
    check("--token-file", &file, || run(&["token", "inspect", "--token-file", file.path()]));
}

#[test]
fn tls_key_that_all_may_write_is_refused() {
    let file = File::new("modes-tls", "");
    file.set_mode(0o666);
    let args = ["serve", "--check-config", "--sandbox", "--tls-cert", file.path(), "--tls-key", file.path()];
    run(&args).bad(&["--tls-key ", "0666", "chmod"]);
}

#[test]
fn config_without_password_may_be_readable() {
    let file = File::new("modes-public.toml", "sandbox = true\nredis = \"redis://127.0.0.1:1\"\n");
    file.set_mode(0o644);
    run(&["serve", "--check-config", "--config", file.path()]).yes();
}

#[test]
fn symbolic_link_has_mode_of_its_target() {
    let file = File::new("modes-target", KEY);
    let link = File::new("modes-link", "");
    fs::remove_file(&link.0).unwrap();
    symlink(&file.0, &link.0).unwrap();
    let inspect = || run(&["key", "inspect", "--key-file", link.path()]);
    inspect().yes();
    file.set_mode(0o644);
    assert!(inspect().stderr.starts_with("warning: --key-file "), "{:?}", inspect());
    file.set_mode(0o666);
    inspect().bad(&["--key-file ", "0666"]);
}

#[test]
fn pipe_has_no_mode_to_check() {
    let answer = run_with_env(&["key", "inspect", "--key-file", "/dev/null"], "ABLY_API_KEY", "");
    assert!(!answer.stderr.contains("permissions"), "{answer:?}");
}

#[test]
fn reload_warns_of_mode_and_refuses_to_read() {
    let file = apps("modes-reload.json");
    let service = LoggedService::start(&["--apps", file.path(), "--log-format", "json"]);
    service.address("listening on ");
    file.set_mode(0o666);
    service.signal("-HUP");
    let event = service.event("apps not reloaded");
    assert!(event["error"].as_str().unwrap().contains("mode 0666"), "{event}");
    file.set_mode(0o644);
    service.signal("-HUP");
    let event = service.event("--apps ");
    assert!(event["message"].as_str().unwrap().contains("mode 0644") && event["level"] == "WARN", "{event}");
    service.event("apps reloaded");
}
