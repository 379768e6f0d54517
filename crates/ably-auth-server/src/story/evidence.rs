//! The evidence of a refusal: what the client sent, what the service compared it with, and the likely mistake.

use std::borrow::Cow;

use ably_auth_core::{ApiKey, Capability, ErrorCode, KeyName, Timestamp, TokenRequest};
use ably_auth_inspect::{Answer, Cause, Kind, Legend, Matrix, Report, Verdict, inspect, redact};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use super::facts::{limited, named_key, shown};
use super::{clocks, jwt, signatures};
use crate::journal::checks::Check;
use crate::journal::row::CredentialFacts;
use crate::state::State;
use crate::store::WINDOW_MILLIS;

/// The maximum size of the evidence of one refusal, in bytes of JSON. Parts that do not fit are left out.
const MAX_EVIDENCE: usize = 32 * 1024;

/// The maximum length of a credential that is explained, in bytes.
const MAX_CREDENTIAL: usize = 8 * 1024;

/// The words for the marks of a request.
const OF_REQUEST: Legend =
    Legend { yes: "asked and permitted", refused: "asked, not permitted", unrequested: "permitted" };

/// An operation on a channel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) operation: &'static str,
    pub(crate) channel: &'a str,
}

/// A request that was refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused<'a> {
    pub(crate) code: ErrorCode,
    pub(crate) reason: &'a str,
    /// The check that failed.
    pub(crate) failed: Check,
    /// The text of the credential that the client sent.
    pub(crate) credential: Option<&'a str>,
    /// The facts about the credential, if it was accepted.
    pub(crate) facts: Option<&'a CredentialFacts<'a>>,
    pub(crate) token_request: Option<&'a TokenRequest>,
    /// The key in the path.
    pub(crate) key: Option<&'a KeyName>,
    pub(crate) asked: Option<Asked<'a>>,
    pub(crate) now: Timestamp,
}

impl Refused<'_> {
    /// Gathers the evidence as JSON. It contains no secret and no token.
    pub(crate) fn evidence(&self, state: &State) -> Option<Box<RawValue>> {
        let mut evidence = Map::new();
        let credential = self.credential.filter(|text| text.len() <= MAX_CREDENTIAL);
        let report = credential.map(|text| self.report(text));
        if let Some(report) = &report {
            self.explain_credential(state, report, &mut evidence);
            evidence.insert("credential".into(), json!(report));
        }
        // In production, the console's reader need not know which apps and keys there are.
        if self.code == ErrorCode::NOT_FOUND && state.sandbox {
            self.explain_unknown(state, &mut evidence);
        }
        if let Some(request) = self.token_request {
            self.explain_request(state, request, &mut evidence);
        }
        if let Some(asked) = self.asked.filter(|_| self.failed == Check::Permitted) {
            self.explain_permission(state, asked, report.as_ref(), &mut evidence);
        }
        // The parts that explain most go last.
        for part in ["sent", "credential", "matrix", "mac", "signature"] {
            let text = to_raw_value(&evidence).ok()?;
            if text.get().len() <= MAX_EVIDENCE {
                return (!evidence.is_empty()).then_some(text);
            }
            evidence.remove(part);
        }
        None
    }

    fn report(&self, credential: &str) -> Report {
        inspect(credential, self.now).with_verdict(match self.facts {
            Some(_) => Verdict::accepted(),
            None => Verdict::refused(self.code, redact(self.reason)),
        })
    }

    fn explain_credential(&self, state: &State, report: &Report, evidence: &mut Map<String, Value>) {
        match (self.failed, self.credential) {
            (Check::Jwt, Some(text)) => jwt::explain(state, text, self.code, self.now, evidence),
            // In production, a cause would tell the console's reader about the secrets of keys.
            (Check::Secret, Some(text)) if state.sandbox => self.explain_secret(state, text, evidence),
            (Check::NotExpired | Check::NotInFuture, _) => {
                let Some(life) = report.life else { return };
                let (label, at) = match self.failed {
                    Check::NotExpired => ("expiry of the token", life.expires),
                    _ => ("time of issue of the token", life.issued),
                };
                evidence.insert("clocks".into(), clocks::compare(label, at, self.now, 0));
            }
            _ => {}
        }
    }

    /// Says which apps or keys the sandbox has, if the credential names another.
    fn explain_unknown(&self, state: &State, evidence: &mut Map<String, Value>) {
        let named = named_key(self.credential);
        let Some(name) = self.key.or(named.as_ref()) else { return };
        let cause = match state.registry.app(name.app_id()) {
            Some(app) => {
                let keys = first_few(app.app.keys().map(|key| key.name().to_string()));
                let explanation = format!("Its keys are: {keys}.");
                Cause::new("The app has no such key", explanation, "Copy the key from the overview.")
            }
            None => {
                let apps = first_few(state.registry.all().iter().map(|app| app.app.id().to_owned()));
                let explanation = format!(
                    "Its apps are: {apps}. The key may be an example, a key of Ably, or one of an earlier start: without \
                     `--apps`, each start makes a new app."
                );
                Cause::new("This sandbox has no such app", explanation, "Copy the key from the overview.")
            }
        };
        evidence.insert("signature".into(), json!({ "cause": cause }));
    }

    /// Names the mistake if the secret is that of another key, or the beginning of the right one.
    fn explain_secret(&self, state: &State, credential: &str, evidence: &mut Map<String, Value>) {
        let Ok(presented) = ApiKey::parse(credential) else { return };
        let Ok((app, key)) = state.registry.key(presented.key_name()) else { return };
        let sent = presented.secret().expose();
        let right = key.api_key().secret().expose();
        let other = app.app.keys().find(|other| other.api_key().secret() == presented.secret());
        let cause = if let Some(other) = other {
            let explanation = format!("The secret belongs to `{}`.", other.name());
            let fix = "Send the name and the secret of one key.";
            Cause::new("The secret is another key's", explanation, fix).certain()
        } else if sent.len() >= right.len() / 2 && (right.starts_with(sent) || right.ends_with(sent)) {
            let explanation = format!("{} of its {} characters were sent.", sent.len(), right.len());
            Cause::new("The secret is cut off", explanation, "Copy the whole key again.").certain()
        } else if sent.trim() == right || sent.eq_ignore_ascii_case(right) {
            let explanation = "It differs from the right one in white space or in upper and lower case.";
            Cause::new("The secret was changed on its way", explanation, "Send the key unchanged.").certain()
        } else {
            let explanation = "It is not the secret of this key, nor of another key of the app.";
            let fix = "Copy the key again; it may be from before a restart or a rotation.";
            Cause::new("The secret is wrong", explanation, fix)
        };
        evidence.insert("signature".into(), json!({ "cause": cause }));
    }

    fn explain_request(&self, state: &State, request: &TokenRequest, evidence: &mut Map<String, Value>) {
        evidence.insert("sent".into(), sent(request));
        let Some(name) = self.key else { return };
        let Ok((app, key)) = state.registry.key(name) else { return };
        match self.failed {
            Check::Mac => {
                evidence.insert("mac".into(), json!(signatures::explain_mac(state, request, &app.app, &key)));
            }
            Check::Timestamp => {
                let timestamp = request.trust_key_holder(name).and_then(|request| request.timestamp());
                if let Ok(Some(timestamp)) = timestamp {
                    let label = "timestamp of the token request";
                    evidence.insert("clocks".into(), clocks::compare(label, timestamp, self.now, WINDOW_MILLIS));
                }
            }
            Check::Nonce if self.code == ErrorCode::NONCE_REPLAYED => {
                let request = request.trust_key_holder(name).ok();
                evidence.insert("replayed".into(), request.and_then(|request| request.nonce()).into());
            }
            Check::Grant => {
                let asked = request.trust_key_holder(name).and_then(|request| request.capability());
                if let Ok(Some(asked)) = asked {
                    let matrix = Matrix::compared(&asked, key.capability(), &Legend::KEY);
                    let title = "What was asked for, and what the key has";
                    evidence.insert("matrix".into(), json!({ "title": title, "matrix": matrix }));
                }
            }
            _ => {}
        }
    }

    fn explain_permission(
        &self,
        state: &State,
        asked: Asked<'_>,
        report: Option<&Report>,
        evidence: &mut Map<String, Value>,
    ) {
        let Some(facts) = self.facts else { return };
        let Ok(has) = Capability::parse_lenient(&facts.capability) else { return };
        let text = json!({ asked.channel: [asked.operation] }).to_string();
        if let Ok(wanted) = Capability::parse_lenient(&text) {
            let matrix = Matrix::compared(&wanted, &has, &OF_REQUEST);
            let title = "What the request needs, and what its credential has";
            evidence.insert("matrix".into(), json!({ "title": title, "matrix": matrix }));
        }
        evidence.insert("explanation".into(), Answer::new(&has, asked.channel, asked.operation).explanation.into());
        let written = report.filter(|report| report.kind == Kind::Jwt);
        let written = written.and_then(|report| report.asks(asked.channel, asked.operation));
        if written.is_some_and(|answer| answer.permitted) {
            explain_limit(state, facts, asked, evidence);
        }
    }
}

/// Returns the first of the names, in alphabetical order.
fn first_few(names: impl Iterator<Item = String>) -> String {
    const SHOWN: usize = 3;
    let mut names: Vec<_> = names.map(|name| format!("`{}`", shown(&name))).collect();
    names.sort_unstable();
    let left = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    match (names.is_empty(), left) {
        (true, _) => "none".into(),
        (false, 0) => names.join(", "),
        (false, left) => format!("{}, and {left} more", names.join(", ")),
    }
}

/// Names the mistake if a JWT asks for a right that its key does not have.
fn explain_limit(state: &State, facts: &CredentialFacts<'_>, asked: Asked<'_>, evidence: &mut Map<String, Value>) {
    let Ok((_, key)) = state.registry.key(&facts.key) else { return };
    let explanation = format!(
        "The JWT asks for `{}` on `{}`, but its key `{}` does not have it, and no JWT has more than its key.",
        asked.operation, asked.channel, facts.key
    );
    let fix = "Sign the JWT with a key that has it, or give the key the right.";
    let cause = Cause::new("The key lacks this right", explanation, fix).certain();
    evidence.insert("signature".into(), json!({ "cause": cause }));
    evidence.insert("keyCapability".into(), limited(key.capability().to_string()).into());
}

/// The fields of a token request that the service reads.
const FIELDS: [&str; 7] = ["keyName", "ttl", "capability", "clientId", "timestamp", "nonce", "mac"];

/// Returns the fields of a token request. The mac is shortened: with the whole mac, the request could be exchanged.
fn sent(request: &TokenRequest) -> Value {
    let Ok(Value::Object(fields)) = serde_json::to_value(request) else {
        return Value::Null;
    };
    let shown = fields.into_iter().map(|(name, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        let text: Cow<'_, str> = match &*name {
            "mac" => text.chars().take(6).chain(['…']).collect::<String>().into(),
            // A sender may have put the whole key there by mistake.
            _ if ApiKey::parse(&text).is_ok() => "[key]".into(),
            name if FIELDS.contains(&name) => limited(redact(&text).into_owned()),
            _ => "[not read]".into(),
        };
        json!({ "name": redact(&name), "value": text })
    });
    Value::Array(shown.collect())
}
