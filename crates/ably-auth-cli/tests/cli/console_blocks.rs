//! Runs the console blocks of the READMEs and of the guide.
//!
//! A line that starts with `$ ` is a command. The lines after it are its expected output on stdout and stderr, where
//! `…` matches any text within a line. The commands of one page run in one shell and in a separate folder. A `sh` block
//! has only commands, which must succeed.
#![cfg(unix)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::{env, fs, thread};

use crate::support::{Process, Service, TIMEOUT, spawn};

/// The default address of a service. In this test, each page uses another port.
const DEFAULT_ADDRESS: &str = "127.0.0.1:8484";
const MARK: &str = "=== the next command ===";

#[derive(Debug, PartialEq)]
struct Example {
    command: String,
    /// The expected output, or `None` in a `sh` block.
    prints: Option<String>,
}

/// Returns the commands of a page, in order.
fn examples(page: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut language = "";
    for line in page.lines() {
        if let Some(fence) = line.strip_prefix("```") {
            language = if language.is_empty() { fence } else { "" };
            continue;
        }
        let example = |command: &str, prints| Example { command: command.to_owned(), prints };
        match (language, line.strip_prefix("$ "), examples.last_mut()) {
            ("console", Some(command), _) => examples.push(example(command, Some(String::new()))),
            ("console", None, Some(Example { prints: Some(printed), .. })) => {
                printed.push_str(line);
                printed.push('\n');
            }
            ("sh", ..) => examples.push(example(line, None)),
            _ => {}
        }
    }
    examples
}

/// Returns true if `printed` matches `said`, where `…` matches any text within a line.
fn matches_output(said: &str, printed: &str) -> bool {
    let is_line = |said: &str, line: &str| {
        let mut parts = said.split('…');
        let Some(mut rest) = line.strip_prefix(parts.next().unwrap_or_default()) else { return false };
        let Some(end) = said.contains('…').then(|| parts.next_back().unwrap_or_default()) else {
            return rest.is_empty();
        };
        for part in parts {
            let Some((_, after)) = rest.split_once(part) else { return false };
            rest = after;
        }
        rest.ends_with(end)
    };
    said.lines().count() == printed.lines().count() && said.lines().zip(printed.lines()).all(|(a, b)| is_line(a, b))
}

/// A shell, its folder, and the service that it has started.
struct Session {
    _shell: Process,
    commands: ChildStdin,
    lines: Receiver<String>,
    folder: PathBuf,
    service: Option<Service>,
}

impl Session {
    fn new(name: &str) -> Self {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_ably-auth"));
        let path = std::iter::once(program.parent().unwrap().to_owned());
        let path = env::join_paths(path.chain(env::split_paths(&env::var_os("PATH").unwrap()))).unwrap();
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut shell = spawn(
            Command::new("sh")
                .current_dir(&folder)
                .env("PATH", path)
                .env_remove("ABLY_API_KEY")
                .env_remove("ABLY_TOKEN")
                .env_remove("ABLY_CONTROL_TOKEN")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped()),
        );
        let (commands, stdout) = (shell.0.stdin.take().unwrap(), shell.0.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || BufReader::new(stdout).lines().try_for_each(|line| sender.send(line.unwrap())));
        Self { _shell: shell, commands, lines, folder, service: None }
    }

    /// Runs a command. Returns its output and its exit status.
    fn run(&mut self, command: &str) -> (String, String) {
        // The README of the project runs the program with cargo.
        let command = command.replace("cargo run --release -p ably-auth-cli -- ", "ably-auth ");
        if let Some(args) = command.strip_prefix("ably-auth serve").and_then(|args| args.strip_suffix('&')) {
            return self.serve(args);
        }
        assert!(
            !command.contains("ably-auth serve"),
            "the service of `{command}` would outlive the test; end the command with `&`"
        );
        let address = self.service.as_ref().map(|service| service.address.clone());
        let here = address.as_deref().unwrap_or(DEFAULT_ADDRESS);
        let command = command.replace(DEFAULT_ADDRESS, here);
        writeln!(self.commands, "{{ {command}\n}} < /dev/null 2>&1; echo \"{MARK}$?\"").unwrap();
        let mut printed = String::new();
        loop {
            let line =
                self.lines.recv_timeout(TIMEOUT).unwrap_or_else(|_| panic!("`{command}` has not ended: {printed}"));
            if let Some((last, status)) = line.split_once(MARK) {
                return (printed + last, status.to_owned());
            }
            printed.push_str(&line.replace(here, DEFAULT_ADDRESS));
            printed.push('\n');
        }
    }

    /// Starts a service, which is killed when the session is dropped.
    fn serve(&mut self, args: &str) -> (String, String) {
        let args: Vec<&str> = args.split_whitespace().collect();
        self.service = Some(Service::start_in(&self.folder, &args));
        let scheme = if args.iter().any(|arg| arg.starts_with("--tls")) { "https" } else { "http" };
        let mut printed = format!("listening on {scheme}://{DEFAULT_ADDRESS}\n");
        if args.contains(&"--sandbox") {
            printed.push_str(&format!("console on {scheme}://{DEFAULT_ADDRESS}/console\n"));
        }
        (printed, "0".to_owned())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Returns the paths of the guide's pages, and of the READMEs of the project and of this crate.
fn pages() -> Vec<PathBuf> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let guide = fs::read_dir(project.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<_> = guide.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect();
    pages.extend(["README.md", "crates/ably-auth-cli/README.md"].map(|page| project.join(page)));
    pages
}

/// Returns the reason if the command cannot run in this test.
fn is_left_out(command: &str) -> Option<&'static str> {
    let reasons = [
        ("cargo xtask", "it would run this test again"),
        ("cargo install", "it changes the machine"),
        ("/etc/", "it needs an installed service; `operating` tests the same with other files"),
        ("openssl", "it may not be installed"),
        ("curl", "it may not be installed; `tls` tests the same"),
    ];
    reasons.iter().find(|(with, _)| command.contains(with)).map(|(_, reason)| *reason)
}

#[test]
fn console_blocks_print_documented_output() {
    let mut ran = 0;
    for page in pages() {
        let mut session = None;
        for Example { command, prints } in examples(&fs::read_to_string(&page).unwrap()) {
            if is_left_out(&command).is_some() {
                continue;
            }
            let name = page.file_stem().unwrap().to_str().unwrap();
            let (printed, status) = session.get_or_insert_with(|| Session::new(&format!("{name}-{ran}"))).run(&command);
            let page = page.display();
            match prints {
                Some(said) => {
                    assert!(matches_output(&said, &printed), "{page}: `{command}` prints\n{printed}\nnot\n{said}");
                }
                None => assert_eq!(status, "0", "{page}: `{command}` fails: {printed}"),
            }
            ran += 1;
        }
    }
    assert!(ran >= 30, "only {ran} commands were found");
}

#[test]
fn blocks_are_parsed_and_compared_line_by_line() {
    let page = "```console\n$ a\n1\n2\n$ b\n```\nx\n```sh\nc\n```\n```text\n$ no\n```";
    let example = |command: &str, prints: Option<&str>| Example {
        command: command.to_owned(),
        prints: prints.map(str::to_owned),
    };
    assert_eq!(examples(page), [example("a", Some("1\n2\n")), example("b", Some("")), example("c", None)]);
    assert!(matches_output("a … c …\nb\n", "a b c d\nb\n") && matches_output("", ""));
    for printed in ["a b c d\n", "a b d\nb\n", "a b c d\nb\nb\n", "x b c d\nb\n", "a b c d\nbb\n"] {
        assert!(!matches_output("a … c …\nb\n", printed), "{printed}");
    }
}
