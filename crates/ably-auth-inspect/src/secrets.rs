//! The secrets that senders sign with by mistake.

use ably_auth_core::ApiKey;
use base64::Engine as _;
use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use crate::trial::{Mistake, Secret};

/// The maximum number of other keys whose secrets are tried.
const MAX_OTHERS: usize = 100;

/// Returns a decoder that accepts base64 as it is found in practice.
pub(crate) const fn lenient_base64(alphabet: &Alphabet) -> GeneralPurpose {
    let config = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(alphabet, config)
}

/// Returns the secret of `key`, then what senders use instead of it, then the secrets of `others`.
pub(crate) fn of<'a>(key: &ApiKey, others: impl Iterator<Item = &'a ApiKey>) -> Vec<Secret> {
    let (name, text) = (key.key_name(), key.secret().expose());
    let mut secrets = vec![Secret { bytes: bytes(text), mistake: None }];
    let mut add = |bytes: Zeroizing<Vec<u8>>, title: &str, explanation: String, fix: &str| {
        if secrets.iter().all(|secret| secret.bytes != bytes) {
            secrets.push(Secret { bytes, mistake: Some(Mistake::new(title, explanation, fix)) });
        }
    };
    let part = "Sign with the part of the key after the colon, as text.";
    let whole = Zeroizing::new(format!("{name}:{text}"));
    add(
        bytes(&whole),
        "The whole key was used as the secret",
        format!("The signature matches if the whole text of `{name}`, with its name and the colon, is the secret."),
        part,
    );
    let decoded = "Use the bytes of the text itself as the secret. If the library decodes its secrets, encode the text in base64 \
                   first, or pass in bytes.";
    for (decoder, encoding) in [(lenient_base64(&URL_SAFE), "base64url"), (lenient_base64(&STANDARD), "base64")] {
        if let Ok(decoded_bytes) = decoder.decode(text) {
            add(
                Zeroizing::new(decoded_bytes),
                "The secret was decoded from base64 first",
                format!(
                    "The signature matches if the secret is decoded from {encoding}. The secret of a key is text that looks like base64, but it is used as it is. Some libraries decode secrets by default."
                ),
                decoded,
            );
        }
    }
    for (end, what) in [("\n", "a line feed"), ("\r\n", "a carriage return and a line feed"), (" ", "a space")] {
        let title = "White space follows the secret";
        let fix = "Trim the secret after you read it from a file or from the environment.";
        add(
            bytes(&Zeroizing::new(format!("{text}{end}"))),
            title,
            format!("The signature matches if {what} is part of the secret."),
            fix,
        );
        add(
            bytes(&Zeroizing::new(format!("{}{end}", *whole))),
            "The whole key and white space were used as the secret",
            format!("The signature matches if the secret is the whole text of `{name}` with {what} at its end."),
            part,
        );
    }
    for quote in ['"', '\''] {
        let quoted = Zeroizing::new(format!("{quote}{text}{quote}"));
        add(
            bytes(&quoted),
            "The secret is in quotes",
            format!("The signature matches if the quotes {quote} are part of the secret."),
            "Remove the quotes, for example in the `.env` file.",
        );
    }
    let encoded = Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(text));
    add(
        bytes(&encoded),
        "The secret was encoded in base64 first",
        "The signature matches if the secret is encoded in base64.".into(),
        "Use the bytes of the text itself as the secret.",
    );
    let encoded = Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(&*whole));
    add(
        bytes(&encoded),
        "The base64 of the whole key was used as the secret",
        format!("The signature matches if the secret is what `Authorization: Basic` has for `{name}`."),
        part,
    );
    add(
        Zeroizing::default(),
        "The secret is empty",
        "The signature matches if the secret is empty, as with a setting that is missing.".into(),
        "Check that the program has the key, for example its environment variable.",
    );
    for other in others.filter(|other| *other != key).take(MAX_OTHERS) {
        let (other_name, text) = (other.key_name(), other.secret().expose());
        let title = "The secret of another key was used";
        let fix = format!("Sign with the secret of `{name}`, or name the key `{other_name}`.");
        let explained =
            format!("The signature matches with the secret of `{other_name}`, but the credential names `{name}`.");
        add(bytes(text), title, explained, &fix);
        let explained = format!(
            "The signature matches if the whole text of `{other_name}` is the secret, but the credential names `{name}`."
        );
        add(
            bytes(&Zeroizing::new(format!("{other_name}:{text}"))),
            "The whole text of another key was used as the secret",
            explained,
            part,
        );
    }
    secrets
}

fn bytes(text: &str) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(text.as_bytes().to_vec())
}
