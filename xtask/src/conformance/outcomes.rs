//! The outcomes of the trials, read from the output of the test harness.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::NO_CLIENT;

/// The outcome of each trial: true if it passed, by case id and client.
#[derive(Debug, Default)]
pub(crate) struct Outcomes(BTreeMap<String, BTreeMap<String, bool>>);

impl Outcomes {
    /// Reads a line of a test harness, such as `test rest/unit/A/x-0 [reqwest] ... ok`. Ignores any other line.
    pub(crate) fn read(&mut self, line: &str) {
        let Some((name, outcome)) = line.strip_prefix("test ").and_then(|test| test.rsplit_once(" ... ")) else {
            return;
        };
        let name = name.trim();
        let (id, client) = match name.strip_suffix(']').and_then(|name| name.split_once(" [")) {
            Some((id, client)) => (id, client),
            None => (name, NO_CLIENT),
        };
        if is_id(id) {
            let passed = outcome.trim() == "ok";
            // A case that runs twice passes only if both runs pass.
            let before = self.0.entry(id.into()).or_default().entry(client.into()).or_insert(true);
            *before &= passed;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Returns the clients that a case must be run with: all of them, except for a case that uses no client.
    pub(super) fn clients_of<'a>(&self, id: &str, all: &'a [&'a str]) -> &'a [&'a str] {
        match self.0.get(id) {
            Some(by_client) if by_client.contains_key(NO_CLIENT) => &[NO_CLIENT],
            _ => all,
        }
    }

    pub(super) fn passed(&self, id: &str, client: &str) -> Option<bool> {
        self.0.get(id)?.get(client).copied()
    }
}

/// Returns the name of a trial.
pub(super) fn name(id: &str, client: &str) -> String {
    if client == NO_CLIENT { id.into() } else { format!("{id} [{client}]") }
}

const STARTS: [&str; 3] = ["rest/unit/", "rest/integration/", "rest/proxy/"];

fn is_id(text: &str) -> bool {
    STARTS.iter().any(|start| text.starts_with(start))
}

pub(super) fn may_have_ids(path: &Path) -> bool {
    let is_source = path.extension().is_some_and(|extension| extension == "rs" || extension == "json");
    let parts: Vec<_> = path.iter().filter_map(|part| part.to_str()).collect();
    let is_test = matches!(parts[..], ["tests", ..] | ["crates", _, "src" | "tests", ..]);
    is_source && is_test
}

/// Finds everything in the text that has the form of an id, such as `rest/unit/RSA8d/callback-returns-jwt-1`.
pub(super) fn ids(text: &str) -> BTreeSet<String> {
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
    words.filter(is_numbered).map(Into::into).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_in_text() {
        let text = "/// rest/unit/RSA8d/callback-returns-jwt-1, see uts/rest/unit/auth/auth_callback.md\n\"rest/proxy/RSC15l/x-0\"";
        assert_eq!(Vec::from_iter(ids(text)), ["rest/proxy/RSC15l/x-0", "rest/unit/RSA8d/callback-returns-jwt-1"]);
    }

    #[test]
    fn outcomes_are_read_by_client() {
        let mut outcomes = Outcomes::default();
        for line in [
            "test rest/unit/A/x-0 [reqwest]    ... ok",
            "test rest/unit/A/x-0 [blocking]   ... FAILED",
            "test rest/unit/A/y-0              ... ok",
            "test cache::renewal ... ok",
            "running 3 tests",
        ] {
            outcomes.read(line);
        }
        assert_eq!(outcomes.passed("rest/unit/A/x-0", "reqwest"), Some(true));
        assert_eq!(outcomes.passed("rest/unit/A/x-0", "blocking"), Some(false));
        assert_eq!(outcomes.passed("rest/unit/A/y-0", NO_CLIENT), Some(true));
        assert_eq!(outcomes.passed("rest/unit/A/z-0", NO_CLIENT), None);
        assert_eq!(outcomes.ids().count(), 2);
    }

    #[test]
    fn ids_are_read_from_tests_and_sources_only() {
        for (path, counts) in [
            ("tests/token.rs", true),
            ("tests/scenarios/renewal.json", true),
            ("crates/ably-auth/src/cache/decide.rs", true),
            ("crates/ably-auth/README.md", false),
            ("xtask/src/conformance.rs", false),
        ] {
            assert_eq!(may_have_ids(Path::new(path)), counts, "{path}");
        }
    }
}
