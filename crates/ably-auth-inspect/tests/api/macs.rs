//! The causes of wrong macs. Each test signs as a mistaken sender does.

use ably_auth_core::{ApiKey, TokenRequest};
use ably_auth_inspect::{MacExplanation, mac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256, Sha512};

use crate::support::{KEY, OTHER_KEY, OTHER_SECRET, SECRET, base64, hmac};

const CAPABILITY: &str = r#"{"chat":["subscribe","publish"],"café/1":["*"]}"#;
/// The canonical text of `request()`.
const TEXT: [&str; 6] = ["app.key", "3600000", CAPABILITY, "bob", "1449746287318", "9000000830710428"];

fn request() -> Value {
    json!({
        "keyName": "app.key", "ttl": 3_600_000, "capability": CAPABILITY, "clientId": "bob",
        "timestamp": 1_449_746_287_318_u64, "nonce": "9000000830710428",
    })
}

fn explain(mut request: Value, mac: &str) -> MacExplanation {
    request["mac"] = mac.into();
    let request: TokenRequest = serde_json::from_value(request).unwrap();
    mac::explain(&request, &ApiKey::parse(KEY).unwrap(), [ApiKey::parse(OTHER_KEY).unwrap()].iter())
}

fn text(lines: [&str; 6]) -> String {
    lines.concat_lines()
}

trait Lines {
    fn concat_lines(&self) -> String;
}

impl Lines for [&str; 6] {
    fn concat_lines(&self) -> String {
        self.iter().map(|line| format!("{line}\n")).collect()
    }
}

/// Returns the title of the cause, which is certain.
fn title(request: Value, mac: &str) -> String {
    let cause = explain(request, mac).cause.unwrap();
    assert!(cause.is_certain, "{cause:?}");
    assert!(!cause.explanation.is_empty() && !cause.fix.is_empty());
    cause.title
}

/// Returns the title for a sender that signs another text than the canonical one.
fn title_of_text(text: impl AsRef<[u8]>) -> String {
    title(request(), &base64(hmac(SECRET, text)))
}

/// Returns the title for a sender that signs other lines.
fn title_of_line(line: usize, signed: &str) -> String {
    let mut lines = TEXT;
    lines[line] = signed;
    title_of_text(text(lines))
}

/// Returns the title for a sender that signs with another secret.
fn title_of_secret(secret: impl AsRef<[u8]>) -> String {
    title(request(), &base64(hmac(secret, text(TEXT))))
}

#[test]
fn right_mac_has_no_cause() {
    let explanation = explain(request(), &base64(hmac(SECRET, text(TEXT))));
    assert_eq!(explanation.cause, None);
    assert_eq!(explanation.text, text(TEXT));
    assert!(explanation.lines.iter().all(|line| !line.differs && line.signed.is_none()));
}

#[test]
fn wrong_line_ends_are_found() {
    assert_eq!(title_of_text(TEXT.join("\n")), "The last line feed is missing");
    assert_eq!(title_of_text(text(TEXT) + "\n"), "There is one line feed too many");
    assert_eq!(title_of_text(text(TEXT).replace('\n', "\r\n")), "The lines end in CR LF");
    assert_eq!(title_of_text(TEXT.join("\r\n")), "The lines are separated by CR LF");
    assert_eq!(title_of_text(text(TEXT).replace('\n', "\\n")), "Line feeds were written as a backslash and an `n`");
    assert_eq!(title_of_text(TEXT.join("\\n")), "Line feeds were written as a backslash and an `n`");
    assert_eq!(title_of_text(TEXT.concat()), "The lines were joined without line feeds");
    assert_eq!(title_of_text(TEXT.join(" ")), "The lines were joined with spaces");
}

#[test]
fn omitted_empty_lines_are_found() {
    let mut request = request();
    request.as_object_mut().unwrap().remove("clientId");
    let signed = [TEXT[0], TEXT[1], TEXT[2], TEXT[4], TEXT[5]].map(|line| format!("{line}\n")).concat();
    assert_eq!(title(request.clone(), &base64(hmac(SECRET, &signed))), "Empty lines were left out");
    let mac = base64(hmac(SECRET, signed.trim_end()));
    assert_eq!(title(request, &mac), "Empty lines and the last line feed were left out");
}

#[test]
fn lines_in_another_order_are_found() {
    let mut lines = TEXT;
    lines.swap(1, 2);
    assert_eq!(title_of_text(text(lines)), "The lines are in another order");
    let mut lines = TEXT;
    lines[1..].rotate_left(1);
    assert_eq!(title_of_text(text(lines)), "The lines are in another order");
}

#[test]
fn other_units_of_ttl_are_found() {
    assert_eq!(title_of_line(1, "3600"), "The ttl was signed in seconds");
    let mut in_seconds = request();
    in_seconds["ttl"] = 3600.into();
    assert_eq!(title(in_seconds, &base64(hmac(SECRET, text(TEXT)))), "The ttl was sent in seconds");
    assert_eq!(title_of_line(1, "3600000.0"), "The ttl was signed as a fraction");
}

#[test]
fn other_ttl_is_found() {
    for ttl in ["1800000", "900000", "600000", "300000", "60000", "86400000"] {
        assert_eq!(title_of_line(1, ttl), "Another ttl was signed than was sent", "{ttl}");
    }
    assert_eq!(title_of_line(1, ""), "`ttl` was sent, but not signed");
    let mut request = request();
    request.as_object_mut().unwrap().remove("ttl");
    let mut lines = TEXT;
    lines[1] = "900000";
    assert_eq!(title(request, &base64(hmac(SECRET, text(lines)))), "A ttl was signed, but not sent");
}

#[test]
fn other_units_of_timestamp_are_found() {
    assert_eq!(title_of_line(4, "1449746287"), "The timestamp was signed in seconds");
    assert_eq!(title_of_line(4, "1449746287000"), "The timestamp was sent in another unit than signed");
    assert_eq!(title_of_line(4, "1449746287318.0"), "The timestamp was signed as a fraction");
}

#[test]
fn other_layouts_of_capability_are_found() {
    for signed in [
        // Python, with and without `ensure_ascii`, with `sort_keys`, and with `indent`.
        r#"{"chat": ["subscribe", "publish"], "caf\u00e9/1": ["*"]}"#,
        r#"{"chat": ["subscribe", "publish"], "café/1": ["*"]}"#,
        r#"{"café/1":["*"],"chat":["subscribe","publish"]}"#,
        "{\n  \"chat\": [\n    \"subscribe\",\n    \"publish\"\n  ],\n  \"café/1\": [\n    \"*\"\n  ]\n}",
        // PHP.
        r#"{"chat":["subscribe","publish"],"caf\u00e9\/1":["*"]}"#,
        // Sorted resources and operations, in another layout.
        r#"{"café/1": ["*"], "chat": ["publish", "subscribe"]}"#,
    ] {
        assert_eq!(title_of_line(2, signed), "The capability was re-serialized after signing", "{signed}");
    }
}

/// The service accepts the canonical form of a short capability, so only a long one is refused.
#[test]
fn canonical_form_of_long_capability_is_found() {
    let rooms: String = (0..400).map(|n| format!(r#","room{n:04}":["publish"]"#)).collect();
    let [sent, signed] =
        [r#""b":["*"],"a":["*"]"#, r#""a":["*"],"b":["*"]"#].map(|first| format!("{{{first}{rooms}}}"));
    let mut request = request();
    request["capability"] = sent.into();
    let mut lines = TEXT;
    lines[2] = &signed;
    assert_eq!(title(request, &base64(hmac(SECRET, text(lines)))), "The capability was re-serialized after signing");
}

#[test]
fn signed_line_is_shown_next_to_received_one() {
    let signed = r#"{"chat": ["subscribe", "publish"], "café/1": ["*"]}"#;
    let mut lines = TEXT;
    lines[2] = signed;
    let explanation = explain(request(), &base64(hmac(SECRET, text(lines))));
    let differing: Vec<_> = explanation.lines.iter().filter(|line| line.differs).collect();
    assert_eq!(differing.len(), 1);
    assert_eq!((differing[0].field, differing[0].signed.as_deref()), ("capability", Some(signed)));
    assert_eq!((differing[0].text.as_str(), differing[0].received.as_deref()), (CAPABILITY, Some(CAPABILITY)));
}

#[test]
fn capability_as_json_string_is_found() {
    let quoted = Value::from(CAPABILITY).to_string();
    assert_eq!(title_of_line(2, &quoted), "The capability was re-serialized after signing");
    assert_eq!(title_of_line(2, ""), "`capability` was sent, but not signed");
}

#[test]
fn default_capability_is_found() {
    let mut request = request();
    request.as_object_mut().unwrap().remove("capability");
    let mut lines = TEXT;
    lines[2] = r#"{"*":["*"]}"#;
    assert_eq!(title(request, &base64(hmac(SECRET, text(lines)))), "A default capability was signed, but not sent");
}

#[test]
fn unsigned_values_are_found() {
    assert_eq!(title_of_line(3, ""), "`clientId` was sent, but not signed");
    assert_eq!(title_of_line(5, ""), "`nonce` was sent, but not signed");
    assert_eq!(title_of_line(4, ""), "`timestamp` was sent, but not signed");
}

#[test]
fn words_for_absent_values_are_found() {
    for word in ["null", "undefined", "None", "*"] {
        let mut request = request();
        request.as_object_mut().unwrap().remove("clientId");
        let mut lines = TEXT;
        lines[3] = word;
        let title = title(request, &base64(hmac(SECRET, text(lines))));
        assert_eq!(title, format!("`{word}` was signed for an absent `clientId`"));
    }
}

#[test]
fn other_first_line_is_found() {
    assert_eq!(title_of_line(0, "key"), "The first line has only the key id");
    let mut lines = TEXT;
    lines[0] = KEY;
    let explanation = explain(request(), &base64(hmac(SECRET, text(lines))));
    assert_eq!(explanation.lines[0].signed.as_deref(), Some("app.key:[redacted]"));
    assert_eq!(explanation.cause.unwrap().title, "The first line has the whole key");
}

#[test]
fn other_secrets_are_found() {
    let decoded = URL_SAFE.decode(SECRET).unwrap();
    assert_eq!(title_of_secret(KEY), "The whole key was used as the secret");
    assert_eq!(title_of_secret(decoded), "The secret was decoded from base64 first");
    assert_eq!(title_of_secret(format!("{SECRET}\n")), "White space follows the secret");
    assert_eq!(title_of_secret(format!("{KEY}\n")), "The whole key and white space were used as the secret");
    assert_eq!(title_of_secret(format!("\"{SECRET}\"")), "The secret is in quotes");
    assert_eq!(title_of_secret(base64(SECRET)), "The secret was encoded in base64 first");
    assert_eq!(title_of_secret(base64(KEY)), "The base64 of the whole key was used as the secret");
    assert_eq!(title_of_secret(""), "The secret is empty");
    assert_eq!(title_of_secret(OTHER_SECRET), "The secret of another key was used");
    assert_eq!(title_of_secret(OTHER_KEY), "The whole text of another key was used as the secret");
}

#[test]
fn other_encodings_of_mac_are_found() {
    // A mac with a `+` or a `/` in base64, so that base64url differs.
    let mut request = request();
    let (mac, nonce) = (0..)
        .map(|n| format!("90000008307104{n:02}"))
        .map(|nonce| (hmac(SECRET, text(["app.key", "3600000", CAPABILITY, "bob", "1449746287318", &nonce])), nonce))
        .find(|(mac, _)| base64(mac).contains(['+', '/']))
        .unwrap();
    request["nonce"] = nonce.into();
    let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(title(request.clone(), &URL_SAFE.encode(&mac)), "The mac is in base64url");
    assert_eq!(title(request.clone(), &STANDARD_NO_PAD.encode(&mac)), "The mac lacks its padding");
    assert_eq!(title(request.clone(), &hex), "The mac is in hex");
    assert_eq!(title(request.clone(), &base64(&hex)), "The mac is base64 of hex digits");
    assert_eq!(title(request, &(base64(&mac) + "\n")), "White space follows the mac");
}

#[test]
fn other_functions_are_found() {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let signed = text(TEXT);
    assert_eq!(title(request(), &base64(hmac(&signed, SECRET))), "The arguments of HMAC are exchanged");
    let hash = Sha256::digest(format!("{SECRET}{signed}"));
    assert_eq!(title(request(), &base64(hash)), "A hash was used instead of HMAC");
    let sha512 = Hmac::<Sha512>::new_from_slice(SECRET.as_bytes()).unwrap().chain_update(&signed).finalize();
    assert_eq!(title(request(), &base64(sha512.into_bytes())), "Another hash function than SHA-256 was used");
}

#[test]
fn mistakes_in_text_and_secret_are_found_together() {
    let mac = base64(hmac(KEY, TEXT.join("\n")));
    assert_eq!(title(request(), &mac), "The last line feed is missing; The whole key was used as the secret");
}

#[test]
fn two_mistakes_in_the_text_are_found() {
    let spaced = r#"{"chat": ["subscribe", "publish"], "café/1": ["*"]}"#;
    let mut lines = TEXT;
    (lines[2], lines[4]) = (spaced, "1449746287");
    let both = "The capability was re-serialized after signing; The timestamp was signed in seconds";
    assert_eq!(title_of_text(text(lines)), both);
    lines[4] = TEXT[4];
    let both = "The capability was re-serialized after signing; The last line feed is missing";
    assert_eq!(title_of_text(lines.join("\n")), both);
}

#[test]
fn unknown_mistake_is_not_certain() {
    let cause = explain(request(), &base64(hmac("another-secret", text(TEXT)))).cause.unwrap();
    assert!(!cause.is_certain);
    assert_eq!(cause.title, "The secret is wrong, or a field was changed after signing");
    assert!(cause.explanation.contains("Ruled out are other line ends"), "{}", cause.explanation);
}

#[test]
fn missing_or_unreadable_mac_is_named() {
    let unsigned: TokenRequest = serde_json::from_value(request()).unwrap();
    let cause = mac::explain(&unsigned, &ApiKey::parse(KEY).unwrap(), [].iter()).cause.unwrap();
    assert_eq!((cause.title.as_str(), cause.is_certain), ("The request has no mac", true));
    for mac in ["", "no", "c2hvcnQ=", &"A".repeat(100_000)] {
        assert_eq!(title(request(), mac), "The mac is not 32 bytes in base64");
    }
}

#[test]
fn number_with_exponent_is_shown_as_received() {
    let mut request = request();
    request["ttl"] = json!(3.5e-9);
    let explanation = explain(request, &base64(hmac("x", "y")));
    let line = &explanation.lines[1];
    assert_eq!((line.text.as_str(), line.received.as_deref(), line.differs), ("0.0000000035", Some("3.5e-9"), true));
}

/// A stranger chooses the length of a capability, so the trials have a limit in bytes.
#[test]
fn long_request_is_explained_within_budget() {
    let mut request = request();
    let rooms: Vec<_> = (0..20_000).map(|n| format!(r#""room{n}":["publish"]"#)).collect();
    request["capability"] = format!("{{{}}}", rooms.join(",")).into();
    let cause = explain(request, &base64(hmac("x", "y"))).cause.unwrap();
    let trials: usize = cause.explanation.split(" trials").next().unwrap().rsplit(' ').next().unwrap().parse().unwrap();
    assert!(trials < 12, "{trials}");
}
