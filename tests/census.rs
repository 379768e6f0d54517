//! Every public type is covered by a redaction test.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Types that hold no credential, so they need no redaction test.
const HOLD_NONE: &[&str] = &[
    "Answer",
    "Asked",
    "BatchResult",
    "CachePolicy",
    "Entries",
    "Entry",
    "ErrorCode",
    "ErrorInfo",
    "ErrorKind",
    "Explanation",
    "Feed",
    "Fingerprint",
    "Generation",
    "Identity",
    "Kind",
    "Legend",
    "LegendEntry",
    "Life",
    "LifeState",
    "Limits",
    "Mark",
    "Matcher",
    "Matrix",
    "Meet",
    "Network",
    "Moment",
    "OperationName",
    "OperationNames",
    "Opening",
    "Operations",
    "ProxyHeader",
    "Rate",
    "Relayed",
    "Relisted",
    "Pending",
    "PrintableText",
    "RedisOptions",
    "Reference",
    "Resource",
    "Row",
    "ServerTime",
    "Status",
    "StoreLimits",
    "SystemClock",
    "SystemRandom",
    "TimeOffset",
    "TlsRoots",
    "TokenRevocationFailureResult",
    "TokenRevocationResult",
    "TokenRevocationSuccessResult",
    "Ttl",
    "Unavailable",
    "Use",
    "Validity",
    "Verdict",
    "Work",
    "Written",
    "ConnectionEvent",
    "ConnectionState",
    "SocketId",
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let rust = files.into_iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs"));
    rust.chain(folders.iter().flat_map(|folder| sources(folder))).collect()
}

/// Returns the words of a text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
}

/// Every public struct and enum of the libraries must occur in a `redaction.rs` file, or in `HOLD_NONE` if it holds no
/// credential.
#[test]
fn every_public_type_has_redaction_test() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let libraries = sources(&tests.join("../crates")).into_iter().filter(|file| {
        let file = file.to_string_lossy();
        file.contains("/src/") && !file.contains("ably-auth-cli")
    });
    let mut types = BTreeSet::new();
    for file in libraries {
        for line in fs::read_to_string(file).unwrap().lines() {
            let rest = line.strip_prefix("pub struct ").or_else(|| line.strip_prefix("pub enum "));
            types.extend(rest.and_then(|rest| words(rest).next()).map(str::to_owned));
        }
    }
    assert!(types.len() > 50, "the sources were not found: {types:?}");
    let redaction = sources(tests).into_iter().chain(sources(&tests.join("../crates")));
    let redaction =
        redaction.filter(|file| file.ends_with("redaction.rs") && !file.to_string_lossy().contains("/src/"));
    let asked: String = redaction.map(|file| fs::read_to_string(file).unwrap()).collect();
    let asked: BTreeSet<&str> = words(&asked).chain(HOLD_NONE.iter().copied()).collect();
    let escaped: Vec<_> = types.iter().filter(|name| !asked.contains(name.as_str())).collect();
    assert!(escaped.is_empty(), "add these types to a `redaction.rs`, or to HOLD_NONE: {escaped:?}");
    let gone: Vec<_> = HOLD_NONE.iter().filter(|name| !types.contains(**name)).collect();
    assert!(gone.is_empty(), "remove these from HOLD_NONE, since they no longer exist: {gone:?}");
}
