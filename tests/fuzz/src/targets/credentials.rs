//! Credentials in headers and in queries, as a backend and the service read them. A credential is exactly the text that was
//! sent, or the base64 of it; each refusal has a known code and quotes no long word of the input.
//!
//! The lines of the input are the `Authorization` header, the `X-Ably-ClientId` header and the query.

use ably_auth_backend::Refusal;
use ably_auth_backend::credentials::{Accepted, Credential, claimed_identity, from_headers, from_query};
use ably_auth_core::ErrorCode;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Uri};

use crate::memory::Bound;

const MEMORY: Bound = Bound { fixed: 4 * 1024, factor: 16 };
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub fn run(data: &[u8]) {
    let mut lines = data.splitn(3, |byte| *byte == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let (authorization, client_id, query) = (line(), line(), line());
    let mut headers = HeaderMap::new();
    for (name, value) in [(AUTHORIZATION, authorization), ("x-ably-clientid".parse().unwrap(), client_id)] {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.insert(name, value);
        }
    }
    let text = String::from_utf8_lossy(authorization);
    let value = text.trim().split_once(' ').map_or("", |(_, value)| value.trim());
    for accepted in [Accepted::Tokens, Accepted::TokensAndKeys] {
        match MEMORY.check(data.len(), || from_headers(&headers, accepted)) {
            Ok(Some(credential)) => {
                assert!(accepted == Accepted::TokensAndKeys || matches!(credential, Credential::Token(_)));
                let is_as_sent = matches!(&credential, Credential::Token(token) if token.expose() == value);
                assert!(is_as_sent || decoded(value).as_deref() == Some(exposed(&credential).as_str()), "{text:?}");
                assert_hidden(&credential);
            }
            Ok(None) => assert!(!headers.contains_key(AUTHORIZATION)),
            Err(refusal) => assert_known(&refusal, &text),
        }
    }
    match MEMORY.check(data.len(), || claimed_identity(&headers)) {
        Ok(Some(identity)) => {
            let sent = String::from_utf8_lossy(client_id);
            assert_eq!(decoded(&sent).as_deref(), Some(identity.as_str()));
        }
        Ok(None) => assert!(!headers.contains_key("x-ably-clientid")),
        Err(refusal) => assert_known(&refusal, &String::from_utf8_lossy(client_id)),
    }
    let Ok(uri) = format!("/?{}", String::from_utf8_lossy(query)).parse::<Uri>() else { return };
    let [tokens, both] = [Accepted::Tokens, Accepted::TokensAndKeys]
        .map(|accepted| MEMORY.check(data.len(), || from_query(&uri, accepted)));
    for found in [&tokens, &both] {
        match found {
            Ok(Some(credential)) => assert_hidden(credential),
            Ok(None) => {}
            Err(refusal) => assert_known(refusal, uri.query().unwrap_or_default()),
        }
    }
    // A key takes precedence over a token. Without one, it makes no difference that keys are accepted.
    if let (Ok(Some(token)), Ok(Some(Credential::Token(same)))) = (&tokens, &both) {
        assert_eq!(exposed(token), same.expose());
    }
}

/// Returns the text of base64 in either alphabet.
fn decoded(text: &str) -> Option<String> {
    let standard: String = text
        .chars()
        .map(|c| {
            if c == '-' {
                '+'
            } else if c == '_' {
                '/'
            } else {
                c
            }
        })
        .collect();
    String::from_utf8(ENGINE.decode(standard).ok()?).ok()
}

fn exposed(credential: &Credential) -> String {
    match credential {
        Credential::Key(key) => format!("{}:{}", key.key_name().as_str(), key.secret().expose()),
        Credential::Token(token) => token.expose().to_owned(),
    }
}

fn assert_hidden(credential: &Credential) {
    let secret = match credential {
        Credential::Key(key) => key.secret().expose().to_owned(),
        Credential::Token(token) => token.expose().to_owned(),
    };
    let shown = format!("{credential:?}");
    assert!(secret.len() < 12 || !shown.contains(&secret), "{shown}");
}

fn assert_known(refusal: &Refusal, input: &str) {
    let info = refusal.info();
    assert!(ErrorCode::KNOWN.contains(&info.code()), "{refusal:?}");
    assert!((400..500).contains(&refusal.status()), "{refusal:?}");
    let shown = format!("{refusal:?} {:?}", refusal.headers());
    let words = input.split(|c: char| c.is_whitespace() || "&=".contains(c));
    for word in words.filter(|word| word.len() > 20) {
        assert!(!shown.contains(word), "{shown}");
    }
}
