//! Which cases of the specification's universal test suite our tests bear.
//!
//! `tests/spec-ids.txt` lists the cases that concern authentication; a test that derives from one has its id in its source.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::{Complaints, Result, workspace};

const LIST: &str = "tests/spec-ids.txt";

#[derive(Debug, PartialEq)]
struct Group {
    file: String,
    ids: Vec<String>,
}

pub(crate) fn run(options: &[String]) -> Result {
    let list = fs::read_to_string(LIST).map_err(|error| format!("cannot read `{LIST}`: {error}"))?;
    let groups = parse(&list)?;
    let known: BTreeSet<&String> = groups.iter().flat_map(|group| &group.ids).collect();

    let mut borne = BTreeSet::new();
    let mut complaints = Vec::new();
    for path in workspace::files()?.iter().filter(|path| may_bear_ids(path)) {
        let source = fs::read_to_string(path).unwrap_or_default();
        for id in ids(&source) {
            if !known.contains(&id) {
                let path = path.display();
                complaints
                    .push(format!("`{path}` bears `{id}`, which `{LIST}` does not list; correct the id or list it"));
            }
            borne.insert(id);
        }
    }

    report(&groups, &borne, options.iter().any(|option| option == "--missing"));
    if complaints.is_empty() { Ok(()) } else { Err(Complaints(complaints)) }
}

fn report(groups: &[Group], borne: &BTreeSet<String>, list_missing: bool) {
    let (mut covered, mut total) = (0, 0);
    for Group { file, ids } in groups {
        let (here, missing): (Vec<_>, Vec<_>) = ids.iter().partition(|id| borne.contains(*id));
        println!("{:3}/{:<3} {file}", here.len(), ids.len());
        if list_missing {
            missing.iter().for_each(|id| println!("        {id}"));
        }
        covered += here.len();
        total += ids.len();
    }
    println!("{covered} of {total} cases are borne by a test");
}

/// `##` starts a group and names its file; `#` is a comment; all else is an id a line.
fn parse(list: &str) -> Result<Vec<Group>> {
    let mut groups: Vec<Group> = Vec::new();
    for line in list.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(file) = line.strip_prefix("## ") {
            groups.push(Group { file: file.into(), ids: Vec::new() });
        } else if !line.starts_with('#') {
            let group =
                groups.last_mut().ok_or_else(|| format!("`{LIST}`: `{line}` stands before the first `## FILE`"))?;
            group.ids.push(line.into());
        }
    }
    Ok(groups)
}

fn may_bear_ids(path: &Path) -> bool {
    let is_source = path.extension().is_some_and(|extension| extension == "rs" || extension == "json");
    let parts: Vec<_> = path.iter().filter_map(|part| part.to_str()).collect();
    let is_test = matches!(parts[..], ["tests", ..] | ["crates", _, "src" | "tests", ..]);
    is_source && is_test
}

/// Everything in the text that has an id's form: `rest/unit/RSA8d/callback-returns-jwt-1`.
fn ids(text: &str) -> Vec<String> {
    let starts =
        ["rest/unit/", "rest/integration/", "rest/proxy/"].into_iter().flat_map(|start| text.match_indices(start));
    let words = starts.map(|(at, _)| {
        let rest = &text[at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"/-_".contains(c)).unwrap_or(rest.len());
        &rest[..end]
    });
    // The suite's own file names start in the same way but have no number.
    let is_numbered = |word: &&str| {
        word.rsplit_once('-').is_some_and(|(_, n)| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    words.filter(is_numbered).map(Into::into).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_among_other_text() {
        let text = "/// rest/unit/RSA8d/callback-returns-jwt-1, see uts/rest/unit/auth/auth_callback.md\n\"rest/proxy/RSC15l/x-0\"";
        assert_eq!(ids(text), ["rest/unit/RSA8d/callback-returns-jwt-1", "rest/proxy/RSC15l/x-0"]);
    }

    #[test]
    fn the_list_is_read_by_group() {
        let groups = parse("# About\n\n## a.md\nrest/unit/A/x-0\n").expect("a list");
        assert_eq!(groups, [Group { file: "a.md".into(), ids: vec!["rest/unit/A/x-0".into()] }]);
        assert!(parse("rest/unit/A/x-0").is_err());
    }

    #[test]
    fn ids_count_in_tests_and_sources_only() {
        for (path, counts) in [
            ("tests/token.rs", true),
            ("tests/scenarios/renewal.json", true),
            ("crates/ably-auth/src/cache/decide.rs", true),
            ("crates/ably-auth/README.md", false),
            ("xtask/src/conformance.rs", false),
        ] {
            assert_eq!(may_bear_ids(Path::new(path)), counts, "{path}");
        }
    }
}
