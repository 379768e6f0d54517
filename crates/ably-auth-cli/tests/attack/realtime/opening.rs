//! Connections that are opened and not used, and connections that are opened again and again.

use std::io::Write as _;
use std::thread;
use std::time::Duration;

use serde_json::json;
use test_support::socket::upgrade;

use super::{BOUND_MIB, THREADS, open};
use crate::support::{ATTACKER, Attack, Socket, open_from, pick, token};

fn hold<T>(open: T) {
    thread::sleep(Duration::from_secs(pick(1, 12) as u64));
    drop(open);
}

#[test]
fn half_open_upgrades_are_bounded() {
    Attack::new("sockets: half a handshake", BOUND_MIB, &[]).run(|attack| {
        let whole = upgrade(&format!("accessToken={}", "t".repeat(8_000)));
        let beginnings = [&whole[..whole.len() - 2], &whole];
        let begun = (0..pick(500, 2_400)).filter_map(|nth| {
            let mut stream = open_from(ATTACKER, &attack.service).ok()?;
            let beginning = beginnings[nth % 2].as_bytes();
            attack.count(beginning.len());
            stream.write_all(beginning).ok().map(|()| stream)
        });
        hold(begun.collect::<Vec<_>>());
    });
}

#[test]
fn silent_connections_are_bounded() {
    Attack::new("sockets: silent after the handshake", BOUND_MIB, &[]).run(|attack| {
        hold(open(attack, &token(&attack.service, "app0.key"), pick(500, 2_400)));
    });
}

#[test]
fn reconnect_storms_are_bounded() {
    Attack::new("sockets: resumed again and again", BOUND_MIB, &[]).run(|attack| {
        let bearer = token(&attack.service, "app0.key");
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let mut query = String::new();
                    for nth in 0..pick(100, 1_000) {
                        attack.count(400);
                        let Ok(mut socket) = Socket::open(ATTACKER, &attack.service, &bearer, &query) else {
                            continue;
                        };
                        for channel in 0..20 {
                            let _ = socket.send(&json!({ "action": 10, "channel": format!("channel-{channel}") }));
                        }
                        // Every other connection is resumed while it is still open, or after it was lost.
                        query = format!("&resume={}", socket.key);
                        if nth % 4 == 0 {
                            query.clear();
                        }
                    }
                });
            }
        });
    });
}
