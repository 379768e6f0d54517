//! Frames that do not end, that are too many, or that are not read.

use std::io::Write as _;
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use serde_json::json;
use test_support::socket::{BINARY, FIRST_PART, NEXT_PART, PING, TEXT, frame, header};

use super::{BOUND_MIB, THREADS, for_each, open};
use crate::support::{ATTACKER, Attack, Socket, pick, token};

/// The maximum length of a frame.
const LONG: usize = 512 * 1024;

#[test]
fn announced_frames_are_bounded() {
    Attack::new("sockets: frames of 512 KiB announced", BOUND_MIB, &[]).run(|attack| {
        let mut sockets = open(attack, &token(&attack.service, "app0.key"), pick(1_000, 2_400));
        for_each(&mut sockets, |socket| {
            attack.count(14);
            let _ = socket.stream().write_all(&header(TEXT, LONG));
        });
        thread::sleep(Duration::from_secs(pick(1, 12) as u64));
    });
}

#[test]
fn giant_frames_are_bounded() {
    Attack::new("sockets: frames of 512 KiB but one byte", BOUND_MIB, &[]).run(|attack| {
        let mut sockets = open(attack, &token(&attack.service, "app0.key"), pick(400, 2_400));
        let mut most = frame(TEXT, &vec![b' '; LONG]);
        most.pop();
        for_each(&mut sockets, |socket| {
            attack.count(most.len());
            let _ = socket.stream().write_all(&most);
        });
        thread::sleep(Duration::from_secs(pick(1, 12) as u64));
    });
}

/// Whole frames, one after the other: what a connection needed for one must not stay with it.
#[test]
fn handled_giant_frames_leave_nothing() {
    Attack::new("sockets: whole frames of 512 KiB", BOUND_MIB, &[]).run(|attack| {
        let mut sockets = open(attack, &token(&attack.service, "app0.key"), pick(400, 2_400));
        let mut padded = br#"{"action":0}"#.to_vec();
        padded.resize(LONG, b' ');
        let whole = frame(TEXT, &padded);
        sockets.iter_mut().for_each(|socket| {
            attack.count(whole.len());
            let _ = socket.stream().write_all(&whole);
        });
    });
}

/// Sends the same bytes on new connections until the service closes each.
fn flood(attack: &Attack, opening: &[u8], piece: &[u8]) {
    let bearer = token(&attack.service, "app0.key");
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..pick(20, 400) {
                    let Ok(mut socket) = Socket::open(ATTACKER, &attack.service, &bearer, "") else {
                        continue;
                    };
                    let mut sent = socket.stream().write_all(opening);
                    for _ in 0..1_000 {
                        if sent.is_err() {
                            break;
                        }
                        attack.count(piece.len());
                        sent = socket.stream().write_all(piece);
                    }
                    assert!(sent.is_err() || socket.message_of(6).is_ok(), "a flood is not ended");
                    let _ = socket.stream().shutdown(Shutdown::Both);
                }
            });
        }
    });
}

#[test]
fn endless_fragments_are_bounded() {
    Attack::new("sockets: endless parts of a message", BOUND_MIB, &[]).run(|attack| {
        flood(attack, &frame(FIRST_PART, b"{"), &frame(NEXT_PART, b"").repeat(1_000));
        flood(attack, &frame(FIRST_PART, b"{"), &frame(NEXT_PART, &[b' '; 4_000]).repeat(10));
    });
}

#[test]
fn ping_floods_are_bounded() {
    Attack::new("sockets: pings", BOUND_MIB, &[])
        .run(|attack| flood(attack, b"", &frame(PING, &[b'p'; 125]).repeat(100)));
}

#[test]
fn connections_that_do_not_read_are_bounded() {
    Attack::new("sockets: a flood that nobody reads", BOUND_MIB, &[]).run(|attack| {
        let bearer = token(&attack.service, "app0.key");
        let mut slow = open(attack, &bearer, 500);
        for_each(&mut slow, |socket| {
            let _ = socket.send(&json!({ "action": 10, "channel": "flooded" }));
        });
        // The messages are received as MessagePack, and sent as JSON, which escapes each byte of them.
        let mut message =
            b"\x84\xa6action\x0f\xa7channel\xa7flooded\xa9msgSerial\x00\xa8messages\x91\x81\xa4data\xda".to_vec();
        message.extend(65_000_u16.to_be_bytes());
        message.extend([0; 65_000]);
        let message = frame(BINARY, &message);
        let mut publisher = Socket::open(ATTACKER, &attack.service, &bearer, "&format=msgpack&echo=false");
        for nth in 0..pick(200, 2_000) {
            attack.count(message.len());
            let sent = publisher.as_mut().map(|socket| socket.stream().write_all(&message));
            if !matches!(sent, Ok(Ok(()))) {
                publisher = Socket::open(ATTACKER, &attack.service, &bearer, "&format=msgpack&echo=false");
            }
            // Connections that were closed come back, so that there are always some.
            if nth % 20 == 0 {
                slow.truncate(400);
                slow.extend(open(attack, &bearer, 96));
                let _ = slow
                    .iter_mut()
                    .skip(400)
                    .try_for_each(|socket| socket.send(&json!({ "action": 10, "channel": "flooded" })));
            }
        }
    });
}
