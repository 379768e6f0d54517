//! `ably-auth capability explain`, `cover`, `union`, `minimal` and `table`

use ably_auth_core::{Capability, Operation};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use crate::support::{run, run_with_stdin};

const WIDE: &str = r#"{"*":["subscribe"],"chat:*":["publish","subscribe"]}"#;
const NARROW: &str = r#"{"chat:日本":["history","publish"]}"#;

#[test]
fn union_permits_what_either_permits() {
    let together = r#"{"*":["subscribe"],"chat:*":["publish","subscribe"],"chat:日本":["history","publish"]}"#;
    for json in [&[][..], &["--json"]] {
        assert_eq!(run(&[json, &["capability", "union", WIDE, NARROW]].concat()).yes(), together);
    }
    assert_eq!(run_with_stdin(&["capability", "union", "-", NARROW], WIDE).yes(), together);
}

#[test]
fn minimal_leaves_out_covered_entries() {
    let minimal = r#"{"*":["subscribe"],"chat:*":["publish"]}"#;
    for json in [&[][..], &["--json"]] {
        assert_eq!(run(&[json, &["capability", "minimal", WIDE]].concat()).yes(), minimal);
    }
    assert_eq!(run_with_stdin(&["capability", "minimal", "-"], WIDE).yes(), minimal);
}

#[test]
fn explain_prints_reason_and_table() {
    let explain = |operation, more: &[&str]| {
        run(&[&["capability", "explain", WIDE, "--resource", "chat:é", "--operation", operation], more].concat())
    };
    let table = "\n\n        publish\n        │ subscribe\n*       · ●\nchat:*  ● ●";
    assert_eq!(explain("publish", &[]).yes(), format!("`publish` on `chat:é` is permitted by `chat:*`{table}"));
    let lacks = "`history` on `chat:é` is not permitted: `chat:*` covers it, but has only `publish`, `subscribe`";
    assert_eq!(explain("history", &[]).no(), format!("{lacks}{table}"));

    let entry = json!({ "resource": "chat:*", "operations": ["publish", "subscribe"] });
    let json = json!({
        "permitted": false, "resource": "chat:é", "operation": "history", "reason": "lacksOperation", "entry": entry,
    });
    assert_eq!(explain("history", &["--json"]).no_json(), json);
    explain("shout", &[]).bad(&["--operation: unknown operation `shout`"]);
}

#[test]
fn cover_names_what_is_missing() {
    let answer = run(&["capability", "cover", WIDE, r#"{"chat:a":["publish"],"b":["subscribe"]}"#]);
    assert!(answer.yes().starts_with("yes: A permits all that B does\n\n"), "{answer:?}");

    let answer = run(&["capability", "cover", WIDE, NARROW]);
    let expected = "no: A does not permit all that B does; it lacks\n  `history` on `chat:日本`\n\n";
    assert!(answer.no().starts_with(expected), "{answer:?}");
    assert!(answer.no().contains("chat:日本  ✗ ● ○\n\n● both   ✗ B alone   ○ A alone"), "{answer:?}");
    let json = json!({ "covers": false, "lacks": { "chat:日本": ["history"] } });
    assert_eq!(run(&["capability", "cover", "--json", WIDE, NARROW]).no_json(), json);

    // `*` also covers operations that are added later, so a list of all known operations does not cover it.
    let all: Vec<_> = Operation::ALL.iter().map(|operation| operation.as_str()).collect();
    let answer = run(&["capability", "cover", "--json", &json!({ "a": all }).to_string(), r#"{"a":["*"]}"#]);
    assert_eq!(answer.no_json(), json!({ "covers": false, "lacks": { "a": ["*"] } }));
}

#[test]
fn table_compares_request_with_key_capability() {
    let table = "        publish\n        │ subscribe\n*       · ●\nchat:*  ● ●";
    assert_eq!(run(&["capability", "table", WIDE]).yes(), table);
    assert_eq!(run(&["capability", "table", "{}"]).yes(), "permits nothing");

    let compared = "           history\n           │ publish\n           │ │ subscribe\n*          · · ○\nchat:*     · ○ ○\n\
                    chat:日本  ✗ ● ○\n\n● granted   ✗ beyond the key   ○ not asked\n\n\
                    granted: {\"chat:日本\":[\"publish\"]}";
    assert_eq!(run(&["capability", "table", NARROW, "--key-capability", WIDE]).yes(), compared);
    let json = json!({
        "asked": { "chat:日本": ["history", "publish"] },
        "key": { "*": ["subscribe"], "chat:*": ["publish", "subscribe"] },
        "granted": { "chat:日本": ["publish"] },
    });
    assert_eq!(run(&["capability", "table", "--json", NARROW, "--key-capability", WIDE]).yes_json(), json);

    let answer = run(&["capability", "table", r#"{"a":["history"]}"#, "--key-capability", WIDE]);
    assert!(answer.no().ends_with("nothing is granted: no token would be issued (40160)"), "{answer:?}");
    run(&["capability", "table", "{}", "--key-capability", "{"]).bad(&["--key-capability: "]);
}

/// Generates capabilities whose names have few segments, so that they often overlap.
fn capabilities() -> impl Strategy<Value = Capability> {
    let name = vec(select(vec!["a", "b", "*", "é"]), 1..4).prop_map(|segments| segments.join(":"));
    let operations = btree_set(select(vec!["publish", "subscribe", "history"]), 1..4);
    vec((name, operations), 0..5).prop_map(|entries| {
        let add = |capability: Capability, (name, operations): (String, std::collections::BTreeSet<&str>)| {
            capability.union(&Capability::parse_strict(&json!({ name: operations }).to_string()).unwrap())
        };
        entries.into_iter().fold(Capability::none(), add)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn program_agrees_with_library(a in capabilities(), b in capabilities()) {
        let (a_text, b_text) = (a.to_string(), b.to_string());
        let printed = |args: &[&str]| run(&[&["capability"], args].concat()).yes().to_owned();
        prop_assert_eq!(printed(&["union", &a_text, &b_text]), a.union(&b).to_string());
        prop_assert_eq!(printed(&["minimal", &a_text]), a.minimal().to_string());

        let answer = run(&["capability", "cover", "--json", &a_text, &b_text]);
        let covers = a.covers(&b);
        prop_assert_eq!(answer.status, Some(i32::from(!covers)), "{:?}", answer);
        let json: serde_json::Value = serde_json::from_str(&answer.stdout).unwrap();
        prop_assert_eq!(&json["covers"], covers);
        // With the missing entries added, it covers.
        let lacks = Capability::parse_strict(&json["lacks"].to_string()).unwrap();
        prop_assert!(a.union(&lacks).covers(&b));
    }
}
