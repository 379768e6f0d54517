//! Attachments and presence members, as many and as large as the service permits.

use std::thread;
use std::time::Duration;

use ably_auth_core::TokenParams;
use serde_json::json;

use super::{BOUND_MIB, for_each, open};
use crate::support::{ATTACKER, Attack, Socket, pick, token, token_with};

/// The most frames that a connection may send at once, and in the time of a pause.
const BURST: usize = 450;
const PAUSE: Duration = Duration::from_secs(1);
const IN_PAUSE: usize = 240;

#[test]
fn attachments_of_one_connection_are_bounded() {
    Attack::new("sockets: 10,000 attachments", 128, &[]).run(|attack| {
        let bearer = token(&attack.service, "app0.key");
        let mut socket = Socket::open(ATTACKER, &attack.service, &bearer, "").unwrap();
        let (mut attached, mut refused) = (0, 0);
        for nth in 0..pick(1_000, 10_000) {
            if nth >= BURST && nth % IN_PAUSE == 0 {
                thread::sleep(PAUSE);
            }
            attack.count(60);
            socket.send(&json!({ "action": 10, "channel": format!("channel-{nth}") })).unwrap();
            let answer = socket.message().unwrap();
            match (answer["action"].as_u64(), answer["error"]["code"].as_u64()) {
                (Some(11), None) => attached += 1,
                (Some(9), Some(90010)) => refused += 1,
                _ => panic!("{answer}"),
            }
        }
        assert_eq!(attached, 200, "{refused} were refused");
        // To detach from what is not attached frees no memory that others use.
        for nth in 0..BURST {
            socket.send(&json!({ "action": 12, "channel": format!("other-{nth}-{}", "n".repeat(2_000)) })).unwrap();
            if nth % IN_PAUSE == 0 {
                thread::sleep(PAUSE);
            }
        }
    });
}

#[test]
fn attachments_with_long_names_are_bounded() {
    Attack::new("sockets: attachments with names of 2 KiB", BOUND_MIB, &[]).run(|attack| {
        let mut sockets = open(attack, &token(&attack.service, "app0.key"), pick(200, 2_400));
        for_each(&mut sockets, |socket| {
            for nth in 0..200 {
                let channel = format!("{nth}-{:?}-{}", socket.stream().local_addr(), "n".repeat(1_980));
                attack.count(channel.len());
                if socket.send(&json!({ "action": 10, "channel": channel })).is_err() {
                    return;
                }
            }
        });
        thread::sleep(PAUSE);
    });
}

#[test]
fn presence_members_are_bounded() {
    Attack::new("sockets: presence with data of 60 KiB", BOUND_MIB, &[]).run(|attack| {
        let bearer = token_with(&attack.service, "app0.key", &TokenParams::new().client_id("*"));
        let mut sockets = open(attack, &bearer, pick(40, 400));
        let data = "d".repeat(60_000);
        for_each(&mut sockets, |socket| {
            // The modes of a client that enters, and does not listen to others.
            let attach = json!({ "action": 10, "channel": "crowd", "flags": 1 << 16 });
            for nth in 0..pick(80, 400) {
                let message = match nth {
                    0 => attach.clone(),
                    // Many updates of one member, which must not be counted as if each of them freed its data.
                    nth if nth % 20 == 0 => {
                        let updates: Vec<_> = (0..100).map(|_| json!({ "action": 4, "clientId": "m-1" })).collect();
                        json!({ "action": 14, "channel": "crowd", "msgSerial": nth, "presence": updates })
                    }
                    nth => {
                        let member = json!({ "action": 2, "clientId": format!("m-{nth}"), "data": data });
                        json!({ "action": 14, "channel": "crowd", "msgSerial": nth, "presence": [member] })
                    }
                };
                attack.count(message.to_string().len());
                if socket.send(&message).is_err() {
                    return;
                }
            }
        });
        // A client that wants to see all of them.
        if let Ok(mut listener) = Socket::open(ATTACKER, &attack.service, &bearer, "") {
            for _ in 0..50 {
                let _ = listener.send(&json!({ "action": 10, "channel": "crowd" }));
                let _ = listener.send(&json!({ "action": 16, "channel": "crowd" }));
            }
        }
    });
}
