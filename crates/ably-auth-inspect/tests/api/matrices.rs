//! Capabilities as tables.

use ably_auth_core::Capability;
use ably_auth_inspect::{Legend, Mark, Matrix};
use serde_json::json;

fn parse(text: &str) -> Capability {
    Capability::parse_lenient(text).unwrap()
}

#[test]
fn comparison_has_rows_of_both_and_of_what_is_granted() {
    let (asked, has) = (parse(r#"{"a:*":["history","publish"]}"#), parse(r#"{"*:b":["publish","subscribe"]}"#));
    let matrix = Matrix::compared(&asked, &has, &Legend::KEY);
    let expected = json!({
        "operations": ["history", "publish", "subscribe"],
        "rows": [
            { "resource": "*:b", "marks": ["no", "unrequested", "unrequested"] },
            { "resource": "a:*", "marks": ["refused", "refused", "no"] },
            { "resource": "a:b", "marks": ["refused", "yes", "unrequested"] },
        ],
        "legend": [
            { "mark": "yes", "label": "granted" },
            { "mark": "refused", "label": "beyond the key" },
            { "mark": "unrequested", "label": "not asked" },
        ],
        "permitsNothing": false,
        "rowsLeftOut": 0,
        "operationsLeftOut": 0,
    });
    assert_eq!(serde_json::to_value(matrix).unwrap(), expected);
}

#[test]
fn nothing_in_common_permits_nothing() {
    let matrix = Matrix::compared(&parse(r#"{"a":["*"]}"#), &parse(r#"{"b":["*"]}"#), &Legend::KEY);
    assert!(matrix.permits_nothing);
    assert!(Matrix::of(&Capability::none()).permits_nothing);
}

#[test]
fn large_capability_is_cut() {
    let resources: Vec<_> = (0..1100).map(|n| format!(r#""room{n:04}":["op{:03}"]"#, n % 100)).collect();
    let capability = parse(&format!("{{{}}}", resources.join(",")));
    let matrix = Matrix::of(&capability);
    assert_eq!((matrix.rows.len(), matrix.rows_left_out), (Matrix::MAX_ROWS, 100));
    assert_eq!((matrix.operations.len(), matrix.operations_left_out), (Matrix::MAX_OPERATIONS, 36));
    assert_eq!(matrix.rows[1].marks.iter().filter(|mark| **mark == Mark::Yes).count(), 1);
}

/// Two capabilities with many wildcards have too much in common to compute. The marks of their own rows stay right.
#[test]
fn comparison_of_wildcards_is_bounded() {
    let wildcards = |start: char| {
        let resources: Vec<_> =
            (0..1500).map(|n| format!(r#""{}:{n}:*":["publish"]"#, if n % 2 == 0 { '*' } else { start })).collect();
        parse(&format!("{{{}}}", resources.join(",")))
    };
    let matrix = Matrix::compared(&wildcards('a'), &wildcards('b'), &Legend::KEY);
    // Each row is compared with each name with a wildcard, so there are far fewer rows than `MAX_ROWS`.
    assert!((50..200).contains(&matrix.rows.len()) && matrix.rows_left_out > 2000, "{}", matrix.rows.len());
    assert!(!matrix.permits_nothing);
}
