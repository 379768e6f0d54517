//! Attacks that fill the history of channels, with valid tokens.

use std::thread;

use crate::support::{ATTACKER, Attack, Connection, Request, pick, token};

const APPS: usize = 6;

/// Returns a MessagePack message whose data is an array of small maps.
fn msgpack_message() -> Vec<u8> {
    let count = 21_000_u16;
    let mut body = b"\x81\xa4data\xdc".to_vec();
    body.extend(count.to_be_bytes());
    body.extend([0x81, 0xa0, 0xc0].repeat(count.into()));
    body
}

fn json_message() -> Vec<u8> {
    format!(r#"{{"data":[{}]}}"#, vec![r#"{"":0}"#; 9_000].join(",")).into_bytes()
}

fn batch(messages: usize) -> Vec<u8> {
    format!("[{}]", vec!["{}"; messages].join(",")).into_bytes()
}

/// Sends `count` requests for each app, with a token of that app.
fn publish(attack: &Attack, count: usize, request: impl Fn(usize) -> Request + Sync) {
    let request = &request;
    thread::scope(|scope| {
        for app in 0..APPS {
            scope.spawn(move || {
                let bearer = token(&attack.service, &format!("app{app}.key"));
                let mut connection = None;
                for nth in 0..count {
                    let request = request(nth).with(&bearer);
                    let opened = connection.take().or_else(|| Connection::open(ATTACKER, &attack.service).ok());
                    if let Some(mut opened) = opened {
                        attack.count(request.body.len() + request.path.len());
                        connection = opened.send(&request).is_ok().then_some(opened);
                    }
                }
            });
        }
    });
}

#[test]
fn nested_messages_are_bounded() {
    Attack::new("history: nested data", 512, &[]).run(|attack| {
        let (msgpack, json) = (msgpack_message(), json_message());
        publish(attack, pick(60, 600), |nth| {
            let path = format!("/channels/c{}/messages", nth % 8);
            if nth % 2 == 0 { Request::msgpack(&path, msgpack.clone()) } else { Request::json(&path, json.clone()) }
        });
    });
}

#[test]
fn batches_are_bounded() {
    Attack::new("history: batches", 512, &[]).run(|attack| {
        // The most that the body's limit allows, which is refused, and the most that one request may publish.
        let batches = [batch(20_000), batch(500)];
        publish(attack, pick(50, 600), |nth| {
            Request::json(&format!("/channels/c{}/messages", nth % 300), batches[nth % 2].clone())
        });
    });
}

#[test]
fn channel_names_are_bounded() {
    Attack::new("history: long channel names", 512, &[]).run(|attack| {
        let long = "n".repeat(8_000);
        publish(attack, pick(800, 20_000), |nth| Request::json(&format!("/channels/{long}{nth}/messages"), "{}"));
    });
}
