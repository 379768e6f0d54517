//! The description of a token, as text and as JSON. It never contains the token itself.

use ably_auth::{Capability, KeyName, Timestamp, TokenDetails};
use ably_auth_core::JwtClaims;
use serde_json::{Map, Value};

use crate::draw::{Paint, facts, life::Lifetime, matrix, moment, printable};
use crate::lenient::{LenientJwt, is_secret, readable_value};

/// A description of a token.
#[derive(Default)]
pub(crate) struct Description {
    facts: Vec<(&'static str, String)>,
    json: Map<String, Value>,
    capability: Option<String>,
    life: Option<Lifetime>,
    problems: Vec<String>,
}

impl Description {
    pub(crate) fn fact(&mut self, name: &'static str, member: &str, value: impl Into<Value>) {
        let value = value.into();
        self.facts.push((name, value.as_str().map_or_else(|| value.to_string(), printable)));
        self.json.insert(member.into(), value);
    }

    pub(crate) fn kind(&mut self, kind: &str) {
        self.json.insert("kind".into(), kind.into());
    }

    /// Adds a line to the text, but not to the JSON.
    pub(crate) fn note(&mut self, name: &'static str, text: String) {
        self.facts.push((name, text));
    }

    pub(crate) fn key(&mut self, name: &KeyName) {
        self.fact("key name", "keyName", name.as_str());
        self.fact("app id", "appId", name.app_id());
    }

    /// Adds the claims of a JWT.
    pub(crate) fn claims(&mut self, claims: &JwtClaims, now: Timestamp) {
        self.optional("client id", "clientId", claims.client_id().as_str());
        self.optional("revocation key", "revocationKey", claims.revocation_key());
        if let Some(at) = claims.not_before() {
            self.note("not before", moment(at));
            self.json.insert("notBefore".into(), at.as_millis().into());
        }
        if claims.embedded_token().is_some() {
            self.note("embedded", "a token, not shown".into());
            self.json.insert("embeddedToken".into(), true.into());
        }
        self.map("channel claim", "channelClaims", claims.channel_claims().map(|(name, value)| (name, value.into())));
        self.map("publish limit", "publishLimits", claims.publish_limits().map(|(name, limit)| (name, limit.into())));
        let others = claims.others().map(|(name, text)| (name, serde_json::from_str(text).unwrap_or_default()));
        self.map("other claim", "otherClaims", others);
        self.life((claims.issued(), claims.expires()), now);
        self.set_capability(claims.capability_text());
    }

    /// Adds the details of a token, without the token itself.
    pub(crate) fn details(&mut self, details: &TokenDetails, now: Timestamp) {
        if let Some(name) = details.key_name() {
            self.key(name);
        }
        self.optional("client id", "clientId", details.client_id().as_str());
        if let (Some(issued), Some(expires)) = (details.issued(), details.expires()) {
            self.life((issued, expires), now);
        }
        self.set_capability(details.capability_text());
    }

    /// Adds the readable header and claims of a malformed JWT, with tokens redacted.
    pub(crate) fn lenient(&mut self, jwt: LenientJwt) {
        for (name, member, object) in [("header", "header", jwt.header), ("claim", "claims", jwt.claims)] {
            let Some(mut object) = object else { continue };
            for (key, value) in &mut object {
                if is_secret(key) {
                    *value = "[redacted]".into();
                }
                self.facts.push((name, format!("{} = {}", printable(key), readable_value(key, value))));
            }
            self.json.insert(member.into(), object.into());
        }
    }

    pub(crate) fn problems(&mut self, problems: Vec<String>) {
        if !problems.is_empty() {
            self.json.insert("problems".into(), problems.clone().into());
            self.problems = problems;
        }
    }

    fn life(&mut self, (issued, expires): (Timestamp, Timestamp), now: Timestamp) {
        let life = Lifetime { issued, expires, now };
        for (name, at) in [("issued", issued), ("expires", expires), ("renewAt", life.renew_at())] {
            self.json.insert(name.into(), at.as_millis().into());
        }
        self.json.insert("state".into(), life.state().into());
        self.life = Some(life);
    }

    fn set_capability(&mut self, capability: Option<&str>) {
        self.json.extend(capability.map(|text| ("capability".into(), text.into())));
        self.capability = capability.map(Into::into);
    }

    fn optional(&mut self, name: &'static str, member: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.fact(name, member, value);
        }
    }

    fn map<'a>(&mut self, name: &'static str, member: &str, entries: impl Iterator<Item = (&'a str, Value)>) {
        let entries: Map<_, _> = entries.map(|(name, value)| (name.to_owned(), value)).collect();
        for (resource, value) in &entries {
            self.facts.push((name, printable(&format!("{resource} = {value}"))));
        }
        if !entries.is_empty() {
            self.json.insert(member.into(), entries.into());
        }
    }

    pub(crate) fn json(self) -> Value {
        self.json.into()
    }

    pub(crate) fn text(&self, title: &str, paint: Paint) -> String {
        let mut parts = vec![title.to_owned() + "\n" + &facts(&self.facts)];
        parts.extend(self.life.map(|life| life.draw(paint)));
        parts.extend(self.capability.as_deref().map(|text| match Capability::parse_lenient(text) {
            Ok(capability) => matrix::of(&capability, paint),
            Err(error) => format!("invalid capability: {}", printable(&error.to_string())),
        }));
        if !self.problems.is_empty() {
            parts.push(format!("problems\n- {}", self.problems.join("\n- ")));
        }
        parts.join("\n\n")
    }
}
