//! The search for the text and the secret that give the received mac.

use ably_auth_core::ApiKey;
use zeroize::Zeroizing;

use super::encoding::{self, Encoded};
use super::lines::{Lines, Received, canonical};
use super::variants::{self, JOINED, LineVariant};
use crate::cause::Cause;
use crate::secrets;
use crate::trial::{Budget, Hash, Mistake, Secret, sha256};

/// Returns the cause of a wrong mac, and the lines that the sender signed, if they are known.
pub(super) fn cause<'a>(
    received: &Received,
    key: &ApiKey,
    others: impl Iterator<Item = &'a ApiKey>,
) -> (Option<Cause>, Option<Lines>) {
    let Some(mac) = &received.mac else {
        let explanation = "The request was not signed.";
        let fix = "Sign the request, or send it with the key itself (Basic).";
        return (Some(Cause::new("The request has no mac", explanation, fix).certain()), None);
    };
    let macs = encoding::decode(mac);
    if !macs.iter().any(|mac| Hash::of_len(mac.bytes.len()).is_some()) {
        let explanation = "The text is neither base64 nor hex of an HMAC-SHA-256.";
        let fix = "Compute an HMAC with SHA-256, and encode its 32 bytes in standard base64, with padding.";
        return (Some(Cause::new("The mac is not 32 bytes in base64", explanation, fix).certain()), None);
    }
    let mut search = Search { received, macs, secrets: secrets::of(key, others), budget: Budget::new() };
    let whole_key = Zeroizing::new(format!("{}:{}", key.key_name(), key.secret().expose()));
    let variants = variants::of_lines(received, key.key_name().key_id(), &whole_key);
    match search.find(&variants) {
        Some(Found { mistakes, lines }) => {
            let mistakes: Vec<_> = mistakes.iter().collect();
            (Mistake::cause(&mistakes), Some(lines))
        }
        None => (Some(search.unknown()), None),
    }
}

/// The mistakes and the lines that give the received mac.
struct Found {
    mistakes: Vec<Mistake>,
    lines: Lines,
}

struct Search<'a> {
    received: &'a Received,
    macs: Vec<Encoded>,
    secrets: Vec<Secret>,
    budget: Budget,
}

impl Search<'_> {
    /// Tries single mistakes before combinations.
    fn find(&mut self, variants: &[LineVariant]) -> Option<Found> {
        let lines = &self.received.lines;
        let text = canonical(lines);
        // The own secret comes first.
        let (own, wrong) = (0..1, 1..self.secrets.len());
        let found = |mistakes: Vec<Mistake>, lines: &Lines| Some(Found { mistakes, lines: lines.clone() });
        for secret in own.clone().chain(wrong.clone()) {
            if let Some(mistakes) = self.matches(secret, &text) {
                return found(mistakes, lines);
            }
        }
        if let Some(mistake) = self.other_function(&text) {
            return found(vec![mistake], lines);
        }
        for secret in own.clone().chain(wrong) {
            for joined in JOINED {
                if let Some(mut mistakes) = self.matches(secret, &(joined.join)(lines)) {
                    mistakes.insert(0, joined.mistake());
                    return found(mistakes, lines);
                }
            }
            for variant in variants {
                let lines = variant.apply(lines);
                if let Some(mut mistakes) = self.matches(secret, &canonical(&lines)) {
                    mistakes.insert(0, variant.mistake.clone());
                    return found(mistakes, &lines);
                }
            }
            if self.budget.is_exhausted() || self.budget.spent() > Budget::MAX_TRIALS / 2 {
                break;
            }
        }
        self.other_order().or_else(|| self.pairs(variants))
    }

    /// Tries two mistakes in the text, with the key's own secret.
    fn pairs(&mut self, variants: &[LineVariant]) -> Option<Found> {
        for (at, variant) in variants.iter().enumerate() {
            if self.budget.is_exhausted() {
                break;
            }
            let lines = variant.apply(&self.received.lines);
            for joined in JOINED {
                if let Some(mut mistakes) = self.matches(0, &(joined.join)(&lines)) {
                    mistakes.splice(0..0, [variant.mistake.clone(), joined.mistake()]);
                    return Some(Found { mistakes, lines });
                }
            }
            for second in variants.iter().skip(at).filter(|second| second.field != variant.field) {
                let lines = second.apply(&lines);
                if let Some(mut mistakes) = self.matches(0, &canonical(&lines)) {
                    mistakes.splice(0..0, [variant.mistake.clone(), second.mistake.clone()]);
                    return Some(Found { mistakes, lines });
                }
            }
        }
        None
    }

    /// Tries the lines in each order in which one line is in another place, or two are exchanged.
    fn other_order(&mut self) -> Option<Found> {
        let lines = &self.received.lines;
        for from in 0..lines.len() {
            for to in 0..lines.len() {
                let mut moved = lines.clone();
                if let Some(part) = if from < to { moved.get_mut(from..=to) } else { moved.get_mut(to..=from) } {
                    if from < to { part.rotate_left(1) } else { part.rotate_right(1) }
                }
                let mut exchanged = lines.clone();
                exchanged.swap(from, to);
                for order in [moved, exchanged] {
                    if let Some(mut mistakes) = self.matches(0, &canonical(&order)) {
                        mistakes.insert(
                            0,
                            Mistake::new(
                                "The lines are in another order",
                                "The mac matches if the values are signed in another order.",
                                "Sign the values in this order: keyName, ttl, capability, clientId, timestamp, nonce.",
                            ),
                        );
                        return Some(Found { mistakes, lines: lines.clone() });
                    }
                }
            }
        }
        None
    }

    /// Returns the mistakes in the secret and in the encoding if they give the received mac. They are none if only a mac
    /// that the service accepts is left.
    fn matches(&mut self, secret: usize, text: &str) -> Option<Vec<Mistake>> {
        let secret = self.secrets.get(secret)?;
        for mac in &self.macs {
            let Some(hash) = Hash::of_len(mac.bytes.len()) else { continue };
            if !self.budget.takes(text.len()) {
                return None;
            }
            if hash.hmac(&secret.bytes, text.as_bytes()) == mac.bytes {
                let other_hash = (hash != Hash::Sha256).then(|| {
                    Mistake::new(
                        "Another hash function than SHA-256 was used",
                        format!("The mac matches with HMAC-SHA-{}.", mac.bytes.len().saturating_mul(8)),
                        "Use HMAC with SHA-256.",
                    )
                });
                return Some(secret.mistake.iter().chain(&other_hash).chain(&mac.mistake).cloned().collect());
            }
        }
        None
    }

    /// Tries functions other than HMAC with the secret as its key.
    fn other_function(&mut self, text: &str) -> Option<Mistake> {
        let secret = self.secrets.first()?;
        let (secret, text) = (secret.bytes.as_slice(), text.as_bytes());
        let is_mac = |bytes: &[u8]| self.macs.iter().any(|mac| mac.bytes == bytes);
        let fix = "Use HMAC with SHA-256: the secret is the key, and the canonical text is the message.";
        if is_mac(&Hash::Sha256.hmac(text, secret)) {
            let explanation = "The mac matches if the text is the key of the HMAC, and the secret is its message.";
            return Some(Mistake::new("The arguments of HMAC are exchanged", explanation, fix));
        }
        let texts = [text.to_vec(), [secret, text].concat(), [text, secret].concat()].map(Zeroizing::new);
        let is_hash = texts.iter().any(|text| is_mac(&sha256(text)));
        let explanation = "The mac matches with a hash of the text alone, or of the text and the secret.";
        is_hash.then(|| Mistake::new("A hash was used instead of HMAC", explanation, fix))
    }

    fn unknown(&self) -> Cause {
        let trials = self.budget.spent();
        Cause::new(
            "The secret is wrong, or a field was changed after signing",
            format!(
                "No mistake that is known gives the received mac, in {trials} trials. Ruled out are other line ends, other \
                 layouts of the capability, other units of ttl and timestamp, values that were sent but not signed, other \
                 encodings of the mac, and, as the secret, the whole key, its decoded secret and the app's other keys."
            ),
            "Compare each line above with what the sender signs, and check that the sender has the current secret of this key.",
        )
    }
}
