//! The project's own scenarios, which the suite does not cover.

mod basic_without_tls;
mod clocks;
mod connections;
mod redirects;
mod secrets;
mod skewed_clock;
mod stampede;

use libtest_mimic::{Failed, Trial};

use crate::harness::Kind;

struct Scenario {
    name: &'static str,
    kinds: &'static [Kind],
    run: fn(Kind),
}

const BOTH: &[Kind] = &[Kind::Reqwest, Kind::Blocking];
const ALL: &[Kind] = &[Kind::Reqwest, Kind::ReqwestMultiThread, Kind::Blocking, Kind::BlockingInTask];

pub(crate) fn all() -> Vec<Trial> {
    let scenarios = [
        basic_without_tls::SCENARIOS,
        clocks::SCENARIOS,
        connections::SCENARIOS,
        redirects::SCENARIOS,
        secrets::SCENARIOS,
        skewed_clock::SCENARIOS,
        stampede::SCENARIOS,
    ];
    let trials = scenarios.into_iter().flatten().flat_map(|scenario| {
        scenario.kinds.iter().map(|&kind| {
            let run = scenario.run;
            Trial::test(format!("{} [{}]", scenario.name, kind.name()), move || {
                run(kind);
                Ok::<(), Failed>(())
            })
        })
    });
    trials.collect()
}
