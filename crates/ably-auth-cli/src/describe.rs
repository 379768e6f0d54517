//! A report about a token, as text and as JSON. It never contains the token itself.

use ably_auth::Capability;
use ably_auth_inspect::Report;
use serde_json::Value;

use crate::draw::{Paint, facts, life, matrix, printable};

/// Returns the report as JSON, with typed values.
pub(crate) fn json(report: &Report) -> Value {
    let mut json = report.members().clone();
    if let Some(life) = &report.life {
        for (name, at) in [("issued", life.issued), ("expires", life.expires), ("renewAt", life.renew_at)] {
            json.insert(name.into(), at.as_millis().into());
        }
        json.insert("state".into(), life.state.as_str().into());
    }
    json.extend(report.capability.as_deref().map(|text| ("capability".into(), text.into())));
    if !report.problems.is_empty() {
        json.insert("problems".into(), problems(report).into());
    }
    json.into()
}

/// Returns the report as JSON, with the kind of the token.
pub(crate) fn json_with_kind(report: &Report, kind: &str) -> Value {
    let mut json = json(report);
    if let Some(json) = json.as_object_mut() {
        json.insert("kind".into(), kind.into());
    }
    json
}

/// Returns the report as text.
pub(crate) fn text(report: &Report, paint: Paint) -> String {
    let lines: Vec<_> = report.facts.iter().map(|fact| (fact.label.as_str(), printable(&fact.value))).collect();
    let mut parts = vec![report.title.clone() + "\n" + &facts(&lines)];
    parts.extend(report.life.map(|life| life::draw(&life, paint)));
    parts.extend(report.capability.as_deref().map(|text| match Capability::parse_lenient(text) {
        Ok(capability) => matrix::of(&capability, paint),
        Err(error) => format!("invalid capability: {}", printable(&error.to_string())),
    }));
    if !report.problems.is_empty() {
        parts.push(format!("problems\n- {}", problems(report).join("\n- ")));
    }
    parts.join("\n\n")
}

fn problems(report: &Report) -> Vec<String> {
    report.problems.iter().map(|problem| printable(problem)).collect()
}
