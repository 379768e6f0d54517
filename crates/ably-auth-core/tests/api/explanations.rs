//! Explanations: their texts, and the entry that each shows.

use ably_auth_core::Capability;
use serde_json::{Value, json};

/// Capabilities, a resource and an operation to check, and the text of the explanation.
const EXPLANATIONS: [(&str, &str, &str, &str); 6] = [
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
fn explanation_is_displayed_as_text() {
    for (capability, resource, operation, said) in EXPLANATIONS {
        let capability: Capability = capability.parse().unwrap();
        let explanation = capability.explain(resource, operation);
        assert_eq!(explanation.to_string(), said);
        assert_eq!(explanation.is_permitted(), said.contains("is permitted"));
    }
}

#[test]
fn explanation_is_serialized_with_reason() {
    let explain = |capability: &str, resource: &str, operation: &str| {
        let capability: Capability = capability.parse().unwrap();
        serde_json::to_value(capability.explain(resource, operation)).unwrap()
    };
    assert_eq!(
        explain(r#"{"*":["publish"]}"#, "chat", "publish"),
        json!({"permitted": true, "resource": "chat", "operation": "publish", "reason": "permitted",
            "entry": {"resource": "*", "operations": ["publish"]}})
    );
    assert_eq!(
        explain(r#"{"chat":["publish"]}"#, "status", "*"),
        json!({"permitted": false, "resource": "status", "operation": "*", "reason": "lacksBoth"})
    );
    let reasons = EXPLANATIONS
        .map(|(capability, resource, operation, _)| explain(capability, resource, operation)["reason"].take());
    let names = ["permitted", "lacksOperation", "lacksResource", "lacksBoth", "noResource", "permitted"];
    assert_eq!(reasons, names.map(Value::from));
}

/// If no entry covers the resource, the entry with the most leading segments in common is shown.
#[test]
fn closest_entry_has_most_segments_in_common() {
    for (resources, asked, closest) in [
        (["a:b:c", "a:x", "z"], "a:b:d", "a:b:c"),
        (["a:x", "b:c", "z"], "a:b", "a:x"),
        // A `*` counts as equal to any segment.
        (["a:*:c", "a:q", "z"], "a:b:d", "a:*:c"),
        // The kind counts more than any segment, and `[*]` counts as every kind.
        (["[queue]z", "[meta]a", "z"], "[queue]a", "[queue]z"),
        (["[*]a:c", "[queue]a", "z"], "a:b", "[*]a:c"),
    ] {
        let entries = resources.map(|resource| (resource, ["publish"]));
        let text = serde_json::to_string(&std::collections::BTreeMap::from(entries)).unwrap();
        let capability: Capability = text.parse().unwrap();
        let explanation = serde_json::to_value(capability.explain(asked, "publish")).unwrap();
        assert_eq!(
            (&explanation["reason"], &explanation["entry"]["resource"]),
            (&json!("lacksResource"), &json!(closest)),
            "{asked}"
        );
    }
}
