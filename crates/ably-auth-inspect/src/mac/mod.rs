//! The canonical text of a token request, and the likely cause of a wrong mac.
//!
//! Only the holder of the key may see this: the explanation says which secret a sender used.

mod encoding;
mod explanation;
mod lines;
mod search;
mod variants;

pub use explanation::{MacExplanation, MacLine};

use ably_auth_core::{ApiKey, TokenRequest};

use crate::cause::Cause;

/// Explains the mac of a token request: the text that the service signs, and why the received mac is another one.
///
/// The cause is found by trial. The mac is computed over the texts that senders sign by mistake, with the secrets that
/// they use by mistake, until one is the received mac. Then the cause is certain. `others` are further keys of the app,
/// whose secrets are tried too. At most 2000 macs over 512 KiB in total are computed.
///
/// Call it only for the holder of the key: the result says what a sender signed with.
///
/// ```
/// use ably_auth_core::{ApiKey, TokenRequest};
/// use ably_auth_inspect::mac;
///
/// // The sender used the whole text `app.key:secret` as the secret.
/// let body = r#"{"keyName":"app.key","timestamp":1449746287318,"nonce":"9000000830710428",
///                "mac":"iStxJF+ueQO0VFtJ1Ep7oJJoPBPTG/4VdQHbxhUcEJM="}"#;
/// let request: TokenRequest = serde_json::from_str(body)?;
/// let explanation = mac::explain(&request, &ApiKey::parse("app.key:secret")?, [].into_iter());
/// let cause = explanation.cause.expect("the mac is wrong");
/// assert_eq!(cause.title, "The whole key was used as the secret");
/// assert!(cause.is_certain);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn explain<'a>(request: &TokenRequest, key: &ApiKey, others: impl Iterator<Item = &'a ApiKey>) -> MacExplanation {
    let received = lines::Received::of(request);
    let (cause, signed) = match request.verify(key) {
        Ok(_) => (None, None),
        Err(_) => search::cause(&received, key, others),
    };
    let cause = cause.map(Cause::redacted);
    MacExplanation { cause, ..received.shown(signed.as_ref(), key) }
}

/// Returns the text that the service signs for a token request, without a search for the cause of a wrong mac. It does
/// not depend on the secret.
///
/// ```
/// use ably_auth_core::{ApiKey, TokenRequest};
/// use ably_auth_inspect::mac;
///
/// let body = r#"{"keyName":"app.key","timestamp":1449746287318,"nonce":"9000000830710428"}"#;
/// let request: TokenRequest = serde_json::from_str(body)?;
/// let explanation = mac::canonical(&request, &ApiKey::parse("app.key:secret")?);
/// assert_eq!(explanation.text, "app.key\n\n\n\n1449746287318\n9000000830710428\n");
/// assert_eq!(explanation.cause, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn canonical(request: &TokenRequest, key: &ApiKey) -> MacExplanation {
    lines::Received::of(request).shown(None, key)
}
