//! The transcripts of the guide's page on realtime connections.

use std::collections::HashMap;

use super::*;

const PAGE: &str = include_str!("../../../../../docs/realtime.md");

/// Returns whether `text` is `pattern`, in which each `…` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('…');
    let Some(mut rest) = parts.next().and_then(|start| text.strip_prefix(start)) else {
        return false;
    };
    let Some((_, end)) = pattern.rsplit_once('…') else {
        return rest.is_empty();
    };
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    text.ends_with(end)
}

/// Creates a token with the members of a JSON object as its params; `key` is the key that issues it.
fn token_of(world: &World, wanted: &Value) -> String {
    let mut asked = params();
    if let Some(client_id) = wanted["clientId"].as_str() {
        asked = asked.client_id(client_id);
    }
    if let Some(capability) = wanted["capability"].as_str() {
        asked = asked.capability(capability);
    }
    if let Some(millis) = wanted["ttl"].as_u64() {
        asked = asked.ttl(ttl(millis));
    }
    world.token(wanted["key"].as_str().unwrap_or(KEY), &asked).token().expose().to_owned()
}

async fn play(transcript: &str) {
    let service = Realtime::start().await;
    let (mut tokens, mut client) = (HashMap::new(), None);
    for line in transcript.lines() {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let named = |text: &str| {
            let put = |text: String, (name, token): (&String, &String)| {
                text.replace(&format!("Token={name}"), &format!("Token={token}"))
                    .replace(&format!("\"{name}\""), &format!("\"{token}\""))
            };
            tokens.iter().fold(text.to_owned(), put)
        };
        match verb {
            "token" => {
                let (name, wanted) = rest.split_once(' ').unwrap();
                tokens.insert(name.to_owned(), token_of(&service.world, &serde_json::from_str(wanted).unwrap()));
            }
            "connect" => client = Some(service.open(&named(rest)).await),
            ">" => client.as_mut().unwrap().send(serde_json::from_str(&named(rest)).unwrap()).await,
            "<" => {
                let text = client.as_mut().unwrap().next_text().await;
                assert!(matches(rest, &text), "expected {rest}\ngot      {text}");
            }
            "time" => {
                let seconds: u64 = rest.trim_end_matches(" s").parse().unwrap();
                // In steps, as the connection would see it.
                for _ in 0..seconds.div_ceil(15) {
                    service.world.pass(15_000);
                    client.as_mut().unwrap().send(json!({ "action": HEARTBEAT })).await;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
            "revoke" => assert_eq!(service.world.revoke(&json!({ "targets": [rest] })).status, 201),
            "closed" => assert_eq!(client.as_mut().unwrap().next().await, None),
            _ => panic!("unknown line: {line}"),
        }
    }
}

#[tokio::test]
async fn transcripts_of_the_guide_are_what_happens() {
    let blocks: Vec<_> =
        PAGE.split("```transcript\n").skip(1).map(|block| block.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 6, "the page has transcripts");
    for block in blocks {
        play(block).await;
    }
}

#[test]
fn pattern_matches_only_its_text() {
    assert!(matches(r#"{"a":…,"b":"…"}"#, r#"{"a":1,"b":"x"}"#) && matches("same", "same") && matches("a…", "ab"));
    for (pattern, text) in [("same", "same!"), ("a…c", "abd"), ("a…c", "xabc"), ("…,b", "b")] {
        assert!(!matches(pattern, text), "{pattern} {text}");
    }
}
