//! Checks that the cases are complete: each id in `tests/spec-ids.txt` has a trial with each client, and no test has an
//! id that the list lacks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use libtest_mimic::{Failed, Trial};

const LIST: &str = include_str!("../spec-ids.txt");
/// Cases that need no trial, each with the reason.
const EXCEPTIONS: &str = include_str!("../conformance-exceptions.toml");
const CLIENTS: [&str; 2] = ["reqwest", "blocking"];
const STARTS: [&str; 3] = ["rest/unit/", "rest/integration/", "rest/proxy/"];

/// Returns the checks of these trials.
pub(crate) fn all(trials: &[Trial]) -> Vec<Trial> {
    let names: BTreeSet<String> = trials.iter().map(|trial| trial.name().to_owned()).collect();
    let check = |name: &str, check: fn()| {
        Trial::test(format!("coverage::{name}"), move || {
            check();
            Ok::<(), Failed>(())
        })
    };
    vec![
        Trial::test("coverage::every_case_runs_with_each_client", move || {
            let (listed, excepted) = (listed(LIST), exceptions(EXCEPTIONS));
            let unknown: Vec<_> = excepted.keys().filter(|id| !listed.contains(*id)).collect();
            assert!(unknown.is_empty(), "`conformance-exceptions.toml` has ids that are not listed: {unknown:?}");
            let missing = missing(&listed, &excepted, &names);
            assert!(missing.is_empty(), "write these trials, or list them as exceptions with the reason: {missing:#?}");
            Ok(())
        }),
        check("every_id_in_the_tests_is_listed", every_id_in_the_tests_is_listed),
        check("case_without_trial_of_a_client_is_missing", case_without_trial_of_a_client_is_missing),
        check("exception_without_reason_is_refused", exception_without_reason_is_refused),
        check("ids_are_found_in_text", ids_are_found_in_text),
        check("list_is_parsed_without_comments", list_is_parsed_without_comments),
    ]
}

/// Parses the list of ids: one a line, except for comments and headings.
fn listed(list: &str) -> BTreeSet<&str> {
    list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

/// Parses lines of `"id" = "reason"`, and comments.
fn exceptions(text: &str) -> BTreeMap<&str, &str> {
    listed(text).into_iter().map(|line| exception(line).unwrap_or_else(|| panic!("invalid line: {line}"))).collect()
}

fn exception(line: &str) -> Option<(&str, &str)> {
    let (id, reason) = line.strip_prefix('"')?.strip_suffix('"')?.split_once("\" = \"")?;
    (!reason.trim().is_empty()).then_some((id, reason))
}

/// Returns the names of the trials that the listed cases lack. A case that uses no client has one trial.
fn missing(listed: &BTreeSet<&str>, excepted: &BTreeMap<&str, &str>, names: &BTreeSet<String>) -> Vec<String> {
    let needed = listed.iter().filter(|id| !excepted.contains_key(*id) && !names.contains(**id));
    let trials = needed.flat_map(|id| CLIENTS.map(|client| format!("{id} [{client}]")));
    trials.filter(|name| !names.contains(name)).collect()
}

/// Ids stand in the names of the cases, in comments and in data. An id with a mistake would look like a covered case.
fn every_id_in_the_tests_is_listed() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let listed = listed(LIST);
    let mut files = sources(&project.join("tests"));
    files.extend(sources(&project.join("crates")));
    assert!(files.len() > 300, "the sources were not found");
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let unknown: Vec<_> = ids(&text).into_iter().filter(|id| !listed.contains(id)).collect();
        let is_this_file = file.ends_with("conformance/coverage.rs");
        assert!(unknown.is_empty() || is_this_file, "`{}` has ids that are not listed: {unknown:?}", file.display());
    }
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let (folders, files): (Vec<_>, Vec<_>) =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).partition(|path| path.is_dir());
    let is_source = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs" || extension == "json");
    files.into_iter().filter(is_source).chain(folders.iter().flat_map(|folder| sources(folder))).collect()
}

/// Finds everything in the text that has the form of an id, such as `rest/unit/RSA8d/callback-returns-jwt-1`.
fn ids(text: &str) -> BTreeSet<&str> {
    let starts = STARTS.into_iter().flat_map(|start| text.match_indices(start));
    let words = starts.map(|(at, _)| {
        let rest = &text[at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"/-_".contains(c)).unwrap_or(rest.len());
        &rest[..end]
    });
    // The suite's file names start in the same way, but do not end in a number.
    let is_numbered = |word: &&str| {
        word.rsplit_once('-').is_some_and(|(_, n)| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    words.filter(is_numbered).collect()
}

fn case_without_trial_of_a_client_is_missing() {
    let listed = BTreeSet::from(["rest/unit/A/x-0", "rest/unit/A/y-0"]);
    let missing = |names: &[&str], excepted: &[&'static str]| {
        let excepted = excepted.iter().map(|id| (*id, "a reason")).collect();
        missing(&listed, &excepted, &names.iter().map(|name| (*name).to_owned()).collect())
    };
    let all = ["rest/unit/A/x-0 [reqwest]", "rest/unit/A/x-0 [blocking]", "rest/unit/A/y-0"];
    assert!(missing(&all, &[]).is_empty(), "a case without a client has one trial");
    assert_eq!(missing(&all[1..], &[]), [all[0]], "one client is not enough");
    assert_eq!(missing(&all[..2], &[]), ["rest/unit/A/y-0 [reqwest]", "rest/unit/A/y-0 [blocking]"]);
    assert!(missing(&all[..2], &["rest/unit/A/y-0"]).is_empty());
}

fn exception_without_reason_is_refused() {
    assert_eq!(exception("\"rest/unit/A/x-0\" = \"deprecated\""), Some(("rest/unit/A/x-0", "deprecated")));
    for bad in ["\"rest/unit/A/x-0\" = \"\"", "rest/unit/A/x-0 = \"why\"", "\"rest/unit/A/x-0\""] {
        assert_eq!(exception(bad), None, "{bad}");
    }
}

fn ids_are_found_in_text() {
    let text = "/// rest/unit/RSA8d/callback-returns-jwt-1, see uts/rest/unit/auth/auth_callback.md\n\"rest/proxy/RSC15l/x-0\"";
    assert_eq!(Vec::from_iter(ids(text)), ["rest/proxy/RSC15l/x-0", "rest/unit/RSA8d/callback-returns-jwt-1"]);
}

fn list_is_parsed_without_comments() {
    assert_eq!(Vec::from_iter(listed("# About\n\n## a.md\nrest/unit/A/x-0\n")), ["rest/unit/A/x-0"]);
}
