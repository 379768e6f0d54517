//! Checks that the cases are complete: each id in `tests/spec-ids.txt` has a trial with each client, and no test has an
//! id that the list lacks.

use std::collections::{BTreeMap, BTreeSet};

use libtest_mimic::{Failed, Trial};

use crate::case_ids::{self, exception, exceptions, listed};

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

/// Returns the names of the trials that the listed cases lack. A case that uses no client has one trial.
fn missing(listed: &BTreeSet<&str>, excepted: &BTreeMap<&str, &str>, names: &BTreeSet<String>) -> Vec<String> {
    let needed = listed.iter().filter(|id| !excepted.contains_key(*id) && !names.contains(**id));
    let trials = needed.flat_map(|id| CLIENTS.map(|client| format!("{id} [{client}]")));
    trials.filter(|name| !names.contains(name)).collect()
}

fn every_id_in_the_tests_is_listed() {
    case_ids::check_sources(LIST, &STARTS, "conformance/coverage.rs");
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
    assert_eq!(
        Vec::from_iter(case_ids::ids(text, &STARTS)),
        ["rest/proxy/RSC15l/x-0", "rest/unit/RSA8d/callback-returns-jwt-1"]
    );
}

fn list_is_parsed_without_comments() {
    assert_eq!(Vec::from_iter(listed("# About\n\n## a.md\nrest/unit/A/x-0\n")), ["rest/unit/A/x-0"]);
}
