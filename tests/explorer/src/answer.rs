//! What there is to say of four texts.

use std::collections::BTreeSet;

use ably_auth_core::capability::{OperationName, Resource};
use ably_auth_core::{Capability, Operation};
use serde::Serialize;

#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Answer {
    Explained(Box<Explained>),
    /// What is wrong with which of the texts.
    Wrong {
        field: &'static str,
        error: String,
    },
}

/// What the token gets, and whether it may.
#[derive(Serialize)]
pub(crate) struct Explained {
    /// As a token would have it; nothing if no token would be issued.
    granted: Option<String>,
    permitted: bool,
    says: String,
    operations: Vec<String>,
    rows: Vec<Row>,
    /// What may be asked for as an operation.
    known: Vec<&'static str>,
}

/// A resource, with a mark for each operation.
#[derive(Serialize)]
struct Row {
    resource: String,
    marks: Vec<Mark>,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
enum Mark {
    Granted,
    /// Asked, but the key does not have it.
    Beyond,
    /// The key has it, but it is not asked.
    Unasked,
    No,
}

impl Answer {
    pub(crate) fn to(texts: &[&str]) -> Self {
        let [key, asked, resource, operation] = *texts else {
            let error = "four texts are needed; give a capability, another or nothing, a resource and an operation";
            return Self::Wrong { field: "key", error: error.into() };
        };
        match explained(key.trim(), asked.trim(), resource, operation) {
            Ok(explained) => Self::Explained(Box::new(explained)),
            Err((field, error)) => Self::Wrong { field, error },
        }
    }

    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn explained(key: &str, asked: &str, resource: &str, operation: &str) -> Result<Explained, (&'static str, String)> {
    let key = Capability::parse_strict(key).map_err(|error| ("key", error.to_string()))?;
    let asked = match asked {
        "" => None,
        text => Some(Capability::parse_strict(text).map_err(|error| ("asked", error.to_string()))?),
    };
    let resource = Resource::parse_strict(resource).map_err(|error| ("resource", error.to_string()))?;
    let known: Vec<_> = Operation::ALL.iter().map(|operation| operation.as_str()).collect();
    let operation = OperationName::from(operation);
    if let OperationName::Other(name) = operation {
        let (name, known) = (name.escape_debug(), known.join("`, `"));
        return Err(("operation", format!("unknown operation `{name}`; operations are `{known}`")));
    }
    // Who asks for nothing in particular gets all that the key has.
    let asked = asked.as_ref().unwrap_or(&key);
    let granted = asked.intersect(&key);
    let explanation = granted.explain(resource.as_str(), operation);
    let (operations, rows) = table(&[asked, &key, &granted], |resource, operation| {
        match (asked.permits(resource, operation), key.permits(resource, operation)) {
            (true, true) => Mark::Granted,
            (true, false) => Mark::Beyond,
            (false, true) => Mark::Unasked,
            (false, false) => Mark::No,
        }
    });
    Ok(Explained {
        granted: (!granted.is_empty()).then(|| granted.to_string()),
        permitted: explanation.is_permitted(),
        says: explanation.to_string(),
        operations,
        rows,
        known,
    })
}

/// Each operation and each resource that any of the capabilities names.
fn table(named_in: &[&Capability], mark: impl Fn(&str, OperationName<'_>) -> Mark) -> (Vec<String>, Vec<Row>) {
    let entries = || named_in.iter().flat_map(|capability| capability.iter());
    let operations: BTreeSet<_> =
        entries().flat_map(|(_, operations)| operations.iter()).map(OperationName::as_str).collect();
    let resources: BTreeSet<_> = entries().map(|(resource, _)| resource.as_str()).collect();
    let row = |resource: &&str| Row {
        resource: (*resource).into(),
        marks: operations.iter().map(|operation| mark(resource, OperationName::from(*operation))).collect(),
    };
    let rows = resources.iter().map(row).collect();
    (operations.iter().map(|operation| (*operation).into()).collect(), rows)
}
