//! Reports about any text: no key, no token and no mac of the text is in one, and its size is bounded.

use ably_auth_core::{ApiKey, Timestamp, Token};
use ably_auth_inspect::{Kind, MAX_BYTES, bare_credential, inspect, redact};

use crate::NOW;
use crate::memory::Bound;

/// A report copies the text several times, as JSON values and as text.
const MEMORY: Bound = Bound { fixed: 64 * 1024, factor: 256 };

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (report, json) = MEMORY.check(text.len(), || {
        let report = inspect(text, Timestamp::from_millis(NOW));
        let json = serde_json::to_string(&report).unwrap();
        (report, json)
    });
    let shown = format!("{json} {report:?}");
    let bare = bare_credential(text);
    // A short secret may be a part of another word.
    if let Ok(key) = ApiKey::parse(&bare) {
        let secret = key.secret().expose();
        assert!(secret.len() < 16 || !shown.contains(secret), "{shown}");
    }
    if report.kind == Kind::Token {
        if let Ok(token) = Token::new(&bare) {
            assert!(token.expose().len() < 24 || !shown.contains(token.expose()), "{shown}");
        }
    }
    if report.kind == Kind::Jwt && bare.len() < MAX_BYTES {
        let signature = bare.rsplit('.').next().unwrap_or_default();
        assert!(signature.len() < 43 || !shown.contains(signature), "{shown}");
    }
    if let Some(life) = &report.life {
        assert!(life.issued <= life.expires || life.millis() == 0, "{life:?}");
    }
    let redacted = redact(text);
    assert_eq!(redact(&redacted), redacted, "a redacted text is redacted again");
}
