//! `ably-auth capability`

use ably_auth::Operation;
use ably_auth::capability::{OperationName, Resource};
use serde_json::json;

use crate::args::Capability as Args;
use crate::input;
use crate::output::{self, Failure, Outcome};

pub(crate) fn run(command: &Args) -> Result<Outcome, Failure> {
    match command {
        Args::Format { capability } => {
            let capability = input::capability("capability", capability)?;
            Ok(Outcome::json(true, &capability))
        }
        Args::Intersect { a, b } => {
            let common = input::capability("capability A", a)?.intersect(&input::capability("capability B", b)?);
            if common.is_empty() {
                output::note("nothing in common: no token would be issued (40160)");
            }
            Ok(printed(&common))
        }
        Args::Check { capability, resource, operation } => check(capability, resource, operation),
    }
}

/// Canonical text is JSON already, and its order is part of it.
fn printed(capability: &ably_auth::Capability) -> Outcome {
    Outcome::json(!capability.is_empty(), capability)
}

fn check(capability: &str, resource: &str, operation: &str) -> Result<Outcome, Failure> {
    let capability = input::capability("capability", capability)?;
    let resource = Resource::parse_strict(resource).map_err(|error| Failure::input("--resource", error))?;
    let operation = OperationName::from(operation);
    if let OperationName::Other(name) = operation {
        let known: Vec<_> = Operation::ALL.iter().map(|operation| operation.as_str()).collect();
        let problem = format!("unknown operation `{}`; known are {}", name.escape_debug(), known.join(", "));
        return Err(Failure::input("--operation", problem));
    }
    let permitted = capability.permits(resource.as_str(), operation);
    let json = json!({ "permitted": permitted, "resource": resource.as_str(), "operation": operation.as_str() });
    let asked = format!("`{}` on `{resource}`", operation.as_str());
    Ok(if permitted {
        Outcome::yes(format!("yes: {asked} is permitted"), &json)
    } else {
        Outcome::no(format!("no: {asked} is not permitted"), &json)
    })
}
