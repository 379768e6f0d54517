//! Reports which cases of the specification's universal test suite pass, and with which client.
//!
//! `tests/spec-ids.txt` lists the cases that concern authentication. `tests/conformance` has a trial for each, named by
//! the case's id and, in brackets, the client that it is run with.

mod outcomes;

use std::collections::BTreeMap;
use std::fs;

use crate::{Complaints, Result, command, workspace};
pub(crate) use outcomes::Outcomes;

const LIST: &str = "tests/spec-ids.txt";
/// Cases that need not pass, each with the reason.
const EXCEPTIONS: &str = "tests/conformance-exceptions.toml";

/// Client name of the cases that use no client.
const NO_CLIENT: &str = "";
const CLIENTS: [&str; 2] = ["reqwest", "blocking"];

#[derive(Debug, PartialEq)]
struct Group {
    file: String,
    ids: Vec<String>,
}

pub(crate) fn run(options: &[String]) -> Result {
    let mut outcomes = Outcomes::default();
    let mut tests = command::cargo(["test", "--package", "ably-auth-tests", "--test", "conformance", "--no-fail-fast"]);
    // Tests other than the cases may fail too; the cases are counted all the same.
    let ran = command::watch(&mut tests, |line| outcomes.read(line));
    if outcomes.is_empty() {
        return ran;
    }
    check_outcomes(&outcomes, options.iter().any(|option| option == "--missing")).and(ran)
}

/// Prints the outcome of the cases, and returns an error for those that did not pass.
pub(crate) fn check_outcomes(outcomes: &Outcomes, list_missing: bool) -> Result {
    let list = fs::read_to_string(LIST).map_err(|error| format!("cannot read `{LIST}`: {error}"))?;
    let groups = parse(&list)?;
    let exceptions = match fs::read_to_string(EXCEPTIONS) {
        Ok(text) => exceptions(&text)?,
        Err(_) => BTreeMap::new(),
    };
    let mut complaints = report(&groups, outcomes, &exceptions, list_missing);

    let known = |id: &str| groups.iter().any(|group| group.ids.iter().any(|listed| listed == id));
    for id in outcomes.ids().filter(|id| !known(id)) {
        complaints.push(format!("a test has the id `{id}`, which `{LIST}` does not list; correct the id or list it"));
    }
    for id in exceptions.keys().filter(|id| !known(id)) {
        complaints.push(format!("`{EXCEPTIONS}` has the id `{id}`, which `{LIST}` does not list; remove it"));
    }
    for path in workspace::files()?.iter().filter(|path| outcomes::may_have_ids(path)) {
        let source = fs::read_to_string(path).unwrap_or_default();
        for id in outcomes::ids(&source).into_iter().filter(|id| !known(id)) {
            let path = path.display();
            complaints
                .push(format!("`{path}` has the id `{id}`, which `{LIST}` does not list; correct the id or list it"));
        }
    }
    if complaints.is_empty() { Ok(()) } else { Err(Complaints(complaints)) }
}

#[derive(Default)]
struct Count {
    passed: usize,
    failed: usize,
    missing: usize,
}

fn report(
    groups: &[Group],
    outcomes: &Outcomes,
    exceptions: &BTreeMap<String, String>,
    list_missing: bool,
) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut totals: BTreeMap<&str, Count> = BTreeMap::new();
    let mut cases = 0;
    for Group { file, ids } in groups {
        let mut here: BTreeMap<&str, Count> = BTreeMap::new();
        let mut without = Vec::new();
        for id in ids {
            cases += 1;
            for &client in outcomes.clients_of(id, &CLIENTS) {
                let counts = [here.entry(client).or_default(), totals.entry(client).or_default()];
                let shown = outcomes::name(id, client);
                match outcomes.passed(id, client) {
                    Some(true) => counts.into_iter().for_each(|count| count.passed += 1),
                    Some(false) => {
                        counts.into_iter().for_each(|count| count.failed += 1);
                        complaints.push(format!("`{shown}` failed; see its output above"));
                    }
                    None => {
                        counts.into_iter().for_each(|count| count.missing += 1);
                        without.push(shown.clone());
                        if !exceptions.contains_key(id) {
                            complaints.push(format!(
                                "`{shown}` has no test; write one in `tests/conformance`, or list it in \
                                  `{EXCEPTIONS}` with the reason"
                            ));
                        }
                    }
                }
            }
        }
        println!("{file}");
        here.iter().for_each(|(client, count)| println!("    {}", line(client, count)));
        if list_missing {
            without.iter().for_each(|shown| println!("        {shown}"));
        }
    }
    println!("{cases} cases, {} of them excepted", exceptions.len());
    totals.iter().for_each(|(client, count)| println!("    {}", line(client, count)));
    complaints
}

fn line(client: &str, Count { passed, failed, missing }: &Count) -> String {
    let client = if client == NO_CLIENT { "(no client)" } else { client };
    format!("{client:12} {passed:3} passed, {failed} failed, {missing} missing")
}

/// Parses the list of ids: `## FILE` starts a group, `#` a comment, and every other line is an id.
fn parse(list: &str) -> Result<Vec<Group>> {
    let mut groups: Vec<Group> = Vec::new();
    for line in list.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(file) = line.strip_prefix("## ") {
            groups.push(Group { file: file.into(), ids: Vec::new() });
        } else if !line.starts_with('#') {
            let group =
                groups.last_mut().ok_or_else(|| format!("`{LIST}`: `{line}` comes before the first `## FILE`"))?;
            group.ids.push(line.into());
        }
    }
    Ok(groups)
}

/// Parses lines of `"id" = "reason"`, and comments.
fn exceptions(text: &str) -> Result<BTreeMap<String, String>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let quoted = |text: &str| Some(text.trim().strip_prefix('"')?.strip_suffix('"')?.to_owned());
            line.split_once(" = ")
                .and_then(|(id, reason)| Some((quoted(id)?, quoted(reason)?)))
                .filter(|(_, reason)| !reason.trim().is_empty())
                .ok_or_else(|| format!("`{EXCEPTIONS}`: invalid line `{line}`: expected `\"id\" = \"reason\"`").into())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(lines: &[&str]) -> Outcomes {
        let mut outcomes = Outcomes::default();
        lines.iter().for_each(|line| outcomes.read(line));
        outcomes
    }

    #[test]
    fn list_is_parsed_by_group() {
        let groups = parse("# About\n\n## a.md\nrest/unit/A/x-0\n").expect("a list");
        assert_eq!(groups, [Group { file: "a.md".into(), ids: vec!["rest/unit/A/x-0".into()] }]);
        assert!(parse("rest/unit/A/x-0").is_err());
    }

    #[test]
    fn exception_without_reason_is_refused() {
        let read = exceptions("# Why\n\"rest/unit/A/x-0\" = \"deprecated\"\n").expect("an exception");
        assert_eq!(read.get("rest/unit/A/x-0").map(String::as_str), Some("deprecated"));
        for bad in ["\"rest/unit/A/x-0\" = \"\"", "rest/unit/A/x-0 = \"why\"", "\"rest/unit/A/x-0\""] {
            assert!(exceptions(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn each_client_must_pass_each_case() {
        let groups = parse("## a.md\nrest/unit/A/x-0\nrest/unit/A/y-0\n").expect("a list");
        let passing = ["test rest/unit/A/x-0 [reqwest]  ... ok", "test rest/unit/A/x-0 [blocking] ... ok"];
        let complaints = |lines: &[&str], excepted: &[&str]| {
            let excepted = excepted.iter().map(|id| (id.to_string(), "a reason".to_owned())).collect();
            report(&groups, &outcomes(lines), &excepted, false).len()
        };
        let all = [&passing[..], &["test rest/unit/A/y-0 ... ok"]].concat();
        assert_eq!(complaints(&all, &[]), 0, "a case without a client is run once");
        assert_eq!(complaints(&passing, &[]), 2, "a case without a test is missing for each client");
        assert_eq!(complaints(&passing, &["rest/unit/A/y-0"]), 0);
        assert_eq!(complaints(&all[1..], &[]), 1, "one client is not enough");
        assert_eq!(complaints(&[&all[..], &["test rest/unit/A/y-0 ... FAILED"]].concat(), &["rest/unit/A/y-0"]), 1);
    }
}
