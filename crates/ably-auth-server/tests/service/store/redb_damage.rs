//! Tests of a folder whose files were changed or truncated.

use std::fs;
use std::path::Path;

use ably_auth_core::Timestamp;
use ably_auth_server::ErrorKind;
use ably_auth_server::store::{Redb, Store as _};
use serde_json::json;

use super::redb::{InFolder, copy_after_crash};
use super::{StoreSetup as _, TempDir, runtime};
use crate::support::*;

const TARGETS: usize = 400;

/// Returns two folders with many revocations: one from a service that was stopped, and one from a service that was killed.
fn folders() -> (InFolder, TempDir) {
    let setup = InFolder::new();
    let mut world = setup.open(None);
    for nth in 0..4 {
        let targets: Vec<_> = (0..TARGETS / 4).map(|target| format!("clientId:{nth}-{target}")).collect();
        assert_eq!(world.revoke(&json!({ "targets": &targets })).status, 201);
        world.token(KEY, &params());
        world = setup.reopen(world);
    }
    assert_eq!(world.revoke(&json!({ "targets": ["clientId:last"] })).status, 201);
    // This token request makes the journal record that the revocation is in the database.
    world.token(KEY, &params());
    let killed = copy_after_crash(&setup.0, &["store.redb", "secret", "nonces"]);
    drop(world);
    (setup, killed)
}

/// Checks that the folder is refused with the path of the database, has all revocations, or counts as a loss. Returns true if
/// it was opened.
fn assert_refused_or_complete(folder: &Path, what: &str) -> bool {
    let store = match Redb::open(folder) {
        Ok(store) => store,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Store);
            let text = error.to_string();
            assert!(text.contains("store.redb` is damaged: ") && text.contains("restore a copy"), "{what}: {text}");
            return false;
        }
    };
    let asked = runtime().block_on(store.catch_up(Timestamp::from_millis(NOW)));
    asked.unwrap();
    let mut revoked = 0;
    store.feed().learn(|record| revoked += usize::from(record.name.starts_with("revoked/")));
    let is_known = store.feed().known_from() >= Timestamp::from_millis(NOW);
    assert!(revoked > TARGETS || is_known, "{what}: {revoked} revocations");
    true
}

/// Opens a copy of `folder` with each of `databases`. Returns how many were opened and how many were refused.
fn try_all(folder: &TempDir, databases: impl Iterator<Item = (String, Vec<u8>)>) -> (usize, usize) {
    let (mut opened, mut refused) = (0, 0);
    for (what, bytes) in databases {
        let damaged = copy_after_crash(folder, &["store.redb", "secret", "nonces"]);
        fs::write(damaged.0.join("store.redb"), &bytes).unwrap();
        if assert_refused_or_complete(&damaged.0, &what) {
            opened += 1;
        } else {
            refused += 1;
            assert_eq!(fs::read(damaged.0.join("store.redb")).unwrap(), bytes, "{what}: a refused file has changed");
        }
    }
    (opened, refused)
}

#[test]
fn truncated_database_is_refused() {
    let (stopped, killed) = folders();
    for folder in [&stopped.0, &killed] {
        let whole = fs::read(folder.0.join("store.redb")).unwrap();
        let ends = (1..whole.len()).filter(|end| end % 4096 == 0).step_by(1 + whole.len() / (64 * 4096));
        let odd = [1, 8, 9, 63, 64, 319, 320, 4095, 4097, 100_001, whole.len() - 1];
        let cut = ends.chain(odd).map(|end| (format!("cut at {end}"), whole[..end].to_vec()));
        let (opened, refused) = try_all(folder, cut);
        assert_eq!(opened, 0, "{refused} were refused");
    }
}

#[test]
fn flipped_byte_loses_no_revocation_unnoticed() {
    let (stopped, killed) = folders();
    // The generator of Knuth's MMIX with a fixed seed, so that each run flips the same bits.
    let mut random = 1_u64;
    let mut next = |below: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(random >> 33).unwrap() % below
    };
    for folder in [&stopped.0, &killed] {
        let whole = fs::read(folder.0.join("store.redb")).unwrap();
        // Most of the file is empty or belongs to earlier commits, so half of the flips hit the name of a revocation.
        let names: Vec<_> = whole.windows(11).enumerate().filter(|(_, bytes)| *bytes == b"clientId:3-").collect();
        let places = (0..36).map(|nth| match nth % 4 {
            0 => next(whole.len()),
            1 => next(320),
            _ => names[next(names.len())].0 + next(11),
        });
        let flips: Vec<_> = places.collect::<Vec<_>>().into_iter().map(|at| (at, 1_u8 << next(8))).collect();
        let (opened, refused) = try_all(
            folder,
            flips.into_iter().map(|(at, flip)| {
                let mut bytes = whole.clone();
                bytes[at] ^= flip;
                (format!("byte {at} flipped by {flip}"), bytes)
            }),
        );
        assert!(refused > 3 && opened > 3, "{refused} refused and {opened} opened");
    }
}

/// Returns the bytes of a file of nonces, and the length of its content without the trailing zeros.
fn written(path: &Path) -> (Vec<u8>, usize) {
    let bytes = fs::read(path).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    (bytes, end)
}

#[test]
fn damaged_nonces_after_clean_stop_allow_no_replay() {
    let setup = InFolder::new();
    let world = setup.open(None);
    let used: Vec<_> = (0..3).map(|_| world.sign(KEY, &params())).collect();
    used.iter().for_each(|request| assert_eq!(world.exchange(request).code(), (201, 0)));
    let before = world.clone_without_service();
    drop(world);
    let path = "nonces/0000000001";
    let (whole, end) = written(&setup.0.0.join(path));
    let flips = (0..end).step_by(19).map(|at| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        (format!("byte {at} flipped"), bytes)
    });
    let cuts = (1..end).step_by(37).map(|at| (format!("cut at {at}"), whole[..at].to_vec()));
    let zeros = (1..end).step_by(37).map(|at| {
        let mut bytes = whole.clone();
        bytes[at..].fill(0);
        (format!("zeros from {at}"), bytes)
    });
    let (mut refused, mut opened) = (0, 0);
    for (what, bytes) in flips.chain(cuts).chain(zeros) {
        let damaged = copy_after_crash(&setup.0, &["store.redb", "secret", "nonces"]);
        fs::write(damaged.0.join(path), bytes).unwrap();
        match Redb::open(&damaged.0) {
            Ok(store) => {
                opened += 1;
                let world = World::over(store, &runtime(), Some(&before));
                for request in &used {
                    let code = world.exchange(request).code();
                    assert!([(401, 40104), (401, 40105)].contains(&code), "{what}: {code:?}");
                }
            }
            Err(error) => {
                refused += 1;
                let text = error.to_string();
                assert!(text.contains("nonces/0000000001` is damaged") && text.contains("delete it"), "{text}");
            }
        }
    }
    // Damage to the closing frame affects no nonce. A file without a complete frame counts as a missing one, so requests get
    // 40104.
    assert!(opened > 0 && refused > opened, "{refused} refused and {opened} opened");
}

#[test]
fn missing_last_file_after_clean_stop_is_refused() {
    let setup = InFolder::new();
    let mut world = setup.open(None);
    for _ in 0..2 {
        world.token(KEY, &params());
        world = setup.reopen(world);
    }
    let before = world.clone_without_service();
    drop(world);
    fs::remove_file(setup.0.0.join("nonces/0000000002")).unwrap();
    let error = Redb::open(&setup.0.0).unwrap_err().to_string();
    assert!(error.contains("nonces/0000000002` is damaged: it is missing"), "{error}");
    // Follow the advice of the message.
    fs::remove_dir_all(setup.0.0.join("nonces")).unwrap();
    for _ in 0..2 {
        let world = setup.open(Some(&before));
        assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (401, 40104));
    }
}

#[test]
fn unfinished_frame_of_killed_service_is_no_damage() {
    let setup = InFolder::new();
    let world = setup.open(None);
    let used = world.sign(KEY, &params());
    assert_eq!(world.exchange(&used).code(), (201, 0));
    // Once this revocation is answered, no other write is in progress.
    assert_eq!(world.revoke(&json!({ "targets": ["clientId:nobody"] })).status, 201);
    let before = world.clone_without_service();
    let path = "nonces/0000000001";
    let killed = copy_after_crash(&setup.0, &["store.redb", "secret", "nonces"]);
    let (mut bytes, end) = written(&killed.0.join(path));
    bytes[end + 20..end + 60].fill(7);
    fs::write(killed.0.join(path), bytes).unwrap();
    let world = World::over(Redb::open(&killed.0).unwrap(), &runtime(), Some(&before));
    assert_eq!(world.exchange(&used).code(), (401, 40105));
    assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (201, 0));
}

#[test]
fn restart_without_token_requests_creates_no_file() {
    let setup = InFolder::new();
    setup.open(None).token(KEY, &params());
    let files = || fs::read_dir(setup.0.0.join("nonces")).unwrap().count();
    let before = files();
    for _ in 0..3 {
        let world = setup.open(None);
        assert_eq!(world.get("/stats", &basic(KEY)).code(), (200, 0));
    }
    assert_eq!(files(), before);
}
