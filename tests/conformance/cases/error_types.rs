//! `uts/rest/unit/types/error_types.md`: errors as types, as JSON and as text.

use std::error::Error as _;

use ably_auth::{ErrorCode, ErrorInfo};
use serde_json::{Value, json};

use super::{Case, OfClient, OfTypes};
use crate::harness::{KEY, Kind, Reply, Setup, World};

pub(super) const CASES: &[Case] = &[
    OfTypes("rest/unit/TI1/errorinfo-attributes-0", attributes),
    OfTypes("rest/unit/TI/errorinfo-from-json-0", from_json),
    OfTypes("rest/unit/TI/errorinfo-nested-cause-1", nested_cause),
    OfClient("rest/unit/TI/ably-exception-wraps-errorinfo-2", error_wraps_error_info),
    OfTypes("rest/unit/TI/common-error-codes-3", common_codes),
    OfTypes("rest/unit/TI/error-string-representation-4", as_text),
    OfTypes("rest/unit/TI/error-equality-5", equality),
];

fn read(json: &Value) -> ErrorInfo {
    serde_json::from_value(json.clone()).unwrap()
}

fn error(code: u32, status: u16, message: &str) -> ErrorInfo {
    ErrorInfo::new(ErrorCode::new(code), message).with_status(status)
}

fn attributes() {
    assert_eq!(error(40_000, 400, "").code().as_u32(), 40_000);
    assert_eq!(error(40_100, 401, "").status_code(), 401);
    assert_eq!(error(40_000, 400, "Bad request: invalid parameter").message(), "Bad request: invalid parameter");
    let info = read(&json!({
        "code": 50_003, "statusCode": 500, "message": "Timeout", "href": "https://help.ably.io/error/50003",
        "cause": { "code": 50_000, "message": "Network failure" },
    }));
    assert_eq!(info.href(), Some("https://help.ably.io/error/50003"));
    assert_eq!(info.cause().unwrap().message(), "Network failure");
    assert!(info.source().unwrap().to_string().contains("Network failure"));
}

fn from_json() {
    let info = read(&json!({
        "code": 40_100, "statusCode": 401, "message": "Token expired", "href": "https://help.ably.io/error/40100",
    }));
    assert_eq!((info.code().as_u32(), info.status_code(), info.message()), (40_100, 401, "Token expired"));
    assert_eq!(info.href(), Some("https://help.ably.io/error/40100"));
}

fn nested_cause() {
    let info = read(&json!({
        "code": 50_000, "statusCode": 500, "message": "Internal error",
        "cause": { "code": 50_001, "message": "Database connection failed" },
    }));
    assert_eq!(info.code().as_u32(), 50_000);
    let cause = info.cause().unwrap();
    assert_eq!((cause.code().as_u32(), cause.message()), (50_001, "Database connection failed"));
}

fn error_wraps_error_info(kind: Kind) {
    let world = World::new(|_, _| Reply::error(400, 40_000, "Bad request"));
    let error = kind.connect(&world, &Setup::key(KEY)).get("/channels/test").unwrap_err();
    assert_eq!((error.ably_code().as_u32(), error.status_code()), (40_000, 400));
    assert!(error.to_string().contains("Bad request"), "{error}");
    let info = error.error_info().expect("the service's error");
    assert_eq!((info.code().as_u32(), info.status_code(), info.message()), (40_000, 400, "Bad request"));
}

fn common_codes() {
    for (code, status) in [
        (40_000, 400),
        (40_100, 401),
        (40_101, 401),
        (40_140, 401),
        (40_142, 401),
        (40_160, 401),
        (40_300, 403),
        (40_400, 404),
        (50_000, 500),
        (50_003, 500),
    ] {
        let error = ErrorInfo::new(ErrorCode::new(code), "what it means");
        assert_eq!((error.code().as_u32(), error.status_code()), (code, status));
    }
}

fn as_text() {
    let text = error(40_100, 401, "Unauthorized: token expired").to_string();
    for part in ["40100", "status 401", "Unauthorized: token expired"] {
        assert!(text.contains(part), "{text}");
    }
}

fn equality() {
    assert_eq!(error(40_000, 400, "Bad request"), error(40_000, 400, "Bad request"));
    assert_ne!(error(40_000, 400, "Bad request"), error(40_100, 401, "Unauthorized"));
    assert_ne!(error(40_000, 400, "Bad request"), error(40_000, 400, "Another request"));
}
