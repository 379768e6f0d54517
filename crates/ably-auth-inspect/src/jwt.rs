//! The likely cause of a JWT's wrong signature.
//!
//! Only the holder of the key may see this: the explanation says which secret a sender used.

use ably_auth_core::ApiKey;
use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::general_purpose::{self, URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::cause::Cause;
use crate::json_forms;
use crate::secrets::{self, lenient_base64};
use crate::trial::{Budget, Hash, Mistake, Secret};

/// The maximum length of a signature's text. A longer one is of no HMAC.
const MAX_SIGNATURE_BYTES: usize = 1024;

/// The maximum length of the algorithm's name in an explanation.
const MAX_SHOWN_CHARS: usize = 32;

/// Explains why the signature of a JWT is not that of `key`.
///
/// The cause is found by trial: the signature is computed over the texts that senders sign by mistake, with the secrets
/// that they use by mistake, until one is the received signature. Then the cause is certain. `others` are further keys of
/// the app, whose secrets are tried too. At most 2000 signatures over 512 KiB in total are computed.
///
/// Call it only for the holder of the key: the result says what a sender signed with.
///
/// ```
/// use ably_auth_core::{ApiKey, KeyName, Timestamp, TokenParams, jwt};
///
/// let (key, other) = (ApiKey::parse("app.key:secret")?, ApiKey::parse("app.other:another-secret")?);
/// let mixed_up = ApiKey::from_parts(key.key_name().clone(), other.secret().expose())?;
/// let token = jwt::mint(&mixed_up, &TokenParams::new(), Timestamp::from_millis(1_449_746_287_000))?;
///
/// let cause = ably_auth_inspect::jwt::explain_signature(token.expose(), &key, [other].iter());
/// assert_eq!(cause.title, "The secret of another key was used");
/// assert!(cause.is_certain && cause.explanation.contains("`app.other`"));
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
pub fn explain_signature<'a>(text: &str, key: &ApiKey, others: impl Iterator<Item = &'a ApiKey>) -> Cause {
    find(text, key, others).redacted()
}

fn find<'a>(text: &str, key: &ApiKey, others: impl Iterator<Item = &'a ApiKey>) -> Cause {
    let parts: Vec<_> = text.split('.').take(4).collect();
    let [header, payload, signature] = *parts else {
        let explanation = "A signed JWT has three parts between dots: header, payload and signature.";
        return Cause::new("The text is not a signed JWT", explanation, "Pass on the whole JWT, unchanged.").certain();
    };
    if signature.is_empty() {
        let fix = "Sign the JWT with HS256 and the secret of the key.";
        return Cause::new("The JWT is not signed", "The part after the second dot is empty.", fix).certain();
    }
    let algorithm = decode(header).and_then(|header| header.get("alg")?.as_str().map(str::to_owned));
    let is_asymmetric =
        algorithm.as_deref().is_some_and(|alg| ["RS", "PS", "ES", "Ed"].iter().any(|start| alg.starts_with(start)));
    let signatures = decode_signature(signature);
    if is_asymmetric || !signatures.iter().any(|(bytes, _)| Hash::of_len(bytes.len()).is_some()) {
        let algorithm: String = algorithm.unwrap_or_default().chars().take(MAX_SHOWN_CHARS).collect();
        let explanation = format!(
            "The header says `{algorithm}`, and the signature is not an HMAC. A key of Ably signs with HS256 only."
        );
        let fix = "Sign the JWT with HS256 and the secret of the key.";
        return Cause::new("The JWT was signed with another algorithm than HS256", explanation, fix).certain();
    }
    let mut search = Search { signatures, secrets: secrets::of(key, others), budget: Budget::new() };
    let inputs = inputs(header, payload, key);
    let Some(mistakes) = search.find(&format!("{header}.{payload}"), &inputs) else { return search.unknown() };
    let mistakes: Vec<_> = mistakes.iter().collect();
    Mistake::cause(&mistakes).unwrap_or_else(|| {
        let explanation = "The signature is that of this key. If the JWT is refused, it is for another reason.";
        Cause::new("The signature is right", explanation, "Look at the times and the claims of the JWT.").certain()
    })
}

/// Returns the JSON in a part.
fn decode(part: &str) -> Option<Value> {
    serde_json::from_slice(&lenient_base64(&URL_SAFE).decode(part).ok()?).ok()
}

/// Decodes a signature in each encoding that it may be in, with the mistake.
fn decode_signature(signature: &str) -> Vec<(Vec<u8>, Option<Mistake>)> {
    if signature.len() > MAX_SIGNATURE_BYTES {
        return Vec::new();
    }
    if let Ok(bytes) = URL_SAFE_NO_PAD.decode(signature) {
        return vec![(bytes, None)];
    }
    let title = "The signature is not in base64url without padding";
    let explanation = "The signature matches, but its text has `+`, `/`, `=` or wrong bits at its end.";
    let mistake = Mistake::new(title, explanation, "Encode each part of the JWT in base64url, without `=`.");
    let decoded = [lenient_base64(&URL_SAFE).decode(signature), lenient_base64(&STANDARD).decode(signature)];
    decoded.into_iter().flatten().map(|bytes| (bytes, Some(mistake.clone()))).collect()
}

/// A text that the sender may have signed instead of the header and the payload.
struct Input {
    text: String,
    mistake: Mistake,
}

/// Returns the other texts that senders sign, the most frequent first.
fn inputs(header: &str, payload: &str, key: &ApiKey) -> Vec<Input> {
    const UNCHANGED: &str =
        "Pass on the JWT exactly as the library returns it. Do not decode and encode its parts again.";
    let mut inputs: Vec<Input> = Vec::new();
    let mut add = |text: String, title: &str, explanation: String| {
        inputs.push(Input { text, mistake: Mistake::new(title, explanation, UNCHANGED) });
    };
    let name = key.key_name();
    for other in [
        r#"{"alg":"HS256","typ":"JWT"}"#.into(),
        r#"{"typ":"JWT","alg":"HS256"}"#.into(),
        r#"{"alg":"HS256"}"#.into(),
        format!(r#"{{"alg":"HS256","kid":"{name}"}}"#),
        format!(r#"{{"kid":"{name}","alg":"HS256"}}"#),
        format!(r#"{{"alg":"HS256","typ":"JWT","kid":"{name}"}}"#),
        format!(r#"{{"typ":"JWT","alg":"HS256","kid":"{name}"}}"#),
        format!(r#"{{"alg":"HS256","kid":"{name}","typ":"JWT"}}"#),
        format!(r#"{{"typ":"JWT","kid":"{name}","alg":"HS256"}}"#),
        format!(r#"{{"kid":"{name}","typ":"JWT","alg":"HS256"}}"#),
        format!(r#"{{"kid":"{name}","alg":"HS256","typ":"JWT"}}"#),
        format!(r#"{{"typ": "JWT", "alg": "HS256", "kid": "{name}"}}"#),
        format!(r#"{{"alg": "HS256", "typ": "JWT", "kid": "{name}"}}"#),
    ] {
        let encoded = URL_SAFE_NO_PAD.encode(&other);
        if encoded != header {
            add(
                format!("{encoded}.{payload}"),
                "The header was changed after signing",
                format!("The signature matches with the header `{other}`."),
            );
        }
    }
    let json = |part: &str| String::from_utf8(lenient_base64(&URL_SAFE).decode(part).ok()?).ok();
    let (header_json, payload_json) = (json(header).unwrap_or_default(), json(payload).unwrap_or_default());
    for (form, how) in json_forms::forms(&payload_json) {
        add(
            format!("{header}.{}", URL_SAFE_NO_PAD.encode(form)),
            "The payload was encoded again after signing",
            format!("The signature matches if the payload is written {how}."),
        );
    }
    for (form, how) in json_forms::forms(&header_json) {
        add(
            format!("{}.{payload}", URL_SAFE_NO_PAD.encode(form)),
            "The header was encoded again after signing",
            format!("The signature matches if the header is written {how}."),
        );
    }
    let standard = [&header_json, &payload_json].map(|json| general_purpose::STANDARD.encode(json));
    add(
        standard.join("."),
        "The parts were signed in another encoding",
        "The signature matches if header and payload are in base64 instead of base64url.".into(),
    );
    let padded = [&header_json, &payload_json].map(|json| general_purpose::URL_SAFE.encode(json));
    add(
        padded.join("."),
        "The parts were signed in another encoding",
        "The signature matches if header and payload are padded with `=`.".into(),
    );
    add(
        format!("{header_json}.{payload_json}"),
        "The JSON itself was signed",
        "The signature matches if header and payload are not encoded before signing.".into(),
    );
    add(payload.to_owned(), "Only the payload was signed", "The signature matches without the header.".into());
    add(
        payload_json.clone(),
        "Only the payload was signed",
        "The signature matches with the JSON of the payload alone.".into(),
    );
    add(
        format!("{header}{payload}"),
        "The dot was not signed",
        "The signature matches without the dot between header and payload.".into(),
    );
    add(
        format!("{header}.{payload}\n"),
        "A line feed was signed",
        "The signature matches with a line feed after the payload. `echo` writes one; `printf %s` does not.".into(),
    );
    inputs
}

struct Search {
    signatures: Vec<(Vec<u8>, Option<Mistake>)>,
    secrets: Vec<Secret>,
    budget: Budget,
}

impl Search {
    fn find(&mut self, received: &str, inputs: &[Input]) -> Option<Vec<Mistake>> {
        let secrets = 0..self.secrets.len();
        if let Some(mistakes) = secrets.clone().find_map(|secret| self.matches(secret, received)) {
            return Some(mistakes);
        }
        for secret in secrets {
            if self.budget.is_exhausted() {
                break;
            }
            for input in inputs {
                if let Some(mut mistakes) = self.matches(secret, &input.text) {
                    mistakes.insert(0, input.mistake.clone());
                    return Some(mistakes);
                }
            }
        }
        None
    }

    /// Returns the mistakes in the secret, the algorithm and the encoding if they give the received signature.
    fn matches(&mut self, secret: usize, text: &str) -> Option<Vec<Mistake>> {
        let secret = self.secrets.get(secret)?;
        for (signature, mistake) in &self.signatures {
            let Some(hash) = Hash::of_len(signature.len()) else { continue };
            if !self.budget.takes(text.len()) {
                return None;
            }
            if hash.hmac(&secret.bytes, text.as_bytes()) == *signature {
                let other_hash = (hash != Hash::Sha256).then(|| {
                    let name = format!("HS{}", signature.len().saturating_mul(8));
                    let explanation =
                        format!("The signature matches with {name}. A key of Ably signs with HS256 only.");
                    Mistake::new(
                        format!("The JWT was signed with {name}"),
                        explanation,
                        "Set the algorithm of the library to HS256.",
                    )
                });
                return Some(secret.mistake.iter().chain(&other_hash).chain(mistake).cloned().collect());
            }
        }
        None
    }

    fn unknown(&self) -> Cause {
        let trials = self.budget.spent();
        Cause::new(
            "The secret is wrong, or the JWT was changed after signing",
            format!(
                "No mistake that is known gives the received signature, in {trials} trials. Ruled out are other headers, other \
                 layouts and encodings of header and payload, and, as the secret, the whole key, its decoded secret and the \
                 app's other keys."
            ),
            "Check that the sender has the current secret of the key that `kid` names, and passes on the JWT unchanged.",
        )
    }
}
