//! AUTH again and again over one connection.

use ably_auth_core::{Capability, TokenParams};
use serde_json::json;

use super::BOUND_MIB;
use crate::support::{ATTACKER, Attack, Socket, pick, token, token_with};

/// The maximum number of AUTH on one connection; the service ends it before that.
const MAX_SENT: usize = 5_000;

/// Sends AUTH with a token on connections, each until it is closed. Returns how many were sent.
fn authenticate(attack: &Attack, bearer: &str, presented: &str, connections: usize) -> usize {
    let auth = json!({ "action": 17, "auth": { "accessToken": presented.trim_start_matches("Bearer ") } });
    let mut sent = 0;
    for _ in 0..connections {
        let Ok(mut socket) = Socket::open(ATTACKER, &attack.service, bearer, "") else {
            continue;
        };
        for _ in 0..MAX_SENT {
            if socket.send(&auth).is_err() {
                break;
            }
            attack.count(auth.to_string().len());
            sent += 1;
        }
    }
    sent
}

#[test]
fn auth_floods_are_bounded() {
    Attack::new("sockets: AUTH again and again", BOUND_MIB, &[]).run(|attack| {
        let bearer = token(&attack.service, "app0.key");
        // A large capability costs the most to verify.
        let capability: serde_json::Map<_, _> =
            (0..200).map(|nth| (format!("channel-{nth:04}-{}", "n".repeat(80)), json!(["publish"]))).collect();
        let capability: Capability = json!(capability).to_string().parse().unwrap();
        let large = token_with(&attack.service, "app0.key", &TokenParams::new().capability(capability));
        let valid = authenticate(attack, &bearer, &bearer, pick(10, 100));
        let large = authenticate(attack, &bearer, &large, pick(10, 100));
        let invalid = authenticate(attack, &bearer, "app0.key:not-a-token", pick(200, 2_000));
        assert!(valid > 0 && large > 0 && invalid > 0);
    });
}
