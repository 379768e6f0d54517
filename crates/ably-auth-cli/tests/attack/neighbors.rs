//! Attacks by one app or one address on the resources of the others.

use std::net::Ipv4Addr;
use std::thread;

use ably_auth_core::{Capability, TokenParams};
use serde_json::json;

use crate::support::{ATTACKER, Attack, Connection, Request, basic, open_from, pick, sign, token_with};

const BOUND_MIB: u64 = 512;

/// Returns params with a capability of about `bytes` bytes, which differs for each `nth`.
fn large(bytes: usize, nth: usize) -> TokenParams {
    let entries: serde_json::Map<_, _> =
        (0..bytes / 120).map(|at| (format!("channel-{nth}-{at:04}-{}", "n".repeat(80)), json!(["publish"]))).collect();
    TokenParams::new().capability(json!(entries).to_string().parse::<Capability>().unwrap())
}

#[test]
fn large_tokens_of_one_app_leave_room_for_others() {
    Attack::new("large tokens of one key", BOUND_MIB, &[]).run(|attack| {
        let mut connection = Connection::open(ATTACKER, &attack.service).unwrap();
        let mut refused = None;
        for nth in 0..2_500 {
            let request = sign("app0.key", &large(60_000, nth));
            attack.count(request.body.len());
            let answer = connection.send(&request).unwrap();
            if answer.status != 201 {
                refused = Some(answer.code());
                break;
            }
        }
        assert_eq!(refused, Some(42910), "the large tokens of one key are not limited");
        let _ = token_with(&attack.service, "app1.key", &large(60_000, 0));
    });
}

/// Posts `count` revocations with the key `app0.revocable`.
fn revoke(attack: &Attack, count: usize, body: impl Fn(usize) -> serde_json::Value) {
    let (path, credential) = ("/keys/app0.revocable/revokeTokens", basic("app0.revocable"));
    let mut connection = Connection::open(ATTACKER, &attack.service).unwrap();
    for nth in 0..count {
        let request = Request::json(path, body(nth).to_string()).with(&credential);
        attack.count(request.body.len());
        // The service may refuse the revocation in any way. Reconnect if it closed the connection.
        if connection.send(&request).is_err() {
            connection = Connection::open(ATTACKER, &attack.service).unwrap();
        }
    }
}

#[test]
fn revocation_targets_are_bounded() {
    Attack::new("revocation: targets of 65 kB", 128, &["--sandbox"]).run(|attack| {
        let long = "t".repeat(65_000);
        revoke(attack, pick(800, 20_000), |nth| json!({ "targets": [format!("clientId:{nth}{long}")] }));
    });
}

#[test]
fn repeated_revocations_are_bounded() {
    Attack::new("revocation: repeated with a margin", 64, &["--sandbox"]).run(|attack| {
        revoke(attack, pick(1_500, 10_000), |_| json!({ "targets": ["clientId:bob"], "allowReauthMargin": true }));
    });
}

#[test]
fn idle_connections_of_one_address_leave_room_for_others() {
    Attack::new("300 connections, one address", BOUND_MIB, &["--max-connections", "300"]).run(|attack| {
        let open: Vec<_> = (0..pick(600, 1_000))
            .filter_map(|_| {
                let mut connection = Connection::open(ATTACKER, &attack.service).ok()?;
                connection.send(&Request::get("/time")).ok().map(|_| connection)
            })
            .collect();
        let answers = (0..10).filter(|_| {
            let answer = Connection::open(Ipv4Addr::LOCALHOST, &attack.service)
                .and_then(|mut connection| connection.send(&sign("app1.key", &TokenParams::new())));
            thread::sleep(std::time::Duration::from_millis(20));
            answer.is_ok_and(|answer| answer.status == 201)
        });
        let answered = answers.count();
        assert!(answered >= 9, "another address got {answered} of 10 answers during {} idle connections", open.len());
    });
}

#[test]
fn connections_that_send_nothing_leave_room_for_others() {
    Attack::new("300 connections, silent", BOUND_MIB, &["--max-connections", "300"]).run(|attack| {
        let open: Vec<_> = (0..pick(600, 1_000)).filter_map(|_| open_from(ATTACKER, &attack.service).ok()).collect();
        let answer = Connection::open(Ipv4Addr::LOCALHOST, &attack.service)
            .and_then(|mut connection| connection.send(&sign("app1.key", &TokenParams::new())));
        assert!(
            answer.is_ok_and(|answer| answer.status == 201),
            "{} silent connections shut out another address",
            open.len()
        );
    });
}
