#![allow(clippy::arithmetic_side_effects, reason = "the test chooses the values")]

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};

use ably_auth_core::KeyName;
use proptest::prelude::*;

use super::super::temp_dir::TempDir;
use super::*;
use crate::error::ErrorKind;
use crate::store::nonces::Nonces;
use crate::store::{Use, WINDOW_MILLIS};

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn nonce(nth: u64, timestamp: u64) -> Fingerprint {
    Fingerprint::new(&KeyName::parse("app.key").unwrap(), &nth.to_string(), at(timestamp))
}

/// Opens a journal whose database has no commits.
fn open(folder: &Path, unknown_until: u64) -> Result<(Journal, JournalState), Error> {
    let pairing = |found: &JournalState| {
        let identity = Identity { database: 7, commits: 0 };
        Ok(Arc::new(Pairing::new(identity, found.position.unwrap_or_default())))
    };
    Journal::open(folder, at(unknown_until), pairing)
}

/// Returns the data about nonces, without the data about files.
fn nonce_state(found: JournalState) -> (BTreeSet<Fingerprint>, Spans, Option<Timestamp>) {
    (found.nonces, found.forgotten, found.latest)
}

impl TempDir {
    fn open(&self) -> (Journal, JournalState) {
        open(&self.0, 0).unwrap()
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.0.join(FOLDER)).unwrap();
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    fn error(&self) -> String {
        let error = open(&self.0, 0).map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Store);
        error.to_string()
    }
}

fn write(journal: &mut Journal, puts: &[Put], now: u64) {
    journal.write(puts, Times { now: at(now), latest: at(now) }).unwrap();
    journal.delete_expired_file();
}

fn use_all(journal: &mut Journal, nonces: impl IntoIterator<Item = Fingerprint>, now: u64) {
    // Write few nonces at once, so that no file grows far above its limit.
    let puts: Vec<_> = nonces.into_iter().map(Put::Nonce).collect();
    puts.chunks(10).for_each(|puts| write(journal, puts, now));
}

#[test]
fn used_nonces_are_restored_from_many_files() {
    let place = TempDir::new();
    let used: BTreeSet<_> = (0..300).map(|nth| nonce(nth, nth)).collect();
    let (mut journal, found) = place.open();
    assert_eq!(found, JournalState { forgotten: Spans::up_to(at(0)), ..JournalState::default() });
    for nonces in used.iter().collect::<Vec<_>>().chunks(100) {
        use_all(&mut journal, nonces.iter().copied().copied(), 7);
        drop(journal);
        journal = place.open().0;
    }
    assert!(place.files().len() > 6, "{:?}", place.files());
    assert_eq!(nonce_state(place.open().1), (used, Spans::default(), Some(at(7))));
}

#[test]
fn expired_file_is_deleted_and_its_times_recorded() {
    let place = TempDir::new();
    let (mut journal, _) = place.open();
    use_all(&mut journal, (0..100).map(|nth| nonce(nth, nth)), 100);
    let files = place.files();
    let later = WINDOW_MILLIS + 60;
    for nth in 0..20 {
        write(&mut journal, &[Put::Nonce(nonce(nth, later))], later);
    }
    assert!(!files[0].exists() && files[1].exists(), "some nonces in the second file have not expired");
    drop(journal);
    let found = place.open().1;
    let forgotten = found.forgotten.latest().unwrap();
    assert!(at(20) < forgotten && forgotten < at(60), "{forgotten}");
    assert!((0..100).all(|nth| at(nth) <= forgotten || found.nonces.contains(&nonce(nth, nth))));
    assert!((0..20).all(|nth| found.nonces.contains(&nonce(nth, later))));
}

#[test]
fn set_time_drops_nonces_of_later_times_only() {
    let (place, later) = (TempDir::new(), 7 * 24 * 60 * 60 * 1000);
    let (mut journal, _) = place.open();
    use_all(&mut journal, (0..100).map(|nth| nonce(nth, later)), later);
    let now = 1_000;
    let [one, two] = [1, 2].map(|nth| nonce(nth, now));
    write(&mut journal, &[Put::Nonce(one), Put::Time(at(now)), Put::Nonce(two)], now);
    drop(journal);
    let (mut journal, found) = place.open();
    assert_eq!(nonce_state(found), ([one, two].into(), Spans::default(), Some(at(now))));
    let over = now + 2 * WINDOW_MILLIS + 1;
    for _ in 0..20 {
        write(&mut journal, &[Put::Probe], over);
    }
    assert_eq!(place.files().len(), 1, "files with later timestamps are deleted before that time");
}

#[test]
fn missing_folder_makes_recent_nonces_unknown() {
    let place = TempDir::new();
    for _ in 0..3 {
        let (mut journal, found) = open(&place.0, 5).unwrap();
        assert_eq!((found.forgotten, found.nonces.len()), (Spans::up_to(at(5)), 0));
        write(&mut journal, &[Put::Probe], 9);
    }
    // Simulate a process that ended while it created the folder.
    fs::rename(place.0.join(FOLDER), place.0.join(NEW_FOLDER)).unwrap();
    assert_eq!(open(&place.0, 8).unwrap().1.forgotten, Spans::up_to(at(8)));
}

#[test]
fn write_after_a_failed_write_succeeds() {
    let place = TempDir::new();
    let (mut journal, _) = place.open();
    use_all(&mut journal, [nonce(1, 1)], 1);
    let path = place.files().pop().unwrap();
    // Writing to a file that is open only for reading fails.
    journal.open.as_mut().unwrap().file = File::open(path).unwrap();
    let result = journal.write(&[Put::Nonce(nonce(2, 2))], Times { now: at(2), latest: at(2) });
    assert!(result.is_err());
    use_all(&mut journal, [nonce(3, 3)], 3);
    drop(journal);
    assert_eq!(place.open().1.nonces, [nonce(1, 1), nonce(3, 3)].into());
}

#[test]
fn journal_with_unknown_end_is_not_recorded_as_closed() {
    let place = TempDir::new();
    let mut journal = place.open().0;
    use_all(&mut journal, [nonce(1, 1)], 1);
    journal.open.as_mut().unwrap().file = File::open(&place.files()[0]).unwrap();
    let times = Times { now: at(2), latest: at(2) };
    journal.write(&[Put::Nonce(nonce(2, 2))], times).unwrap_err();
    journal.end(times);
    assert!(!journal.pairing().has_journal_ended());
    use_all(&mut journal, [nonce(3, 3)], 3);
    journal.end(times);
    assert!(journal.pairing().has_journal_ended());
}

#[test]
fn changed_or_missing_file_is_refused() {
    let place = TempDir::new();
    use_all(&mut place.open().0, (0..200).map(|nth| nonce(nth, nth)), 1);
    let files = place.files();
    let mut bytes = fs::read(&files[1]).unwrap();
    bytes[100] ^= 1;
    OpenOptions::new().write(true).open(&files[1]).unwrap().write_all(&bytes).unwrap();
    let error = place.error();
    assert!(error.contains("0000000002") && error.contains("has changed since it was written"), "{error}");
    fs::remove_file(&files[1]).unwrap();
    let error = place.error();
    assert!(error.contains("0000000003` is damaged: the file before it is missing"), "{error}");
    fs::remove_file(&files[0]).unwrap();
    let error = place.error();
    assert!(error.contains("0000000001` is damaged: it is missing"), "{error}");
}

#[test]
fn truncated_file_is_refused() {
    let place = TempDir::new();
    use_all(&mut place.open().0, (0..60).map(|nth| nonce(nth, nth)), 1);
    use_all(&mut place.open().0, [nonce(60, 60)], 1);
    let files = place.files();
    assert_eq!(files.len(), 3);
    for cut in [&files[0], &files[1]] {
        let whole = fs::read(cut).unwrap();
        OpenOptions::new().write(true).open(cut).unwrap().set_len(200).unwrap();
        let error = place.error();
        assert!(error.contains("its end is missing"), "{error}");
        fs::write(cut, whole).unwrap();
    }
    assert_eq!(place.open().1.nonces.len(), 61);
}

#[test]
fn empty_folder_makes_recent_nonces_unknown() {
    let place = TempDir::new();
    use_all(&mut place.open().0, [nonce(1, 1)], 1);
    place.files().iter().for_each(|file| fs::remove_file(file).unwrap());
    let (mut journal, found) = open(&place.0, 7).unwrap();
    assert_eq!(found.forgotten, Spans::up_to(at(7)));
    write(&mut journal, &[Put::Probe], 9);
    assert_eq!(place.open().1.forgotten, Spans::up_to(at(7)), "the next opening reads the same");
}

#[test]
fn foreign_files_are_ignored_and_missing_oldest_is_tolerated() {
    let place = TempDir::new();
    let (mut journal, _) = place.open();
    use_all(&mut journal, (0..100).map(|nth| nonce(nth, nth)), 100);
    for name in ["lost+found", "+000000002", "00000000002", "0000000001~"] {
        fs::write(place.0.join(FOLDER).join(name), "not ours").unwrap();
    }
    let first = journal.path(1);
    fs::remove_file(&first).unwrap();
    let later = 1_000 + WINDOW_MILLIS;
    (0..3).for_each(|_| write(&mut journal, &[Put::Probe], later));
    assert!(!journal.path(2).exists(), "the next file is still deleted");
    drop(journal);
    assert_eq!(place.open().1.forgotten.latest(), Some(at(79)));
}

#[test]
fn deleted_file_blocks_only_times_of_its_nonces() {
    const HOUR: u64 = 60 * 60 * 1000;
    let place = TempDir::new();
    let (mut journal, _) = place.open();
    use_all(&mut journal, (0..100).map(|nth| nonce(nth, HOUR + nth)), HOUR);
    use_all(&mut journal, (0..100).map(|nth| nonce(nth, 3 * HOUR + nth)), 3 * HOUR);
    (0..20).for_each(|_| write(&mut journal, &[Put::Probe], 4 * HOUR));
    assert!(!journal.path(1).exists());
    drop(journal);
    let forgotten = place.open().1.forgotten;
    assert!(forgotten.end_of(at(HOUR)).is_some() && forgotten.end_of(at(3 * HOUR)).is_some(), "{forgotten:?}");
    assert_eq!(forgotten.end_of(at(2 * HOUR)), None);
}

#[test]
fn closing_frame_ends_where_database_says() {
    let place = TempDir::new();
    let (mut journal, _) = place.open();
    use_all(&mut journal, [nonce(1, 1)], 1);
    let pairing = journal.pairing();
    let end = pairing.position();
    journal.end(Times { now: at(0), latest: at(1) });
    drop(journal);
    assert_eq!(place.open().1.position, Some(end), "no closing frame without a recorded stop");
    let (mut journal, _) = place.open();
    use_all(&mut journal, [nonce(2, 2)], 2);
    let pairing = journal.pairing();
    let end = pairing.position();
    journal.end(Times { now: at(0), latest: at(2) });
    pairing.set_commits(5);
    pairing.record_stop();
    pairing.close();
    let found = place.open().1;
    assert_eq!(found.before_closing, Some(end));
    assert!(found.position > Some(end));
    assert_eq!(found.identity, Identity { database: 7, commits: 5 });
}

fn steps() -> impl Strategy<Value = Vec<(i64, u64, bool)>> {
    const DAY: i64 = 24 * 60 * 60 * 1000;
    let step = prop_oneof![-DAY..DAY, -20 * 60_000..20 * 60_000_i64, Just(0)];
    prop::collection::vec((step, 0_u64..5, any::<bool>()), 1..10)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn stepping_clock_and_restarts_allow_no_replay(steps in steps()) {
        const DAY: u64 = 24 * 60 * 60 * 1000;
        let place = TempDir::new();
        let (mut now, mut latest, mut nth) = (1_000 * DAY, 0, 0);
        let mut accepted: Vec<Fingerprint> = Vec::new();
        let (mut journal, found) = place.open();
        let mut nonces = Nonces::restored(10_000, found.nonces, found.forgotten);
        for (step, minutes, is_restarted) in steps {
            now = now.saturating_add_signed(step).max(latest - latest.min(DAY));
            if is_restarted {
                drop(journal);
                let found;
                (journal, found) = place.open();
                nonces = Nonces::restored(10_000, found.nonces, found.forgotten);
            }
            for _ in 0..=minutes {
                for replayed in &accepted {
                    let is_current = replayed.timestamp().as_millis().abs_diff(now) <= WINDOW_MILLIS;
                    prop_assert!(!is_current || nonces.use_once(*replayed, at(now)) != Use::First);
                }
                // Write enough nonces that files are closed and deleted.
                for _ in 0..4 {
                    nth += 1;
                    let new = nonce(nth, now);
                    if nonces.use_once(new, at(now)) == Use::First {
                        write(&mut journal, &[Put::Nonce(new)], now);
                        accepted.push(new);
                    }
                }
                latest = latest.max(now);
                now += 60_000;
            }
        }
    }
}
