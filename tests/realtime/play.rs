//! Plays scenarios, and compares what happens with the lines of each.

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::lines::is_match;
use crate::scenario::{Event, Scenario, Step, StepKind};
use crate::world::World;

/// A connection in a scenario.
pub(crate) trait Face {
    /// True if the order of all lines of an event is known, not only of those that one side sees.
    const IS_ORDERED: bool;
    /// Creates a connection that is not opened.
    fn new(options: &Value, world: &Arc<World>) -> Self;
    /// Lets the event happen, and returns the lines that it causes.
    fn happen(&mut self, event: &Event) -> Result<Vec<String>, String>;
    /// Answers a question such as `state`.
    fn question(&self, name: &str) -> Option<String>;
}

/// Plays a scenario.
pub(crate) fn play<F: Face>(scenario: &Scenario) -> Result<(), Failed> {
    let world = World::new();
    let mut face = F::new(&scenario.options, &world);
    let mut steps = scenario.steps.iter().enumerate().peekable();
    while let Some((at, step)) = steps.next() {
        let fail = |why: String| Failed::from(format!("{}: step {}, `{}`: {why}", scenario.name, at + 1, step.text));
        match &step.kind {
            StepKind::Line => return Err(fail("a line has to follow an event".to_owned())),
            StepKind::Question => ask(&face, step).map_err(fail)?,
            StepKind::Event(event) => {
                let mut expected = Vec::new();
                while let Some((_, line)) = steps.next_if(|(_, step)| matches!(step.kind, StepKind::Line)) {
                    expected.push(line.text.as_str());
                }
                let lines = happen(&mut face, event).map_err(fail)?;
                compare::<F>(expected, lines).map_err(fail)?;
            }
        }
    }
    Ok(())
}

/// Lets an event happen. A broken rule, which panics, is reported with the step.
fn happen<F: Face>(face: &mut F, event: &Event) -> Result<Vec<String>, String> {
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| face.happen(event)));
    outcome.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default())
    })
}

fn compare<F: Face>(mut expected: Vec<&str>, mut lines: Vec<String>) -> Result<(), String> {
    if !F::IS_ORDERED {
        expected.sort_by_key(|step| side(step));
        lines.sort_by_key(|line| side(line));
    }
    let is_same = expected.len() == lines.len() && expected.iter().zip(&lines).all(|(step, line)| is_match(step, line));
    if is_same { Ok(()) } else { Err(format!("\nexpected {expected:#?}\nbut this happened {lines:#?}")) }
}

/// Returns the side that sees a line.
fn side(line: &str) -> u8 {
    match line.split(' ').next().unwrap_or_default() {
        "state" | "update" | "deliver" => 0,
        "authorized" => 1,
        "fetch" => 2,
        "check" => 3,
        "open" => 4,
        "send" => 5,
        "used" => 6,
        _ => 7,
    }
}

fn ask(face: &impl Face, step: &Step) -> Result<(), String> {
    for word in step.text.split(' ').skip(1) {
        let (name, expected) = word.split_once('=').ok_or("a question is a name and a value")?;
        let value = face.question(name);
        let value = value.as_deref().unwrap_or("-");
        if value != expected {
            return Err(format!("{name} is {value}"));
        }
    }
    Ok(())
}

/// Returns the trials of all scenarios over one face: one for each case of the specification, and one for each scenario
/// that covers no case.
pub(crate) fn trials<F: Face + 'static>(scenarios: &Arc<Vec<Scenario>>, face: &str) -> Vec<Trial> {
    let ids: std::collections::BTreeSet<&str> =
        scenarios.iter().flat_map(|scenario| &scenario.spec).map(String::as_str).collect();
    let trial = |name: &str, is_played: Box<dyn Fn(&Scenario) -> bool + Send>| {
        let scenarios = Arc::clone(scenarios);
        Trial::test(format!("{name} [{face}]"), move || {
            scenarios.iter().filter(|scenario| is_played(scenario)).try_for_each(play::<F>)
        })
    };
    let of_case = |id: &&str| {
        let wanted = (*id).to_owned();
        trial(id, Box::new(move |scenario| scenario.spec.contains(&wanted)))
    };
    let cases: Vec<Trial> = ids.iter().map(of_case).collect();
    let others = scenarios.iter().filter(|scenario| scenario.spec.is_empty()).map(|scenario| {
        let name = scenario.name.clone();
        trial(&scenario.name, Box::new(move |scenario| scenario.name == name))
    });
    cases.into_iter().chain(others).collect()
}
