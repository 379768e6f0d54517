//! The help of every command: its width, its sections, and its examples, which run.

#[cfg(unix)]
use std::{env, fs, path::PathBuf};

#[cfg(unix)]
use serde_json::json;

#[cfg(unix)]
use crate::support::{SECRET, Service};
use crate::support::{finish, program, run};

const COLUMNS: usize = 80;
/// The greatest width that the program uses.
const WIDEST: usize = 100;

fn help(command: &[String], option: &str, columns: usize) -> String {
    let args: Vec<_> = command.iter().map(String::as_str).chain([option]).collect();
    finish(program(&args).env("COLUMNS", columns.to_string()), "").yes().to_owned()
}

/// Returns the paths of all commands, in the order of the help; the first one is the program itself.
fn commands() -> Vec<Vec<String>> {
    fn collect(path: &[String], found: &mut Vec<Vec<String>>) {
        found.push(path.to_vec());
        let text = help(path, "-h", WIDEST);
        let listed = text.split_once("\nCommands:\n").map_or("", |(_, rest)| rest);
        let names = listed.lines().take_while(|line| !line.is_empty()).filter_map(|line| {
            let name = line.strip_prefix("  ").filter(|line| !line.starts_with(' '))?;
            name.split(' ').next().filter(|name| *name != "help")
        });
        for name in names {
            collect(&[path, &[name.to_owned()]].concat(), found);
        }
    }
    let mut found = Vec::new();
    collect(&[], &mut found);
    assert!(found.len() > 30, "only {found:?} were found");
    found
}

/// Returns the examples in a text of `--help`, each with all of its lines, and the lines of the exit statuses.
fn sections(help: &str) -> (Vec<String>, Vec<String>) {
    let (_, sections) = help.split_once("\nEXAMPLES\n").unwrap_or_else(|| panic!("no examples: {help}"));
    let (examples, statuses) = sections.split_once("\nEXIT STATUS\n").unwrap();
    let examples = examples.split("\n\n").map(|example| {
        let lines: Vec<_> = example.lines().skip(1).map(|line| line.strip_prefix("    ").unwrap()).collect();
        lines.join("\n")
    });
    (examples.collect(), statuses.lines().map(str::to_owned).collect())
}

#[test]
fn help_fits_80_columns_without_breaking_words() {
    for command in commands() {
        for option in ["-h", "--help"] {
            let (text, wide) = (help(&command, option, COLUMNS), help(&command, option, WIDEST));
            for line in text.lines() {
                assert!(line.chars().count() <= COLUMNS, "{command:?} {option}: {line}");
            }
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            assert_eq!(words(&text), words(&wide), "{command:?} {option}");
            if option == "--help" {
                assert_eq!(sections(&text), sections(&wide), "a line of an example is wrapped");
            }
        }
    }
}

#[test]
fn help_and_manual_page_have_the_same_sections() {
    for command in commands() {
        let (examples, statuses) = sections(&help(&command, "--help", COLUMNS));
        let about: Vec<_> = std::iter::once("man").chain(command.iter().map(String::as_str)).collect();
        let page = run(&about).yes().replace("\\-", "-").replace("\\*(Aq", "'").replace("\\\\", "\\");
        let (_, sections) = page.split_once("\n.SH EXAMPLES\n").unwrap();
        let (of_page, exit) = sections.split_once(".SH \"EXIT STATUS\"\n").unwrap();
        let of_page: Vec<_> =
            of_page.split(".nf\n").skip(1).map(|rest| rest.split("\n.fi").next().unwrap().to_owned()).collect();
        assert_eq!(of_page, examples, "{command:?}");
        let exit: Vec<_> =
            exit.split(".TP\n").skip(1).map(|status| status.trim_end().replace("\\fR\n", "  ")).collect();
        let exit: Vec<_> = exit.iter().map(|status| status.replace("\\fB", "  ")).collect();
        assert_eq!(exit, statuses, "{command:?}");
    }
}

/// A wrapper script named `ably-auth`. It sends requests to the service of the test instead of Ably, lets `serve` exit
/// immediately, and records each command that fails.
#[cfg(unix)]
const WRAPPER: &str = r#"#!/bin/sh
case "$*" in
    # It would wait for Ctrl-C.
    connect*) set -- $(echo "$*" | sed 's/ --for [^ ]*//') --for 1s --endpoint "http://$TEST_ADDRESS" ;;
    *--endpoint* | *--check-config*) ;;
    serve*) set -- "$@" --check-config ;;
    health*) set -- health --admin "$TEST_ADMIN" ;;
    "app "* | "key create "* | "key list "* | "key update "* | "key revoke "*)
        set -- "$@" --control-url "http://$TEST_ADDRESS/v1" ;;
    revoke* | "token request "* | "token exchange "*) set -- "$@" --endpoint "http://$TEST_ADDRESS" ;;
esac
"$TEST_PROGRAM" "$@" || { status=$?; echo "$* ends with $status" >> failed; exit $status; }
"#;

#[cfg(unix)]
#[test]
fn examples_run() {
    use std::os::unix::fs::PermissionsExt as _;

    const TOKEN: &str = "hush-access-token-of-the-examples";
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-examples", std::process::id()));
    for below in ["bin", ".zfunc", ".config/fish/completions", ".local/share/man/man1"] {
        fs::create_dir_all(folder.join(below)).unwrap();
    }
    let made = |name: &str, text: &str, mode: u32| {
        fs::write(folder.join(name), text).unwrap();
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    let key = |id: &str| json!({ "id": id, "secret": SECRET, "revocableTokens": true });
    let apps = json!({ "apps": [{ "appId": "shop", "keys": [key("backend"), key("web")] },
                                { "appId": "old-shop", "keys": [key("backend")] }] });
    let (certificate, private_key) = crate::tls::pair();
    for (name, text) in [
        ("apps.json", apps.to_string().as_str()),
        ("cert.pem", &certificate),
        ("key.pem", &private_key),
        ("ably-auth.toml", "sandbox = true\n"),
        ("shop.key", &format!("shop.backend:{SECRET}")),
        ("control-token", TOKEN),
    ] {
        made(name, text, 0o600);
    }
    made("bin/ably-auth", WRAPPER, 0o700);
    made("bin/man", "#!/bin/sh\ngrep -q EXAMPLES\n", 0o700);
    let path =
        env::join_paths(std::iter::once(folder.join("bin")).chain(env::split_paths(&env::var_os("PATH").unwrap())));
    let path = path.unwrap();
    let service = Service::start_in(&folder, &["--sandbox", "--apps", "apps.json", "--control-token", "control-token"]);

    let admin = crate::health::server("HTTP/1.1 200 OK\r\n\r\n");

    let mut ran = 0;
    let all = commands();
    let has_commands =
        |command: &[String]| all.iter().any(|other| other.len() > command.len() && other.starts_with(command));
    // Skip a command with subcommands, because it repeats their examples.
    for command in all.iter().filter(|command| !has_commands(command)) {
        for example in sections(&help(command, "--help", COLUMNS)).0 {
            let mut shell = std::process::Command::new("sh");
            shell.arg("-c").arg(example.replace("localhost:8484", &service.address)).current_dir(&folder);
            shell.env("PATH", &path).env("HOME", &folder).env("ABLY_API_KEY", format!("shop.backend:{SECRET}"));
            shell.env("ABLY_CONTROL_TOKEN", TOKEN).env_remove("ABLY_TOKEN").env("TEST_ADDRESS", &service.address);
            shell.env("TEST_PROGRAM", env!("CARGO_BIN_EXE_ably-auth")).env("TEST_ADMIN", &admin);
            shell.stdin(std::process::Stdio::null());
            let output = shell.output().unwrap();
            let failed = fs::read_to_string(folder.join("failed")).unwrap_or_default();
            assert!(output.status.success() && failed.is_empty(), "{example}: {failed} {output:?}");
            ran += 1;
        }
    }
    assert!(ran > 40, "only {ran} examples were found");
    fs::remove_dir_all(&folder).unwrap();
}
