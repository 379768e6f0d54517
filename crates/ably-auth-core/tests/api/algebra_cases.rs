//! Worked examples of capabilities: the names that a resource matches, and intersections of keys and requests.

use ably_auth_core::capability::Resource;
use ably_auth_core::{Capability, Operation};

/// The table has resources, names that each matches, and names that it does not match.
#[test]
fn resource_matches_names_in_table() {
    let table: [(&str, &[&str], &[&str]); 12] = [
        ("chat", &["chat"], &["chats", "cha", "chat:a", "a:chat", "Chat", "[queue]chat", "[meta]chat"]),
        ("foo*", &["foo*"], &["foo", "fooa", "foo:a", "foo*:a"]),
        ("*", &["a", "foo", "foo:a", "a:b:c:d"], &["[queue]a", "[meta]log", "[queue]a:b"]),
        ("foo:*", &["foo:a", "foo:a:b", "foo:a:b:c", "foo:foo"], &["foo", "fooo:a", "a:foo", "[meta]foo:a"]),
        ("foo:*:baz", &["foo:a:baz", "foo:baz:baz"], &["foo:baz", "foo:a:b:baz", "foo:a:bar", "foo:a:baz:b"]),
        ("*:baz", &["a:baz"], &["baz", "a:b:baz", "a:baz:b"]),
        ("*:*", &["a:b", "a:b:c"], &["a"]),
        ("[queue]app-q", &["[queue]app-q"], &["app-q", "[queue]app", "[meta]app-q", "[queue]app-q:a"]),
        ("[queue]*", &["[queue]app-q", "[queue]a:b"], &["app-q", "[meta]app-q"]),
        ("[meta]log", &["[meta]log"], &["log", "[meta]logs", "[queue]log"]),
        ("[meta]*", &["[meta]log", "[meta]a:b"], &["log", "[queue]log"]),
        ("[*]*", &["chat", "a:b:c", "[queue]app-q", "[meta]log", "[new]thing"], &[]),
    ];
    for (resource, matching, others) in table {
        let capability = Capability::none().with(resource, [Operation::Publish]).unwrap();
        let pattern = Resource::parse_strict(resource).unwrap();
        for name in matching {
            assert!(capability.permits(name, "publish"), "{resource} matches {name}");
            assert!(pattern.covers(&Resource::parse_lenient(name).unwrap()), "{resource} covers {name}");
            assert!(!capability.permits(name, "subscribe"), "{resource} on {name}");
        }
        for name in others {
            assert!(!capability.permits(name, "publish"), "{resource} does not match {name}");
            assert!(!pattern.covers(&Resource::parse_lenient(name).unwrap()), "{resource} does not cover {name}");
        }
    }
}

/// A text that is not a valid resource has no operation, even with the capability for everything.
#[test]
fn invalid_resource_is_never_permitted() {
    for text in ["", "[", "[queue", "[queue]", "[*]", "[]", "[*][queue]a", "[queue][queue]a"] {
        assert!(!Capability::all().permits(text, "publish"), "{text}");
    }
}

/// The name of a channel must not begin with `[`. A bracket must close, and a name must follow it.
#[test]
fn malformed_bracket_is_refused() {
    for text in ["", "[chat", "[", "[queue]", "[*]", "[*][queue]a", "[queue][a", "[meta][meta]*"] {
        assert!(Resource::parse_lenient(text).is_err(), "{text}");
    }
    for text in ["[chat]a", "[Queue]a", "[que]a", "[]a", "[ queue]a"] {
        assert!(Resource::parse_strict(text).is_err(), "{text}");
        assert!(Capability::parse_strict(&format!(r#"{{"{text}":["publish"]}}"#)).is_err(), "{text}");
    }
    for text in ["chat]a", "a[queue]b", "a:[b", " [queue]a", "[queue]a:[b"] {
        assert!(Resource::parse_strict(text).is_ok(), "{text}");
    }
}

/// `None` in the table means that the intersection is empty.
#[test]
fn intersection_matches_table() {
    let first = r#"{"chat":["publish","subscribe","presence"],"status":["subscribe"]}"#;
    let table = [
        (first, r#"{"[*]*":["*"]}"#, Some(r#"{"chat":["presence","publish","subscribe"],"status":["subscribe"]}"#)),
        (
            r#"{"chat":["publish","subscribe","presence"],"status":["subscribe","history"],"alerts":["subscribe"]}"#,
            r#"{"chat":["subscribe"],"status":["*"],"secret":["publish","subscribe"]}"#,
            Some(r#"{"chat":["subscribe"],"status":["history","subscribe"]}"#),
        ),
        (r#"{"chat":["*"]}"#, r#"{"status":["*"]}"#, None),
        (r#"{"*":["subscribe"]}"#, r#"{"cansubscribe:*":["subscribe"]}"#, Some(r#"{"cansubscribe:*":["subscribe"]}"#)),
        (
            r#"{"a:*":["publish"]}"#,
            r#"{"*:b":["publish"],"a:*:c":["publish"]}"#,
            Some(r#"{"a:*:c":["publish"],"a:b":["publish"]}"#),
        ),
        (r#"{"[*]*":["*"]}"#, r#"{"*":["*"]}"#, Some(r#"{"*":["*"]}"#)),
    ];
    for (key, requested, token) in table {
        let (key, requested) = (key.parse::<Capability>().unwrap(), requested.parse().unwrap());
        let granted = key.intersect(&requested);
        assert_eq!((!granted.is_empty()).then(|| granted.to_string()).as_deref(), token);
    }
}
