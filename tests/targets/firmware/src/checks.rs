//! Checks of core against known answers.

use core::hint::black_box;

use ably_auth_core::capability::text_permits;
use ably_auth_core::{ApiKeyRef, Error, ErrorKind, JwtFields, Mac, Timestamp, TokenRequestFields, Ttl};

use crate::answers;

/// A check of one function of core.
pub struct Check {
    /// The text that is printed after "ok" or "FAILED".
    pub name: &'static str,
    /// Runs the check, and returns true if it passes.
    pub run: fn() -> bool,
}

/// All checks.
pub const ALL: &[Check] = &[
    Check { name: "parses a key", run: parses_a_key },
    Check { name: "refuses an invalid key", run: refuses_an_invalid_key },
    Check { name: "signs a token request", run: signs_a_token_request },
    Check { name: "writes a token request", run: writes_a_token_request },
    Check { name: "mints a JWT", run: mints_a_jwt },
    Check { name: "finds what a capability permits", run: finds_what_a_capability_permits },
    Check { name: "finds what a capability does not permit", run: finds_what_a_capability_does_not_permit },
    Check { name: "refuses an invalid capability", run: refuses_an_invalid_capability },
];

// `black_box` hides the inputs from the compiler, which would otherwise compute some results at compile time.

fn parses_a_key() -> bool {
    ApiKeyRef::parse(black_box(answers::KEY)).is_ok_and(|key| key.key_name() == answers::KEY_NAME)
}

fn refuses_an_invalid_key() -> bool {
    ApiKeyRef::parse(black_box("appId.keyId")).is_err_and(|error| error.kind() == ErrorKind::Key)
}

fn fields(key_name: &str) -> Result<TokenRequestFields<'_>, Error> {
    Ok(TokenRequestFields {
        key_name,
        ttl: Some(Ttl::from_millis(black_box(answers::TTL))?),
        capability: Some(black_box(answers::CAPABILITY)),
        client_id: Some(black_box(answers::CLIENT_ID)),
        timestamp: Timestamp::from_millis(black_box(answers::TIMESTAMP)),
        nonce: black_box(answers::NONCE),
    })
}

/// Signs a token request. This is also the only work of the image `sign`.
pub fn signs_a_token_request() -> bool {
    let key = ApiKeyRef::parse(black_box(answers::KEY));
    let signed = key.and_then(|key| key.signer().sign(&fields(key.key_name())?));
    signed.is_ok_and(|mac| mac.to_base64() == *answers::MAC.as_bytes())
}

fn writes_a_token_request() -> bool {
    let mut buffer = [0; 512];
    let written = fields(black_box(answers::KEY_NAME))
        .and_then(|fields| fields.json_into(&Mac::from_base64(black_box(answers::MAC))?, &mut buffer));
    written.is_ok_and(|json| json == answers::TOKEN_REQUEST)
}

fn mints_a_jwt() -> bool {
    let mut buffer = [0; 512];
    let minted = ApiKeyRef::parse(black_box(answers::KEY)).and_then(|key| {
        let issued = Timestamp::from_millis(black_box(answers::TIMESTAMP));
        let fields = JwtFields {
            capability: Some(black_box(answers::CAPABILITY)),
            client_id: Some(black_box(answers::CLIENT_ID)),
            ..JwtFields::new(key.key_name(), issued, Ttl::from_millis(black_box(answers::TTL))?)
        };
        fields.mint_into(&key.signer(), &mut buffer)
    });
    minted.is_ok_and(|jwt| jwt == answers::JWT)
}

fn permits(resource: &str, operation: &str) -> Option<bool> {
    text_permits(black_box(answers::CAPABILITY), black_box(resource), black_box(operation)).ok()
}

fn finds_what_a_capability_permits() -> bool {
    [("chat:room", "publish"), ("status", "subscribe")].iter().all(|(on, what)| permits(on, what) == Some(true))
}

fn finds_what_a_capability_does_not_permit() -> bool {
    [("chat", "publish"), ("status", "publish"), ("chat:room", "history")]
        .iter()
        .all(|(on, what)| permits(on, what) == Some(false))
}

fn refuses_an_invalid_capability() -> bool {
    let asked = text_permits(black_box("{\"chat\":[\"publish\"]"), "chat", "publish");
    asked.is_err_and(|error| error.kind() == ErrorKind::Capability)
}
