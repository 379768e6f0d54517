//! Tests of a folder in which a file is missing, or comes from another folder or an earlier time.

use std::fs;
use std::path::Path;

use ably_auth_server::store::Redb;
use serde_json::json;
use test_support::run_in_separate_process;

use super::log::Log;
use super::redb::{InFolder, copy_after_crash};
use super::{StoreSetup as _, TempDir, runtime};
use crate::support::*;

fn revoke(world: &World, client_id: &str) {
    let targets = json!({ "targets": [format!("clientId:{client_id}")] });
    assert_eq!(world.revoke(&targets).status, 201);
}

fn remove(folder: &TempDir, names: &[&str]) {
    for path in names.iter().map(|name| folder.0.join(name)) {
        if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    let status = std::process::Command::new("cp").args(["-p", "-r", "-T"]).arg(from).arg(to).status();
    assert!(status.unwrap().success());
}

/// Checks the service after a loss: it refuses the revoked token, also after restarts and once it exchanges requests again.
fn assert_is_lost(setup: &InFolder, before: &World, revoked: &ably_auth_core::TokenDetails) {
    // No request reaches this store, so it must not settle the loss.
    drop(Redb::open(&setup.0.0).unwrap());
    let mut world = setup.open(Some(before));
    let signed = world.sign(KEY, &params());
    assert_eq!(world.accepts(revoked).code(), (401, 40141));
    let refused = world.exchange(&signed);
    assert_eq!(refused.code(), (500, 50003), "the request may have been exchanged before");
    assert_eq!(refused.header("retry-after"), "121");
    world = setup.reopen(world);
    assert_eq!(world.accepts(revoked).code(), (401, 40141));
    world.pass(121_000);
    let renewed = world.token(REVOCABLE, &of("bob"));
    assert_eq!(world.accepts(&renewed).code(), (200, 0));
    for _ in 0..2 {
        world = setup.reopen(world);
        world.pass(1_000);
        assert_eq!(world.accepts(revoked).code(), (401, 40141));
        assert_eq!(world.accepts(&renewed).code(), (200, 0), "the loss is detected once");
        assert_ne!(world.exchange(&signed).code(), (201, 0));
        assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (201, 0));
    }
}

#[test]
fn missing_database_refuses_possibly_revoked_tokens() {
    for missing in [
        &["store.redb"][..],
        &["store.redb", "lock"],
        &["store.redb", "nonces"],
        &["store.redb", "secret"],
        &["store.redb", "nonces", "lock"],
        &["store.redb", "secret", "lock"],
    ] {
        eprintln!("{missing:?}");
        let setup = InFolder::new();
        let world = setup.open(None);
        let [bob, lasting] = [world.token(REVOCABLE, &of("bob")), world.token(KEY, &params())];
        revoke(&world, "bob");
        let before = world.clone_without_service();
        drop(world);
        remove(&setup.0, missing);
        assert_is_lost(&setup, &before, &bob);
        let world = setup.open(Some(&before));
        assert_eq!(world.accepts(&lasting).code(), (200, 0), "a token that cannot be revoked stays valid");
    }
}

#[test]
fn loss_is_remembered_after_kill() {
    let setup = InFolder::new();
    let world = setup.open(None);
    let bob = world.token(REVOCABLE, &of("bob"));
    revoke(&world, "bob");
    let before = world.clone_without_service();
    drop(world);
    remove(&setup.0, &["store.redb"]);
    let all = ["store.redb", "secret", "nonces"];
    let opened = Redb::open(&setup.0.0).unwrap();
    let asked_nothing = copy_after_crash(&setup.0, &all);
    let world = World::over(opened, &runtime(), Some(&before));
    assert_eq!(world.accepts(&bob).code(), (401, 40141));
    // Once this revocation is answered, no other write is in progress.
    revoke(&world, "nobody");
    let asked = copy_after_crash(&setup.0, &all);
    for copy in [asked_nothing, asked] {
        before.jump(NOW);
        assert_is_lost(&InFolder(copy, runtime()), &before, &bob);
    }
}

#[test]
fn new_folder_refuses_nothing() {
    let setup = InFolder::new();
    // The states that a process leaves behind if it is killed while it creates the folder.
    let made = Redb::open(&setup.0.0).unwrap();
    let partly: Vec<_> = [&["lock"][..], &["lock", "store.redb"], &["lock", "store.redb", "secret"]]
        .into_iter()
        .map(|names| copy_after_crash(&setup.0, names))
        .collect();
    drop(made);
    for folder in partly {
        fs::write(folder.0.join("store.redb.new"), "not finished").unwrap();
        let setup = InFolder(folder, runtime());
        let mut world = setup.open(None);
        for _ in 0..2 {
            let bob = world.token(REVOCABLE, &of("bob"));
            assert_eq!(world.accepts(&bob).code(), (200, 0));
            world = setup.reopen(world);
            assert_eq!(world.accepts(&bob).code(), (200, 0));
        }
    }
}

#[test]
fn missing_secret_or_lock_revives_nothing() {
    for missing in [&["secret"][..], &["lock"], &["secret", "lock"], &["secret", "nonces", "lock"]] {
        let setup = InFolder::new();
        let world = setup.open(None);
        let bob = world.token(REVOCABLE, &of("bob"));
        let used = world.sign(KEY, &params());
        assert_eq!(world.exchange(&used).code(), (201, 0));
        revoke(&world, "bob");
        let before = world.clone_without_service();
        drop(world);
        remove(&setup.0, missing);
        let world = setup.open(Some(&before));
        assert_eq!(world.accepts(&bob).code(), (401, 40141), "{missing:?}");
        let again = world.exchange(&used).code();
        assert!([(401, 40104), (401, 40105)].contains(&again), "{missing:?}: {again:?}");
    }
}

#[test]
fn foreign_or_older_database_counts_as_loss() {
    let (setup, other) = (InFolder::new(), InFolder::new());
    let elsewhere = other.open(None);
    elsewhere.token(KEY, &params());
    drop(elsewhere);
    let world = setup.open(None);
    world.token(KEY, &params());
    let shared = world.clone_without_service();
    drop(world);
    let older = TempDir::new();
    copy(&setup.0.0.join("store.redb"), &older.0.join("store.redb"));
    let world = setup.open(Some(&shared));
    let bob = world.token(REVOCABLE, &of("bob"));
    let while_running = copy_after_crash(&setup.0, &["store.redb"]);
    revoke(&world, "bob");
    world.token(KEY, &params());
    drop(world);
    for database in [&other.0, &older, &while_running] {
        let replaced = TempDir::new();
        copy(&setup.0.0, &replaced.0);
        copy(&database.0.join("store.redb"), &replaced.0.join("store.redb"));
        assert_is_lost(&InFolder(replaced, runtime()), &shared, &bob);
    }
}

#[test]
fn journal_shorter_than_database_expects_is_refused() {
    let setup = InFolder::new();
    let world = setup.open(None);
    let older = copy_after_crash(&setup.0, &["nonces"]);
    world.token(KEY, &params());
    // This revocation makes the database record how far the journal was written.
    revoke(&world, "bob");
    let killed = copy_after_crash(&setup.0, &["store.redb", "secret"]);
    copy(&older.0.join("nonces"), &killed.0.join("nonces"));
    let error = Redb::open(&killed.0).unwrap_err().to_string();
    assert!(error.contains("nonces/0000000001` is damaged: its end is missing"), "{error}");
}

#[test]
fn loss_is_logged_with_consequences() {
    run_in_separate_process(concat!(module_path!(), "::loss_is_logged_with_consequences"), || {
        let (log, _guard) = Log::start();
        let setup = InFolder::new();
        let world = setup.open(None);
        world.token(KEY, &params());
        drop(setup.reopen(world));
        let lost = "`store.redb` was lost, and earlier keys and revocations may be lost with it";
        let says = || {
            [lost, "reason=\"it is missing\"", "`secret` is missing", "`nonces` is missing"].map(|what| log.count(what))
        };
        assert_eq!(says(), [0, 0, 0, 0]);
        remove(&setup.0, &["store.redb"]);
        drop(Redb::open(&setup.0.0).unwrap());
        assert_eq!(says(), [1, 1, 0, 0]);
        remove(&setup.0, &["secret"]);
        drop(Redb::open(&setup.0.0).unwrap());
        assert_eq!(says(), [1, 1, 1, 0]);
        remove(&setup.0, &["nonces"]);
        drop(Redb::open(&setup.0.0).unwrap());
        assert_eq!(says(), [1, 1, 1, 1]);
    });
}
