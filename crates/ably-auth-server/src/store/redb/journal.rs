//! Used nonces, in files that only grow: to use one is to write a few bytes and to see them on the disk.
//!
//! A database would do that too, and keep a tree in order, page by page, for what is never looked up there and goes as a whole.
//! A file is closed once it is large, and deleted once all in it is over.

use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, File};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ably_auth_core::Timestamp;

use super::folder;
use super::frames::{self, Contents, Damaged, Entry, Frame, MAX_NONCES, SALT_BYTES};
use super::writer::{Job, Times, Work};
use crate::error::{Error, ErrorKind};
use crate::random;
use crate::store::Fingerprint;
use crate::store::Unavailable;
use crate::store::nonces::{is_over, window_end};

const FOLDER: &str = "nonces";
const NEW_FOLDER: &str = "nonces.new";

/// A file that has got so large is closed.
const LARGE: u64 = if cfg!(test) { 1024 } else { 4 * 1024 * 1024 };

/// A file grows by so many zeros at a time: where it has its bytes already, the disk has less to write for each answer.
const STEP: usize = 128 * 1024;

/// The digits of a file's number, so that names sort as numbers do.
const DIGITS: usize = 10;

#[derive(Clone, Copy, Debug)]
pub(super) enum Put {
    Nonce(Fingerprint),
    /// The time is that, though a later one was known.
    Time(Timestamp),
    /// Nothing, and yet onto the disk: whoever asks wants to know whether that works.
    Probe,
}

pub(super) struct Journal {
    folder: PathBuf,
    open: Option<Open>,
    closed: VecDeque<Closed>,
    next: u64,
    /// The latest timestamp of what was dropped.
    forgotten: Option<Timestamp>,
    /// The oldest file, once all in it is over and that is on the disk.
    over: Option<u64>,
    /// Whether it is not known that the last one that was deleted will not come back.
    is_unsure: bool,
}

/// The file that is written to. What is behind its end is zeros.
struct Open {
    number: u64,
    file: File,
    salt: [u8; SALT_BYTES],
    end: u64,
    filled: u64,
    last: Option<Timestamp>,
}

/// A file to which nothing is added any more, and the latest timestamp in it.
struct Closed {
    number: u64,
    end: u64,
    last: Option<Timestamp>,
}

/// What was written before.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) nonces: BTreeSet<Fingerprint>,
    pub(super) forgotten: Option<Timestamp>,
    pub(super) latest: Option<Timestamp>,
}

impl Found {
    fn add(&mut self, Frame { latest, forgotten, entry }: Frame) {
        self.latest = self.latest.max(Some(latest));
        self.forgotten = forgotten;
        match entry {
            Entry::Used(nonces) => self.nonces.extend(nonces),
            Entry::Time(now) => {
                let end = window_end(now);
                self.nonces.retain(|nonce| nonce.timestamp() <= end);
                self.latest = Some(now);
            }
        }
    }
}

impl Journal {
    /// What is in the folder. If there never was anything, what may have been used up to that moment is not known.
    pub(super) fn open(folder: &Path, unknown_until: Timestamp) -> Result<(Self, Found), Error> {
        let inner = folder.join(FOLDER);
        let failed = |error| folder::failed(&inner, "cannot be used", error);
        if !inner.try_exists().map_err(failed)? {
            let found = Found { forgotten: Some(unknown_until), ..Found::default() };
            return Self::begin(folder, unknown_until).map(|journal| (journal, found)).map_err(failed);
        }
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&inner).map_err(failed)? {
            numbers.extend(number(&entry.map_err(failed)?.path()));
        }
        numbers.sort_unstable();
        let mut journal = Self::of(inner.clone(), None);
        let mut found = Found::default();
        for number in numbers {
            let path = journal.path(number);
            if !journal.closed.is_empty() && number != journal.next {
                return Err(damaged(&path, "the file before it is missing"));
            }
            let contents = frames::read(&fs::read(&path).map_err(failed)?);
            let problem = |found: Damaged| format!("what begins at byte {} has changed since it was written", found.at);
            let Contents { frames, end, end_before } = contents.map_err(|found| damaged(&path, &problem(found)))?;
            if let Some(before) = journal.closed.back().filter(|before| before.end < end_before) {
                return Err(damaged(&journal.path(before.number), "its end is missing"));
            }
            let mut last = None;
            for frame in frames {
                journal.note(&frame.entry, &mut last);
                found.add(frame);
            }
            journal.closed.push_back(Closed { number, end, last });
            journal.next = number.saturating_add(1);
        }
        if found.latest.is_none() {
            // There always is a frame, from the beginning on.
            found.forgotten = Some(unknown_until);
        }
        journal.forgotten = found.forgotten;
        Ok((journal, found))
    }

    const fn of(folder: PathBuf, forgotten: Option<Timestamp>) -> Self {
        Self { folder, open: None, closed: VecDeque::new(), next: 1, forgotten, over: None, is_unsure: false }
    }

    /// Whole or not at all: once the folder is there, it says all that is not known.
    fn begin(folder: &Path, unknown_until: Timestamp) -> io::Result<Self> {
        let (inner, new) = (folder.join(FOLDER), folder.join(NEW_FOLDER));
        match fs::remove_dir_all(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => folder::private_folder().create(&new)?,
        }
        let mut journal = Self::of(new, Some(unknown_until));
        let nothing = Timestamp::from_millis(0);
        journal.write(&[Put::Probe], Times { now: nothing, latest: nothing })?;
        fs::rename(&journal.folder, &inner)?;
        folder::sync(folder)?;
        journal.folder = inner;
        Ok(journal)
    }

    /// Writes all of it, and returns once it is on the disk.
    pub(super) fn write(&mut self, puts: &[Put], Times { now, latest }: Times) -> io::Result<()> {
        let is_over = |file: &&Closed| file.last.is_none_or(|last| is_over(last, now));
        let over = self.closed.front().filter(is_over).map(|file| (file.number, file.last));
        self.forgotten = self.forgotten.max(over.and_then(|(_, last)| last));
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.begin_file()?,
        };
        // One after the other, since of what is not finished nothing may stand behind.
        let written = entries(puts).into_iter().try_for_each(|entry| {
            self.note(&entry, &mut open.last);
            let frame = Frame { latest, forgotten: self.forgotten, entry };
            open.append(&frame.to_bytes(&open.salt, open.end))
        });
        if written.is_ok() && open.end < LARGE {
            self.open = Some(open);
        } else {
            // After an error too: what has become of the file cannot be known, so that the next begins another.
            self.closed.push_back(Closed { number: open.number, end: open.end, last: open.last });
        }
        written?;
        // Only now it is on the disk that this is forgotten.
        self.over = over.map(|(number, _)| number);
        Ok(())
    }

    /// Sees to it that each file is kept for as long as it has to, and no longer; `last` is of the one that says this.
    fn note(&mut self, entry: &Entry, last: &mut Option<Timestamp>) {
        match entry {
            Entry::Used(nonces) => *last = (*last).max(nonces.iter().map(Fingerprint::timestamp).max()),
            Entry::Time(now) => {
                let end = Some(window_end(*now));
                let lasts = self.closed.iter_mut().map(|file| &mut file.last);
                lasts.chain([last, &mut self.forgotten]).for_each(|last| *last = (*last).min(end));
            }
        }
    }

    fn begin_file(&mut self) -> io::Result<Open> {
        let (number, salt) = (self.next, random::bytes().map_err(io::Error::other)?);
        let mut file = folder::begin(&self.path(number))?;
        let head = frames::head(&salt, self.closed.back().map_or(0, |before| before.end));
        file.write_all(&head)?;
        file.sync_all()?;
        folder::sync(&self.folder)?;
        let end = u64::try_from(head.len()).unwrap_or(u64::MAX);
        let open = Open { number, file, salt, end, filled: end, last: None };
        self.next = number.saturating_add(1);
        Ok(open)
    }

    /// Deletes the oldest file, if nobody needs it. What cannot be deleted now may go later: one at a time and for good, so that
    /// none is ever missing between others.
    fn tidy(&mut self) {
        let Some(number) = self.over.take() else {
            return;
        };
        if self.is_unsure && folder::sync(&self.folder).is_err() {
            return;
        }
        match fs::remove_file(self.path(number)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => self.is_unsure = false,
            _ => {
                self.closed.pop_front();
                self.is_unsure = folder::sync(&self.folder).is_err();
            }
        }
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(name(number))
    }
}

impl Open {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let end = self.end.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.file.write_all(bytes)?;
        if end > self.filled {
            self.file.write_all(&vec![0; STEP])?;
            self.filled = self.file.stream_position()?;
            self.file.seek(SeekFrom::Start(end))?;
        }
        self.file.sync_data()?;
        self.end = end;
        Ok(())
    }
}

impl Work for Journal {
    type Put = Put;
    type Answer = ();

    /// To see something on a fast disk takes about as long, and costs the processor more than a token does.
    const GATHERING: Duration = Duration::from_micros(200);

    fn write(&mut self, jobs: Vec<Job<Put, ()>>, times: Times) {
        let puts: Vec<_> = jobs.iter().map(|job| job.put).collect();
        let written = self.write(&puts, times).map_err(Unavailable::new);
        jobs.into_iter().for_each(|job| job.waiter.answer(written.clone()));
        self.tidy();
    }
}

/// What is to be said, in as few words as it takes.
fn entries(puts: &[Put]) -> Vec<Entry> {
    let mut entries = Vec::new();
    for put in puts {
        match (put, entries.last_mut()) {
            (Put::Nonce(nonce), Some(Entry::Used(nonces))) if nonces.len() < MAX_NONCES => nonces.push(*nonce),
            (Put::Nonce(nonce), _) => entries.push(Entry::Used(vec![*nonce])),
            (Put::Time(now), _) => entries.push(Entry::Time(*now)),
            (Put::Probe, _) => {}
        }
    }
    if entries.is_empty() {
        entries.push(Entry::Used(Vec::new()));
    }
    entries
}

fn name(number: u64) -> String {
    format!("{number:0DIGITS$}")
}

/// The number that the file is named by; none if it is none of ours.
fn number(path: &Path) -> Option<u64> {
    let text = path.file_name()?.to_str()?;
    text.parse().ok().filter(|number| name(*number) == text)
}

fn damaged(path: &Path, problem: &str) -> Error {
    let message = format!(
        "`{}` cannot be believed: {problem}; put back a copy of the folder `{FOLDER}`, or delete it: then no token request of \
         before is exchanged, and none of the next minutes",
        path.display()
    );
    Error::new(ErrorKind::Store, message)
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use ably_auth_core::KeyName;

    use super::super::place::Place;
    use super::*;
    use crate::store::WINDOW_MILLIS;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn nonce(nth: u64, timestamp: u64) -> Fingerprint {
        Fingerprint::new(&KeyName::parse("app.key").unwrap(), &nth.to_string(), at(timestamp))
    }

    impl Place {
        fn open(&self) -> (Journal, Found) {
            Journal::open(&self.0, at(0)).unwrap()
        }

        fn files(&self) -> Vec<PathBuf> {
            let entries = fs::read_dir(self.0.join(FOLDER)).unwrap();
            let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
            files.sort();
            files
        }

        fn error(&self) -> String {
            let error = Journal::open(&self.0, at(0)).map(drop).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Store);
            error.to_string()
        }
    }

    fn write(journal: &mut Journal, puts: &[Put], now: u64) {
        journal.write(puts, Times { now: at(now), latest: at(now) }).unwrap();
        journal.tidy();
    }

    fn use_all(journal: &mut Journal, nonces: impl IntoIterator<Item = Fingerprint>, now: u64) {
        // So few at once that no file takes many more than it is to.
        let puts: Vec<_> = nonces.into_iter().map(Put::Nonce).collect();
        puts.chunks(10).for_each(|puts| write(journal, puts, now));
    }

    #[test]
    fn what_was_used_is_found_again_over_many_files() {
        let place = Place::new();
        let used: BTreeSet<_> = (0..300).map(|nth| nonce(nth, nth)).collect();
        let (mut journal, found) = place.open();
        assert_eq!(found, Found { forgotten: Some(at(0)), ..Found::default() });
        for nonces in used.iter().collect::<Vec<_>>().chunks(100) {
            use_all(&mut journal, nonces.iter().copied().copied(), 7);
            drop(journal);
            journal = place.open().0;
        }
        assert!(place.files().len() > 6, "{:?}", place.files());
        assert_eq!(place.open().1, Found { nonces: used, forgotten: None, latest: Some(at(7)) });
    }

    #[test]
    fn a_file_goes_once_all_in_it_is_over_and_what_went_is_told() {
        let place = Place::new();
        let (mut journal, _) = place.open();
        use_all(&mut journal, (0..100).map(|nth| nonce(nth, nth)), 100);
        let files = place.files();
        let later = WINDOW_MILLIS + 60;
        for nth in 0..20 {
            write(&mut journal, &[Put::Nonce(nonce(nth, later))], later);
        }
        assert!(!files[0].exists() && files[1].exists(), "in the second, some are not over");
        drop(journal);
        let found = place.open().1;
        let forgotten = found.forgotten.unwrap();
        assert!(at(20) < forgotten && forgotten < at(60), "{forgotten}");
        assert!((0..100).all(|nth| at(nth) <= forgotten || found.nonces.contains(&nonce(nth, nth))));
        assert!((0..20).all(|nth| found.nonces.contains(&nonce(nth, later))));
    }

    #[test]
    fn what_is_of_a_later_time_goes_when_the_time_is_set_and_not_what_is_used_after_it() {
        let (place, later) = (Place::new(), 7 * 24 * 60 * 60 * 1000);
        let (mut journal, _) = place.open();
        use_all(&mut journal, (0..100).map(|nth| nonce(nth, later)), later);
        let now = 1_000;
        let [one, two] = [1, 2].map(|nth| nonce(nth, now));
        write(&mut journal, &[Put::Nonce(one), Put::Time(at(now)), Put::Nonce(two)], now);
        drop(journal);
        let (mut journal, found) = place.open();
        assert_eq!(found, Found { nonces: [one, two].into(), forgotten: None, latest: Some(at(now)) });
        let over = now + 2 * WINDOW_MILLIS + 1;
        for _ in 0..20 {
            write(&mut journal, &[Put::Probe], over);
        }
        assert_eq!(place.files().len(), 1, "the files of the later time do not wait for it");
    }

    #[test]
    fn without_its_folder_what_was_used_lately_is_not_known_and_stays_so() {
        let place = Place::new();
        for _ in 0..3 {
            let (mut journal, found) = Journal::open(&place.0, at(5)).unwrap();
            assert_eq!((found.forgotten, found.nonces.len()), (Some(at(5)), 0));
            write(&mut journal, &[Put::Probe], 9);
        }
        // As a process leaves it that is ended while it begins.
        fs::rename(place.0.join(FOLDER), place.0.join(NEW_FOLDER)).unwrap();
        assert_eq!(Journal::open(&place.0, at(8)).unwrap().1.forgotten, Some(at(8)));
    }

    #[test]
    fn a_write_that_failed_is_refused_and_the_next_is_not() {
        let place = Place::new();
        let (mut journal, _) = place.open();
        use_all(&mut journal, [nonce(1, 1)], 1);
        let path = place.files().pop().unwrap();
        // What may only be read takes nothing.
        journal.open.as_mut().unwrap().file = File::open(path).unwrap();
        let refused = journal.write(&[Put::Nonce(nonce(2, 2))], Times { now: at(2), latest: at(2) });
        assert!(refused.is_err());
        use_all(&mut journal, [nonce(3, 3)], 3);
        drop(journal);
        assert_eq!(place.open().1.nonces, [nonce(1, 1), nonce(3, 3)].into());
    }

    #[test]
    fn a_file_that_was_changed_or_is_missing_is_refused() {
        let place = Place::new();
        use_all(&mut place.open().0, (0..200).map(|nth| nonce(nth, nth)), 1);
        let files = place.files();
        let mut bytes = fs::read(&files[1]).unwrap();
        bytes[100] ^= 1;
        OpenOptions::new().write(true).open(&files[1]).unwrap().write_all(&bytes).unwrap();
        let error = place.error();
        assert!(error.contains("0000000002") && error.contains("has changed since it was written"), "{error}");
        fs::remove_file(&files[1]).unwrap();
        let error = place.error();
        assert!(error.contains("0000000003` cannot be believed: the file before it is missing"), "{error}");
        fs::remove_file(&files[0]).unwrap();
        assert!(!place.open().1.nonces.is_empty(), "the first is missing if it was over");
    }

    #[test]
    fn a_file_whose_end_is_missing_is_refused_though_it_is_one_that_was_not_finished() {
        let place = Place::new();
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
    fn a_folder_without_files_says_as_little_as_none() {
        let place = Place::new();
        use_all(&mut place.open().0, [nonce(1, 1)], 1);
        place.files().iter().for_each(|file| fs::remove_file(file).unwrap());
        let (mut journal, found) = Journal::open(&place.0, at(7)).unwrap();
        assert_eq!(found.forgotten, Some(at(7)));
        write(&mut journal, &[Put::Probe], 9);
        assert_eq!(place.open().1.forgotten, Some(at(7)), "and it stays so");
    }

    #[test]
    fn what_is_no_file_of_ours_is_left_alone_and_what_has_gone_by_itself_is_gone() {
        let place = Place::new();
        let (mut journal, _) = place.open();
        use_all(&mut journal, (0..100).map(|nth| nonce(nth, nth)), 100);
        for name in ["lost+found", "+000000002", "00000000002", "0000000001~"] {
            fs::write(place.0.join(FOLDER).join(name), "not ours").unwrap();
        }
        let first = journal.path(1);
        fs::remove_file(&first).unwrap();
        let later = 1_000 + WINDOW_MILLIS;
        (0..3).for_each(|_| write(&mut journal, &[Put::Probe], later));
        assert!(!journal.path(2).exists(), "the next is deleted all the same");
        drop(journal);
        assert_eq!(place.open().1.forgotten, Some(at(79)));
    }
}
