//! Scenarios as data: timed events of a cache, and the expected results. Both caches play each of them.
//!
//! A file in `tests/scenarios` is a list of scenarios. Each has `about`, `spec` (the ids of the specification's cases
//! that it derives from) and `steps`. Steps that change something:
//!
//! | step | |
//! | --- | --- |
//! | `given T issued=N expires=N`, `fixed`, `early-refresh N`, `wall-at N` | only at the start: an initial token; a source that cannot renew; a policy; the time |
//! | `a: token`, `a: renewed b`, `a: authorize ttl=N timestamp=N source=second` | starts call `a`; `renewed b` says that `b`'s token was refused |
//! | `fetch N gives T issued=N expires=N`, `fetch N gives-jwt T iat=N exp=N`, `fetch N fails`, `fetch N panics` | answers the N-th fetch; `expires=+N` is relative to now |
//! | `drop a` | cancels call `a`; only the async cache |
//! | `wait N`, `wall +N`, `wall -N`, `chance N` | advances both clocks; moves the wall clock alone; sets the random bytes |
//! | `service-time N`, `service-time unknown` | sets or forgets the service's clock |
//!
//! Steps that check something: `a = T`, `a = error N`, `a waits`, `fetches N`, `asked N source=first ttl=N`, `details
//! T` or `details none`. All times are in milliseconds.

mod faces;
pub(super) mod world;

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ably_auth::{ApiKey, CachePolicy, Clock as _, Timestamp, Token, TokenDetails, TokenParams, Ttl};
use ably_auth_core::jwt;
use faces::{Async, Blocking, Call, Face, Setup};
use serde_json::Value;
use test_support::run_in_separate_process;
use world::{Outcome, World};

struct Player<F> {
    world: World,
    face: F,
}

/// Parses words such as `issued=0 expires=+60`; a number with `+` is relative to now.
fn numbers<'a>(words: &[&'a str], now: u64) -> HashMap<&'a str, u64> {
    let number = |text: &str| match text.strip_prefix('+') {
        Some(after) => now + after.parse::<u64>().unwrap(),
        None => text.parse().unwrap(),
    };
    words.iter().filter_map(|word| word.split_once('=')).map(|(name, text)| (name, number(text))).collect()
}

fn details(token: &str, numbers: &HashMap<&str, u64>) -> TokenDetails {
    let mut json = serde_json::json!({ "token": token });
    for (name, number) in numbers {
        json[name] = (*number).into();
    }
    serde_json::from_value(json).unwrap()
}

fn jwt(numbers: &HashMap<&str, u64>) -> Token {
    let key = ApiKey::parse("app.key:secret").unwrap();
    let ttl = Ttl::from_millis(numbers["exp"] - numbers["iat"]).unwrap();
    jwt::mint(&key, &TokenParams::new().ttl(ttl), Timestamp::from_millis(numbers["iat"])).unwrap()
}

impl<F: Face> Player<F> {
    /// Plays the first steps, which set the options of the cache.
    fn new<'a>(steps: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) -> Self {
        let world = World::new();
        let mut setup = Setup::default();
        loop {
            let words: Vec<&str> = steps.peek().unwrap().split(' ').collect();
            match words[..] {
                ["given", token, ref rest @ ..] => {
                    setup.given = Some(details(token, &numbers(rest, world.clocks.now().as_millis())));
                }
                ["fixed"] => setup.is_fixed = true,
                ["wall-at", wall] => world.clocks.wall.store(wall.parse().unwrap(), Ordering::SeqCst),
                ["early-refresh", millis] => {
                    setup.policy = CachePolicy::new().early_refresh(Duration::from_millis(millis.parse().unwrap()));
                }
                _ => break,
            }
            steps.next();
        }
        Self { face: F::make(&world, &setup), world }
    }

    /// Plays one step. False if the face cannot.
    fn step(&mut self, step: &str) -> bool {
        let words: Vec<&str> = step.split(' ').collect();
        let now = self.world.clocks.now().as_millis();
        match words[..] {
            ["wait", millis] => self.world.clocks.advance(millis.parse().unwrap()),
            ["wall", change] => {
                let wall = now.checked_add_signed(change.parse().unwrap()).unwrap();
                self.world.clocks.wall.store(wall, Ordering::SeqCst);
            }
            ["chance", byte] => self.world.chance.store(byte.parse().unwrap(), Ordering::SeqCst),
            ["service-time", "unknown"] => self.world.offset.forget(),
            ["service-time", time] => {
                let time = Timestamp::from_millis(time.parse().unwrap());
                self.world.offset.set(time, self.world.clocks.moment());
            }
            ["fetch", nth, "fails"] => self.world.desk.answer(nth.parse().unwrap(), Outcome::Fails),
            ["fetch", nth, "panics"] => self.world.desk.answer(nth.parse().unwrap(), Outcome::Panics),
            ["fetch", nth, "gives", token, ref rest @ ..] => {
                let outcome = Outcome::Gives(details(token, &numbers(rest, now)));
                self.world.desk.answer(nth.parse().unwrap(), outcome);
            }
            ["fetch", nth, "gives-jwt", name, ref rest @ ..] => {
                let token = jwt(&numbers(rest, now));
                self.world.names.insert(token.expose().to_owned(), name.to_owned());
                self.world.desk.answer(nth.parse().unwrap(), Outcome::Gives(token.into()));
            }
            ["drop", name] => {
                if !self.face.abandon(name) {
                    return false;
                }
            }
            [name, ref call @ ..] if name.ends_with(':') => {
                let call = self.call(call, now);
                self.face.start(name.trim_end_matches(':'), call, &self.world);
            }
            _ => {
                self.see(step, &words);
                return true;
            }
        }
        self.face.settle(&self.world);
        true
    }

    fn call(&self, words: &[&str], now: u64) -> Call {
        match *words {
            ["token"] => Call::Token,
            ["renewed", of] => Call::Renewed(self.face.answer(of).unwrap().as_ref().unwrap().generation()),
            ["authorize", ref rest @ ..] => {
                let source = rest.iter().find(|word| **word == "source=second").map(|_| "second");
                let rest: Vec<&str> = rest.iter().filter(|word| !word.starts_with("source")).copied().collect();
                let numbers = numbers(&rest, now);
                let params = (!numbers.is_empty()).then(|| {
                    let params = numbers
                        .get("ttl")
                        .map_or(TokenParams::new(), |ttl| TokenParams::new().ttl(Duration::from_millis(*ttl)));
                    match numbers.get("timestamp") {
                        Some(at) => params.timestamp(Timestamp::from_millis(*at)),
                        None => params,
                    }
                });
                Call::Authorize { params, source }
            }
            _ => panic!("unknown call: {words:?}"),
        }
    }

    fn see(&self, step: &str, words: &[&str]) {
        let seen = match *words {
            ["fetches", _] => format!("fetches {}", self.world.desk.count()),
            ["asked", nth, ..] => format!("asked {nth} {}", self.world.desk.asked(nth.parse().unwrap())),
            ["details", _] => {
                let name = self.face.details().map_or("none".to_owned(), |details| self.world.name_of(&details));
                format!("details {name}")
            }
            [call, "waits" | "=", ..] => match self.face.answer(call) {
                None => format!("{call} waits"),
                Some(Ok(token)) => format!("{call} = {}", self.world.name_of(token.details())),
                Some(Err(error)) => format!("{call} = error {}", error.ably_code().as_u32()),
            },
            _ => panic!("unknown step: `{step}`"),
        };
        assert_eq!(seen, step);
    }
}

/// Plays a scenario. False if the face cannot play one of its steps.
fn play<F: Face>(file: &str, scenario: &Value) -> bool {
    let about = scenario["about"].as_str().unwrap();
    let mut steps = scenario["steps"].as_array().unwrap().iter().map(|step| step.as_str().unwrap()).peekable();
    let mut player = Player::<F>::new(&mut steps);
    for (at, step) in steps.enumerate() {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| player.step(step)));
        match outcome {
            Ok(true) => {}
            Ok(false) => {
                // Threads that still wait must end.
                (1..=player.world.desk.count()).for_each(|nth| player.world.desk.answer(nth, Outcome::Fails));
                return false;
            }
            Err(_) => panic!("{file}: {about}: step {} after the options, `{step}`, failed; see above", at + 1),
        }
    }
    true
}

fn play_all<F: Face>() -> (usize, usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios");
    let (mut played, mut left_out) = (0, 0);
    // The folder `connection` there has scenarios of realtime connections.
    for path in fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).filter(|path| path.is_file()) {
        let scenarios: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        for scenario in scenarios.as_array().unwrap() {
            let count = if play::<F>(&path.display().to_string(), scenario) { &mut played } else { &mut left_out };
            *count += 1;
        }
    }
    (played, left_out)
}

#[test]
fn async_cache_plays_every_scenario() {
    let (played, left_out) = play_all::<Async>();
    assert!(played >= 40 && left_out == 0, "{played} scenarios were played, and {left_out} left out");
}

#[test]
fn blocking_cache_plays_every_scenario_without_cancellation() {
    // A sleeping thread is assumed to wait for a source or another call. With other tests in the process, it might wait
    // for the allocator.
    let path = concat!(module_path!(), "::blocking_cache_plays_every_scenario_without_cancellation");
    run_in_separate_process(path, || {
        let (played, left_out) = play_all::<Blocking>();
        assert!(played >= 40 && left_out < 10, "{played} scenarios were played, and {left_out} left out");
    });
}
