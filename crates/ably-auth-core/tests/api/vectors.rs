//! The files of `tests/vectors` that these tests write, and with which the packages for other languages are tested.
//!
//! `ABLY_AUTH_VECTORS=accept cargo test -p ably-auth-core --all-features --test api vectors` renews them.

use serde_json::Value;

/// Compares the cases with the committed file, or writes the file if the variable `ABLY_AUTH_VECTORS` is `accept`.
#[track_caller]
pub(crate) fn assert_committed(name: &str, committed: &str, about: &str, lists: &[(&str, Vec<Value>)]) {
    let text = written(about, lists);
    if std::env::var("ABLY_AUTH_VECTORS").is_ok_and(|wish| wish == "accept") {
        let path = format!("{}/../../tests/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::write(&path, text).unwrap_or_else(|error| panic!("cannot write `{path}`: {error}"));
        return;
    }
    let [new, old]: [Value; 2] = [&text, committed].map(|text| serde_json::from_str(text).unwrap());
    for (list, cases) in lists {
        for (at, case) in cases.iter().enumerate() {
            assert_eq!(&old[list][at], case, "`{list}` {at} of `{name}`; see `vectors.rs` to renew the file");
        }
    }
    assert!(new == old, "`{name}` has other cases than the tests; see `vectors.rs` to renew the file");
}

/// Writes the lists as JSON with one case a line.
fn written(about: &str, lists: &[(&str, Vec<Value>)]) -> String {
    let lists = lists.iter().map(|(name, cases)| {
        let cases: Vec<String> = cases.iter().map(|case| format!("  {case}")).collect();
        format!(" {}: [\n{}\n ]", Value::from(*name), cases.join(",\n"))
    });
    format!("{{\n \"about\": {},\n{}\n}}\n", Value::from(about), lists.collect::<Vec<_>>().join(",\n"))
}

/// A sequence of numbers that is the same in every run and with every version of every library: xorshift64.
pub(crate) struct Sequence(u64);

impl Sequence {
    pub(crate) const fn new(start: u64) -> Self {
        Self(start)
    }

    /// Returns a number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    /// Returns one of the values.
    pub(crate) fn pick<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }
}
