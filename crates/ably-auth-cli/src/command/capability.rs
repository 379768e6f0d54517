//! `ably-auth capability`

use ably_auth::capability::{Entry, OperationName, Resource};
use ably_auth::{Capability, Operation};
use ably_auth_inspect::Legend;
use serde_json::{Map, Value, json};

use crate::args::{Capability as Args, Query, TwoCapabilities};
use crate::draw::{Paint, matrix, printable};
use crate::input;
use crate::output::{self, Failure, Outcome};

pub(crate) fn run(command: &Args) -> Result<Outcome, Failure> {
    match command {
        Args::Format { capability } => Ok(Outcome::json(true, &input::capability("capability", capability)?)),
        Args::Intersect(two) => {
            let (a, b) = both(two)?;
            let common = a.intersect(&b);
            if common.is_empty() {
                output::note("nothing in common: no token would be issued (40160)");
            }
            // Canonical text is JSON already, and its order is part of it.
            Ok(Outcome::json(!common.is_empty(), &common))
        }
        Args::Union(two) => both(two).map(|(a, b)| Outcome::json(true, &a.union(&b))),
        Args::Minimal { capability } => {
            Ok(Outcome::json(true, &input::capability("capability", capability)?.minimal()))
        }
        Args::Check(query) => check(query),
        Args::Explain(query) => explain(query),
        Args::Cover(two) => cover(two),
        Args::Table { capability, key_capability } => table(capability, key_capability.as_deref()),
    }
}

fn both(TwoCapabilities { a, b }: &TwoCapabilities) -> Result<(Capability, Capability), Failure> {
    Ok((input::capability("capability A", a)?, input::capability("capability B", b)?))
}

/// Returns the option's `value`, or without it the argument's value `at`, after the name of the input that was used.
fn given<'a>(option: &'a str, value: Option<&'a str>, argument: &'a str, at: Option<&'a str>) -> (&'a str, &'a str) {
    value.map_or_else(|| (argument, at.unwrap_or_default()), |value| (option, value))
}

fn parse_query(query: &Query) -> Result<(Capability, Resource, OperationName<'_>), Failure> {
    let capability = input::capability("capability", &query.capability)?;
    let (name, resource) = given("--resource", query.resource.as_deref(), "the resource", query.at.as_deref());
    let resource = self::resource(name, resource)?;
    let (name, operation) = given("--operation", query.operation.as_deref(), "the operation", query.to.as_deref());
    Ok((capability, resource, self::operation(name, operation)?))
}

/// Parses the resource in `text`, the value of the input `name`.
pub(super) fn resource(name: &str, text: &str) -> Result<Resource, Failure> {
    Resource::parse_strict(text).map_err(|error| Failure::input(name, error))
}

/// Parses the operation in `text`, the value of the input `name`. Refuses an unknown one.
pub(super) fn operation<'a>(name: &str, text: &'a str) -> Result<OperationName<'a>, Failure> {
    let operation = OperationName::from(text);
    if let OperationName::Other(unknown) = operation {
        let known: Vec<_> = Operation::ALL.iter().map(|operation| operation.as_str()).collect();
        let problem = format!("unknown operation `{}`; use one of {}", unknown.escape_debug(), known.join(", "));
        return Err(Failure::input(name, problem));
    }
    Ok(operation)
}

fn check(query: &Query) -> Result<Outcome, Failure> {
    let (capability, resource, operation) = parse_query(query)?;
    let permitted = capability.permits(resource.as_str(), operation);
    let json = json!({ "permitted": permitted, "resource": resource.as_str(), "operation": operation.as_str() });
    let asked = format!("`{}` on `{}`", operation.as_str(), printable(resource.as_str()));
    Ok(if permitted {
        Outcome::yes(format!("yes: {asked} is permitted"), &json)
    } else {
        Outcome::no(format!("no: {asked} is not permitted"), &json)
    })
}

fn explain(query: &Query) -> Result<Outcome, Failure> {
    let (capability, resource, operation) = parse_query(query)?;
    let explanation = capability.explain(resource.as_str(), operation);
    let json = output::wire(&explanation)?;
    let text = format!("{}\n\n{}", printable(&explanation.to_string()), matrix::of(&capability, Paint::stdout()));
    Ok(Outcome::wire(explanation.is_permitted(), text, json))
}

fn cover(two: &TwoCapabilities) -> Result<Outcome, Failure> {
    let (a, b) = both(two)?;
    let lacks = lacks(&a, &b);
    let lacking: Map<_, _> = lacks.iter().map(|(resource, names)| ((*resource).to_owned(), json!(names))).collect();
    let json = json!({ "covers": lacks.is_empty(), "lacks": lacking });
    let legend = Legend { yes: "both", refused: "B alone", unrequested: "A alone" };
    let drawn = matrix::compared(&b, &a, &legend, Paint::stdout());
    if lacks.is_empty() {
        return Ok(Outcome::yes(format!("yes: A permits all that B does\n\n{drawn}"), &json));
    }
    let mut text = "no: A does not permit all that B does; it lacks".to_owned();
    for (resource, names) in lacks {
        let names: Vec<_> = names.into_iter().map(|name| format!("`{}`", printable(name))).collect();
        text.push_str(&format!("\n  {} on `{}`", names.join(", "), printable(resource)));
    }
    Ok(Outcome::no(format!("{text}\n\n{drawn}"), &json))
}

/// Returns the entries of `other` that `one` does not permit: each resource with the names of the operations.
fn lacks<'a>(one: &Capability, other: &'a Capability) -> Vec<(&'a str, Vec<&'a str>)> {
    let of_entry = |Entry { resource, operations }: Entry<'a>| {
        let lacking = operations.iter().filter(|operation| !one.permits(resource.as_str(), *operation));
        (resource.as_str(), lacking.map(OperationName::as_str).collect::<Vec<_>>())
    };
    other.iter().map(of_entry).filter(|(_, names)| !names.is_empty()).collect()
}

fn table(asked: &str, key_capability: Option<&str>) -> Result<Outcome, Failure> {
    let asked = input::capability("capability", asked)?;
    let Some(has) = key_capability else {
        return Ok(Outcome::yes(matrix::of(&asked, Paint::stdout()), &json!({ "capability": object(&asked)? })));
    };
    let has = input::capability("--key-capability", has)?;
    let granted = asked.intersect(&has);
    let json = json!({ "asked": object(&asked)?, "key": object(&has)?, "granted": object(&granted)? });
    let drawn = matrix::compared(&asked, &has, &Legend::KEY, Paint::stdout());
    Ok(if granted.is_empty() {
        Outcome::no(format!("{drawn}\n\nnothing is granted: no token would be issued (40160)"), &json)
    } else {
        Outcome::yes(format!("{drawn}\n\ngranted: {}", printable(&granted.to_string())), &json)
    })
}

fn object(capability: &Capability) -> Result<Value, Failure> {
    serde_json::from_str(&capability.to_string()).map_err(|error| Failure::input("capability", error))
}
