//! What an explanation says, and of which entry.

use ably_auth_core::Capability;
use serde_json::{Value, json};

/// Each capability, what is asked of it, and what is said.
const SAID: [(&str, &str, &str, &str); 6] = [
    (r#"{"*":["publish"]}"#, "chat", "publish", "`publish` on `chat` is permitted by `*`"),
    (
        r#"{"*":["history"],"chat":["publish","subscribe"]}"#,
        "chat",
        "presence",
        "`presence` on `chat` is not permitted: `chat` covers it, but has only `publish`, `subscribe`",
    ),
    (
        r#"{"chat:*":["publish"]}"#,
        "chat",
        "publish",
        "`publish` on `chat` is not permitted: `chat:*` has `publish`, but does not cover it",
    ),
    (
        r#"{"chat":["publish"]}"#,
        "status",
        "history",
        "`history` on `status` is not permitted: nothing covers it, and nothing has that operation",
    ),
    (
        r#"{"*":["publish"]}"#,
        "[queue]",
        "publish",
        "`publish` on `[queue]` is not permitted: this is not a valid resource",
    ),
    (r#"{"*":["publish"]}"#, "a\nb", "publish", r"`publish` on `a\nb` is permitted by `*`"),
];

#[test]
fn people_are_told_in_words() {
    for (capability, resource, operation, said) in SAID {
        let capability: Capability = capability.parse().unwrap();
        let explanation = capability.explain(resource, operation);
        assert_eq!(explanation.to_string(), said);
        assert_eq!(explanation.is_permitted(), said.contains("is permitted"));
    }
}

#[test]
fn programs_are_told_by_name() {
    let told = |capability: &str, resource: &str, operation: &str| {
        let capability: Capability = capability.parse().unwrap();
        serde_json::to_value(capability.explain(resource, operation)).unwrap()
    };
    assert_eq!(
        told(r#"{"*":["publish"]}"#, "chat", "publish"),
        json!({"permitted": true, "resource": "chat", "operation": "publish", "reason": "permitted",
            "entry": {"resource": "*", "operations": ["publish"]}})
    );
    assert_eq!(
        told(r#"{"chat":["publish"]}"#, "status", "*"),
        json!({"permitted": false, "resource": "status", "operation": "*", "reason": "lacksBoth"})
    );
    let reasons =
        SAID.map(|(capability, resource, operation, _)| told(capability, resource, operation)["reason"].take());
    let names = ["permitted", "lacksOperation", "lacksResource", "lacksBoth", "noResource", "permitted"];
    assert_eq!(reasons, names.map(Value::from));
}

/// Of entries that cover nothing of what is asked, the one is shown whose name goes along with it the furthest.
#[test]
fn the_closest_entry_is_the_one_most_like_it() {
    for (resources, asked, closest) in [
        (["a:b:c", "a:x", "z"], "a:b:d", "a:b:c"),
        (["a:x", "b:c", "z"], "a:b", "a:x"),
        // A `*` goes along with anything.
        (["a:*:c", "a:q", "z"], "a:b:d", "a:*:c"),
        // The kind counts before any segment, and `[*]` is every kind.
        (["[queue]z", "[meta]a", "z"], "[queue]a", "[queue]z"),
        (["[*]a:c", "[queue]a", "z"], "a:b", "[*]a:c"),
    ] {
        let entries = resources.map(|resource| (resource, ["publish"]));
        let text = serde_json::to_string(&std::collections::BTreeMap::from(entries)).unwrap();
        let capability: Capability = text.parse().unwrap();
        let told = serde_json::to_value(capability.explain(asked, "publish")).unwrap();
        assert_eq!(
            (&told["reason"], &told["entry"]["resource"]),
            (&json!("lacksResource"), &json!(closest)),
            "{asked}"
        );
    }
}
