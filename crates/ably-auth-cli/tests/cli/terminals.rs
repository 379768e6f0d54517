//! The program at a terminal: prompts, progress lines, and output that fits the window.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::support::{KEY, Process, SECRET, TIMEOUT, program, spawn};

const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// A pseudo terminal in which the program runs.
struct Window {
    controller: File,
    /// Keeps the terminal open, because it closes with its last file descriptor.
    terminal: File,
    process: Process,
    shown: Arc<Mutex<String>>,
}

impl Window {
    fn open(columns: u16, args: &[&str]) -> Self {
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&controller).unwrap();
        unlockpt(&controller).unwrap();
        tcsetwinsize(&controller, Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let name = ptsname(&controller, Vec::new()).unwrap();
        let terminal = File::from(open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap());
        let end = || Stdio::from(terminal.try_clone().unwrap());
        let mut command = program(args);
        command.env_remove("NO_COLOR").env("TERM", "xterm").stdin(end()).stdout(end()).stderr(end());
        let process = spawn(&mut command);
        let controller = File::from(controller);
        let shown = Arc::new(Mutex::new(String::new()));
        let (mut from, to) = (controller.try_clone().unwrap(), Arc::clone(&shown));
        thread::spawn(move || {
            let mut some = [0; 4096];
            while let Ok(bytes) = from.read(&mut some) {
                to.lock().unwrap_or_else(PoisonError::into_inner).push_str(&String::from_utf8_lossy(&some[..bytes]));
            }
        });
        Self { controller, terminal, process, shown }
    }

    fn shown(&self) -> String {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    #[track_caller]
    fn wait_for(&self, text: &str) -> String {
        for _ in 0..TIMEOUT.as_millis() / POLL_INTERVAL.as_millis() {
            let shown = self.shown();
            if shown.contains(text) {
                return shown;
            }
            thread::sleep(POLL_INTERVAL);
        }
        panic!("`{text}` is not shown: {:?}", self.shown());
    }

    fn press(&mut self, keys: &str) {
        self.controller.write_all(keys.as_bytes()).unwrap();
    }

    fn echoes(&self) -> bool {
        tcgetattr(&self.terminal).unwrap().local_modes.contains(LocalModes::ECHO)
    }
}

#[test]
fn key_is_prompted_for_and_not_shown() {
    let mut window = Window::open(80, &["key", "inspect"]);
    window.wait_for("API key (not shown): ");
    assert!(!window.echoes());
    window.press(&format!("{KEY}\n"));
    let shown = window.wait_for("43 characters, not shown");
    assert!(!shown.contains(SECRET), "{shown}");
    assert_eq!(window.process.wait_for_exit(), Some(0));
    assert!(window.echoes());
}

#[test]
fn empty_answer_to_prompt_names_other_inputs() {
    for key in ["\n", "\u{4}"] {
        let mut window = Window::open(80, &["key", "inspect"]);
        window.wait_for("API key (not shown): ");
        window.press(key);
        window.wait_for("no key is given; set ABLY_API_KEY, or use --key-file or --key");
        assert_eq!(window.process.wait_for_exit(), Some(2));
        assert!(window.echoes());
    }
}

#[test]
fn typed_text_is_cleaned_and_checked() {
    let list = ["key", "list", "shop", "--control-url", "http://127.0.0.1:1"];
    for (args, what) in
        [(&["key", "inspect"][..], "the key"), (&["token", "inspect"], "the token"), (&list, "the access token")]
    {
        let quotes = ("\"", "\"", "it is in quotes; give ");
        let curly = ("\u{201c}", "\u{201d}", "it is in quotes; give ");
        let invisible = ("shop\u{200b}.", "", "it has the invisible character U+200B (byte 4); remove it");
        for (before, after, said) in [quotes, curly, invisible] {
            let mut window = Window::open(200, args);
            window.wait_for("(not shown): ");
            window.press(&format!("{before}{KEY}{after}\n"));
            let shown = window.wait_for(&format!("error: {what} that was typed: {said}"));
            assert_eq!(window.process.wait_for_exit(), Some(2), "{shown}");
            assert!(!shown.contains(SECRET), "{shown}");
            assert!(window.echoes());
        }
    }
    let mut window = Window::open(80, &["key", "inspect"]);
    window.wait_for("(not shown): ");
    window.press(&format!("\u{feff} {KEY}\u{a0}\r"));
    window.wait_for("key name  shop.backend");
    assert_eq!(window.process.wait_for_exit(), Some(0));
}

#[test]
fn refusal_in_sandbox_is_coloured_at_terminal() {
    let window = Window::open(120, &["serve", "--sandbox", "--listen", "127.0.0.1:0"]);
    let shown = window.wait_for("ClientOptions::from_env()");
    let address = shown.split_once("listening on http://").unwrap().1.lines().next().unwrap();
    crate::operating::get(address, "/channels/chat/messages?key=shop.backend:hush-hush");
    let shown = window.wait_for("GET /channels/chat/messages");
    assert!(shown.contains("\u{1b}[31m404 40400\u{1b}[0m  GET /channels/chat/messages"), "{shown:?}");
    assert!(!shown.contains("hush"), "{shown:?}");
}

#[test]
fn interrupt_ends_program_and_restores_terminal() {
    let mut window = Window::open(80, &["key", "list", "shop"]);
    window.wait_for("Access token of the Control API (not shown): ");
    window.press("half a tok\u{3}");
    window.process.wait_for_exit();
    let status = window.process.0.wait().unwrap();
    // A program that was started in the background by a script inherits that SIGINT is ignored; then it ends by itself.
    assert!(status.signal() == Some(2) || status.code() == Some(2), "{status}");
    assert!(window.echoes());
    assert!(!window.shown().contains("half"));
}

#[test]
fn token_details_can_be_pasted_in_several_lines() {
    let mut window = Window::open(80, &["token", "inspect"]);
    window.wait_for("TokenDetails (not shown): ");
    window.press("{\n  \"token\": \"shop.hushhush\",\n  \"issued\": 1, \"expires\": 2\n}\n");
    let shown = window.wait_for("app id    shop");
    assert!(!shown.contains("hushhush"), "{shown}");
    assert_eq!(window.process.wait_for_exit(), Some(0));
}

#[test]
fn long_wait_shows_progress_and_clears_it() {
    // This server accepts a connection, and answers only after the progress line was shown.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = silent.local_addr().unwrap().to_string();
    let url = format!("http://{host}");
    let mut window = Window::open(40, &["token", "request", "--endpoint", &url, "--key", KEY]);
    let (mut connection, _) = silent.accept().unwrap();
    window.wait_for(&format!("\r\u{1b}[Kwaiting for {host}: 1 s"));
    let body = r#"{"token":"shop.answered"}"#;
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
    write!(connection, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let shown = window.wait_for("shop.answered");
    assert_eq!(window.process.wait_for_exit(), Some(0));
    let (_, after) = shown.rsplit_once("\r\u{1b}[K").unwrap();
    assert!(after.starts_with('{'), "{shown:?}");
}

#[test]
fn output_fits_the_window() {
    let jwt =
        ["jwt", "mint", "--key", KEY, "--capability", r#"{"chat:*":["publish"]}"#, "--timestamp", "1767225600000"];
    let jwt = crate::support::run(&jwt).yes().to_owned();
    let mut window = Window::open(40, &["token", "inspect", "--now", "1767227400000"]);
    window.wait_for("(not shown): ");
    window.press(&format!("{jwt}\n"));
    let shown = window.wait_for("publish\u{1b}[0m\r\nchat:*  ");
    assert_eq!(window.process.wait_for_exit(), Some(0));
    let (_, drawn) = shown.split_once("JWT, not verified").unwrap();
    for line in drawn.lines() {
        let mut plain = line.trim_end().to_owned();
        for code in ["0", "1", "2", "31", "32", "33"] {
            plain = plain.replace(&format!("\u{1b}[{code}m"), "");
        }
        assert!(plain.chars().count() <= 40, "{plain:?}");
    }
}

#[test]
fn json_at_terminal_is_escaped() {
    let capability = "{\"a\u{202e}\u{9b}b\":[\"publish\"]}";
    let mut window = Window::open(80, &["capability", "format", capability]);
    let shown = window.wait_for("publish");
    assert_eq!(window.process.wait_for_exit(), Some(0));
    assert!(shown.contains(r"a\u202e\u009bb"), "{shown:?}");
}

#[test]
fn permanent_changes_are_confirmed() {
    let revoke =
        (&["key", "revoke", "shop.backend"][..], "revoke the key shop.backend and every token made from it", "revoked");
    let delete =
        (&["app", "delete", "shop"][..], "delete the app shop, its keys and every token made from them", "deleted");
    let url = ["--control-url", "http://127.0.0.1:1"];
    for (args, question, done) in [revoke, delete] {
        for answer in ["n\n", "\n", "no\n", "y\n", "YES\n"] {
            let mut window = Window::open(100, &[args, &url].concat());
            window.wait_for(&format!("{question} permanently? [y/N] "));
            window.press(answer);
            if answer.to_lowercase().starts_with('y') {
                window.wait_for("Access token of the Control API (not shown): ");
                window.press("an-access-token\n");
                assert_eq!(window.process.wait_for_exit(), Some(1), "no service listens");
            } else {
                window.wait_for(&format!("nothing was {done}"));
                assert_eq!(window.process.wait_for_exit(), Some(2));
            }
        }
        let mut window = Window::open(100, &[args, &["--yes"], &url].concat());
        window.wait_for("Access token of the Control API (not shown): ");
        window.press("\u{4}");
        assert_eq!(window.process.wait_for_exit(), Some(2));
    }
}
