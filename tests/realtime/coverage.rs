//! Checks that the cases are complete: each id in `tests/realtime-ids.txt` has its trials, and no test has an id that the
//! list lacks.

use std::collections::{BTreeMap, BTreeSet};

use libtest_mimic::{Failed, Trial};

use crate::case_ids::{self, exceptions, listed};
use crate::lines;

const LIST: &str = include_str!("../realtime-ids.txt");
/// Cases that need no trial, each with the reason.
const EXCEPTIONS: &str = include_str!("../realtime-exceptions.toml");
const STARTS: [&str; 3] = ["realtime/unit/", "realtime/integration/", "realtime/proxy/"];

/// Returns the checks of these trials.
pub(crate) fn all(trials: &[Trial]) -> Vec<Trial> {
    let names: Vec<String> = trials.iter().map(|trial| trial.name().to_owned()).collect();
    let check = |name: &str, check: fn()| {
        Trial::test(format!("coverage::{name}"), move || {
            check();
            Ok::<(), Failed>(())
        })
    };
    vec![
        Trial::test("coverage::every_case_is_played", move || {
            let (listed, excepted) = (listed(LIST), exceptions(EXCEPTIONS));
            let unknown: Vec<_> = excepted.keys().filter(|id| !listed.contains(*id)).collect();
            assert!(unknown.is_empty(), "`realtime-exceptions.toml` has ids that are not listed: {unknown:?}");
            let set: BTreeSet<&str> = names.iter().map(String::as_str).collect();
            assert_eq!(set.len(), names.len(), "two trials have the same name");
            let missing = missing(&listed, &excepted, &set);
            assert!(missing.is_empty(), "write these trials, or list them as exceptions with the reason: {missing:#?}");
            Ok(())
        }),
        check("every_id_in_the_tests_is_listed", || {
            case_ids::check_sources(LIST, &STARTS, "realtime/coverage.rs");
        }),
        check("case_without_trial_is_missing", case_without_trial_is_missing),
        check("steps_are_compared_with_lines", lines::steps_are_compared_with_lines),
    ]
}

/// Returns the names of the trials that the listed cases lack. A case without a connection has one trial.
fn missing(listed: &BTreeSet<&str>, excepted: &BTreeMap<&str, &str>, names: &BTreeSet<&str>) -> Vec<String> {
    let needed = listed.iter().filter(|id| !excepted.contains_key(*id) && !names.contains(**id));
    let trials = needed.flat_map(|id| faces(id).iter().map(move |face| format!("{id} [{face}]")));
    trials.filter(|name| !names.contains(name.as_str())).collect()
}

fn faces(id: &str) -> &'static [&'static str] {
    if id.starts_with(STARTS[0]) { &["machine", "websocket"] } else { &["websocket"] }
}

fn case_without_trial_is_missing() {
    let listed = BTreeSet::from(["realtime/unit/A/x-0", "realtime/unit/A/y-0"]);
    let missing = |names: &[&'static str], excepted: &[&'static str]| {
        let excepted = excepted.iter().map(|id| (*id, "a reason")).collect();
        missing(&listed, &excepted, &names.iter().copied().collect())
    };
    let all = ["realtime/unit/A/x-0 [machine]", "realtime/unit/A/x-0 [websocket]", "realtime/unit/A/y-0"];
    assert!(missing(&all, &[]).is_empty(), "a case without a connection has one trial");
    assert_eq!(missing(&all[1..], &[]), [all[0]]);
    assert!(missing(&all[2..], &["realtime/unit/A/x-0"]).is_empty());
}
