//! Connections that never finish a request, and connections that never start one.

use std::fs;
use std::io::Write as _;
use std::thread;
use std::time::Duration;

use crate::support::{ATTACKER, Attack, Request, open_from, pick};

const BOUND_MIB: u64 = 400;

/// Returns `count`, or a smaller number that the limit on open files allows.
fn within_file_limit(count: usize) -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let limit: usize = line.split_whitespace().nth(3).and_then(|limit| limit.parse().ok()).unwrap_or(usize::MAX);
    count.min(limit.saturating_sub(200))
}

/// Opens `count` connections, sends `beginning` on each, and holds them open for 1 s, or for 12 s in the long form.
fn hold(attack: &Attack, count: usize, beginning: &[u8]) {
    let open: Vec<_> = (0..within_file_limit(count))
        .filter_map(|_| {
            let mut stream = open_from(ATTACKER, &attack.service).ok()?;
            attack.count(beginning.len());
            stream.write_all(beginning).ok().map(|()| stream)
        })
        .collect();
    thread::sleep(Duration::from_secs(pick(1, 12) as u64));
    drop(open);
}

#[test]
fn unfinished_heads_are_bounded() {
    let head = format!("GET /time HTTP/1.1\r\nHost: localhost\r\nX-Long: {}", "h".repeat(15_000));
    Attack::new("heads that do not end", BOUND_MIB, &[])
        .run(|attack| hold(attack, pick(1_000, 9_000), head.as_bytes()));
}

#[test]
fn half_bodies_are_bounded() {
    let whole = Request::json("/keys/app0.key/requestToken", vec![b' '; 64_000]).bytes();
    let half = &whole[..whole.len() - 1_000];
    Attack::new("bodies that do not end", BOUND_MIB, &[]).run(|attack| hold(attack, pick(1_000, 9_000), half));
}

#[test]
fn idle_connections_are_bounded() {
    Attack::new("idle connections", BOUND_MIB, &[]).run(|attack| hold(attack, pick(3_000, 9_900), b""));
}
