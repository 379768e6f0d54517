//! The service's errors: their codes, and how they are parsed.

use std::error::Error as _;

use ably_auth_core::{ErrorCode, ErrorEnvelope, ErrorInfo};
use serde_json::{Value, json};

fn read(json: &Value) -> ErrorInfo {
    serde_json::from_str(&json.to_string()).unwrap()
}

/// The accessors return the code, the status, the message, the help page and the cause.
// rest/unit/TI1/errorinfo-attributes-0
#[test]
fn error_has_all_attributes() {
    let error = ErrorInfo::new(ErrorCode::new(40100), "not so").with_status(499).with_request_id("req-1");
    assert_eq!((error.code().as_u32(), error.status_code(), error.message()), (40100, 499, "not so"));
    assert_eq!(error.href(), Some("https://help.ably.io/error/40100"));
    assert_eq!((error.request_id(), error.cause()), (Some("req-1"), None));
    assert_eq!(ErrorInfo::new(ErrorCode::new(40100), "").status_code(), 401);
    let caused = read(&json!({"code": 50003, "statusCode": 500, "message": "Timeout", "cause": {"code": 50000}}));
    assert_eq!(caused.cause().map(ErrorInfo::code), Some(ErrorCode::INTERNAL));
}

/// An error is parsed from the body of an error response.
// rest/unit/TI/errorinfo-from-json-0
#[test]
fn error_is_parsed_from_response() {
    let body = json!({"error": {"code": 40100, "statusCode": 401, "message": "Token expired",
        "href": "https://help.ably.io/error/40100", "requestId": "r-1", "detail": {"a": "b"}}});
    let envelope: ErrorEnvelope = serde_json::from_str(&body.to_string()).unwrap();
    let error = &envelope.error;
    assert_eq!((error.code().as_u32(), error.status_code(), error.message()), (40100, 401, "Token expired"));
    assert_eq!((error.href(), error.request_id()), (Some("https://help.ably.io/error/40100"), Some("r-1")));
    assert_eq!(serde_json::to_value(&envelope).unwrap(), body);
}

/// Nested causes are parsed at any depth, and are the sources of the error.
// rest/unit/TI/errorinfo-nested-cause-1
#[test]
fn causes_are_parsed() {
    let error = read(&json!({"code": 50000, "statusCode": 500, "message": "Internal error", "cause":
        {"code": 50001, "message": "Database connection failed", "cause": {"code": 50002, "message": "no disk"}}}));
    let cause = error.cause().unwrap();
    assert_eq!((cause.code().as_u32(), cause.message()), (50001, "Database connection failed"));
    assert_eq!(cause.cause().unwrap().message(), "no disk");
    assert_eq!(error.source().unwrap().to_string(), cause.to_string());
    assert!(error.source().unwrap().source().unwrap().source().is_none());
}

/// Each common code has its usual status.
// rest/unit/TI/common-error-codes-3
#[test]
fn codes_have_their_status() {
    for (code, status) in [
        (40000, 400),
        (40001, 400),
        (40003, 400),
        (40012, 400),
        (40100, 401),
        (40101, 401),
        (40102, 401),
        (40103, 401),
        (40104, 401),
        (40105, 401),
        (40106, 401),
        (40131, 401),
        (40132, 401),
        (40133, 401),
        (40140, 401),
        (40141, 401),
        (40142, 401),
        (40143, 401),
        (40144, 401),
        (40145, 401),
        (40160, 401),
        (40161, 401),
        (40162, 401),
        (40163, 401),
        (40170, 401),
        (40171, 401),
        (40300, 403),
        (40400, 404),
        (42910, 429),
        (50000, 500),
        (50003, 500),
    ] {
        let error = ErrorInfo::new(ErrorCode::new(code), "meaning");
        assert_eq!((error.code().as_u32(), error.status_code()), (code, status));
        assert_eq!(read(&json!({"code": code, "message": "m"})).status_code(), status);
        assert_eq!(read(&json!({"code": code, "statusCode": 418, "message": "m"})).status_code(), 418);
    }
    for (code, status) in [(0, 500), (1, 500), (99_999, 500), (u32::MAX, 500), (41_800, 418)] {
        assert_eq!(ErrorCode::new(code).status(), status, "{code}");
    }
}

/// The constants for codes are in order, and each has advice.
#[test]
fn codes_have_names_and_advice() {
    let known: Vec<_> = ErrorCode::KNOWN.iter().map(|code| code.as_u32()).collect();
    assert!(known.is_sorted_by(|one, other| one < other));
    for code in [
        40000, 40001, 40003, 40005, 40012, 40101, 40102, 40103, 40104, 40105, 40106, 40131, 40132, 40133, 40140, 40141,
        40142, 40143, 40144, 40145, 40160, 40161, 40162, 40163, 40170, 40171, 40300, 40400, 42910, 50000, 50003,
    ] {
        assert!(known.contains(&code), "{code}");
        assert!(ErrorCode::new(code).advice().is_some_and(|advice| !advice.is_empty()), "{code}");
    }
    assert_eq!(ErrorCode::new(40199).advice(), None);
}

/// The token error codes are 40140 to 40149 and no others (`RSA4b`).
#[test]
fn ten_codes_are_token_errors() {
    for code in 0..60_000 {
        assert_eq!(ErrorCode::new(code).is_token_error(), code / 10 == 4014, "{code}");
    }
}

/// The text of an error has its code, its status, its message and its help page, each once.
// rest/unit/TI/error-string-representation-4
#[test]
fn error_text_has_code_status_and_message() {
    let text = ErrorInfo::new(ErrorCode::new(40100), "Unauthorized: token expired").with_status(403).to_string();
    for part in ["40100", "403", "Unauthorized: token expired", "https://help.ably.io/error/40100"] {
        assert_eq!(text.matches(part).count(), 1 + usize::from(part == "40100"), "{part} in {text}");
    }
    let linked = ErrorInfo::new(ErrorCode::BAD_REQUEST, "see https://help.ably.io/error/40000");
    assert_eq!(linked.to_string().matches("https://").count(), 1);
}

/// Errors are equal exactly if their content is equal.
// rest/unit/TI/error-equality-5
#[test]
fn errors_are_compared_by_content() {
    let error = || {
        json!({"code": 40000, "statusCode": 400, "message": "Bad request", "href": "h", "requestId": "r",
        "detail": {"a": 1}, "cause": {"code": 1}})
    };
    assert_eq!(read(&error()), read(&error()));
    for (field, other) in [
        ("code", json!(40100)),
        ("statusCode", json!(401)),
        ("message", json!("x")),
        ("href", json!(null)),
        ("requestId", json!("s")),
        ("detail", json!({"a": 2})),
        ("cause", json!({"code": 2})),
    ] {
        let mut changed = error();
        changed[field] = other;
        assert_ne!(read(&changed), read(&error()), "{field}");
    }
}

/// Unknown fields are ignored, and all fields except the code may be missing.
#[test]
fn unknown_and_missing_fields_are_tolerated() {
    let error = read(&json!({"code": 40142, "newer": [1], "nonfatal": true}));
    assert_eq!((error.code(), error.status_code(), error.message()), (ErrorCode::TOKEN_EXPIRED, 401, ""));
    assert_eq!((error.href(), error.request_id(), error.cause()), (None, None, None));
    for json in ["{}", r#"{"message":"m"}"#, r#"{"code":"x"}"#, r#"{"code":-1}"#, "[]"] {
        assert!(serde_json::from_str::<ErrorInfo>(json).is_err(), "{json}");
    }
}

/// Every secret of a text is replaced, at each place where the text can be cut, also if secrets overlap.
#[test]
fn no_part_of_secret_is_left_around_cut() {
    let key = "app.key:S\u{e9}cret-\u{1f642}-of-the-key";
    let secrets = ["", key, "S\u{e9}cret-\u{1f642}-of-the-key", "AbCd", "Cd-EfGh"];
    for filler in ["x", "\u{e9}", "\u{1f642}"] {
        for secret in &secrets[1..] {
            for begins_at in 4096 - 2 * secret.len()..4096 + 4 {
                let mut message = filler.repeat(begins_at / filler.len());
                message += &"x".repeat(begins_at - message.len());
                message = format!("{message}{secret} ~~~~~~~~~~");
                let cause = json!({"code": 1, "message": &message});
                let error = read(&json!({"code": 1, "message": &message, "requestId": &message, "cause": cause}));
                let error = error.without(&secrets);
                let texts = [error.message(), error.request_id().unwrap(), error.cause().unwrap().message()];
                for text in texts {
                    let rest = text.trim_start_matches(['x', '\u{e9}', '\u{1f642}']);
                    assert!("[redacted] ~~~~~~~~~~".starts_with(rest), "{begins_at}: {rest:?}");
                    assert!(text.len() <= 4096, "{}", text.len());
                }
            }
        }
    }
    let overlapping = ErrorInfo::new(ErrorCode::BAD_REQUEST, "AbCd-EfGh, AbCd").without(&secrets);
    assert_eq!(overlapping.message(), "[redacted], [redacted]");
}

/// A detail is removed if it has a secret in any member, also one that its JSON escapes, and kept otherwise.
#[test]
fn detail_with_secret_is_removed() {
    let with = |detail: Value| read(&json!({"code": 1, "detail": detail})).without(&["", "hush\"\\", "4711"]);
    for detail in [
        json!({"a": "so hush\"\\ it is"}),
        json!({"hush\"\\": 1}),
        json!({"a": [{"b": "hush\"\\"}]}),
        json!({"a": 47110}),
    ] {
        assert_eq!(with(detail.clone()).detail().count(), 0, "{detail}");
    }
    assert_eq!(with(json!({"a": "kept", "b": [1, null, true]})).detail().count(), 2);
}
