//! The answer about a key's capability, a requested capability, a resource and an operation.

use std::collections::BTreeSet;

use ably_auth_core::capability::{OperationName, Resource};
use ably_auth_core::{Capability, Operation};
use serde::Serialize;

#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Answer {
    Explained(Box<Explained>),
    /// An error in one of the four texts.
    Wrong {
        field: &'static str,
        error: String,
    },
}

/// The capability of the token, and the result for the resource and the operation.
#[derive(Serialize)]
pub(crate) struct Explained {
    /// The canonical text of the token's capability, or `None` if no token would be issued.
    granted: Option<String>,
    permitted: bool,
    says: String,
    operations: Vec<String>,
    rows: Vec<Row>,
    /// The names of all known operations.
    known: Vec<&'static str>,
}

/// A resource, with one mark for each operation.
#[derive(Serialize)]
struct Row {
    resource: String,
    marks: Vec<Mark>,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
enum Mark {
    Granted,
    /// Requested, but not permitted by the key.
    Beyond,
    /// Permitted by the key, but not requested.
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
    // A token without a requested capability gets the capability of the key.
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

/// Returns the operations and the resources that any of the capabilities names.
fn table(named_in: &[&Capability], mark: impl Fn(&str, OperationName<'_>) -> Mark) -> (Vec<String>, Vec<Row>) {
    let entries = || named_in.iter().flat_map(|capability| capability.iter());
    let operations: BTreeSet<_> =
        entries().flat_map(|entry| entry.operations.iter()).map(OperationName::as_str).collect();
    let resources: BTreeSet<_> = entries().map(|entry| entry.resource.as_str()).collect();
    let row = |resource: &&str| Row {
        resource: (*resource).into(),
        marks: operations.iter().map(|operation| mark(resource, OperationName::from(*operation))).collect(),
    };
    let rows = resources.iter().map(row).collect();
    (operations.iter().map(|operation| (*operation).into()).collect(), rows)
}
