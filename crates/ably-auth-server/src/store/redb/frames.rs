//! The encoding of a journal file.
//!
//! The file starts with a head that contains random bytes, the salt. Frames follow, each with a length, a checksum and
//! a body. After the last frame are zeros. The checksum also covers the salt and the frame's offset, so a frame that
//! was copied from another place is not accepted.
//!
//! A frame is only written when all earlier ones are on disk. So an incomplete last frame was being written when the
//! process or the machine ended, and no request was answered because of it. If another frame follows an invalid one,
//! the file is damaged. The head of the next file records where this one ended.

use ably_auth_core::Timestamp;
use sha2::{Digest as _, Sha256};

use super::identity::Identity;
use crate::store::Fingerprint;

pub(super) const SALT_BYTES: usize = 16;

/// The first bytes of a file, with the version of the encoding.
const MAGIC: &[u8; 16] = b"used nonces, v1\n";
const HEAD_BYTES: usize = MAGIC.len() + SALT_BYTES + OFFSET_BYTES + CHECK_BYTES;

const OFFSET_BYTES: usize = 8;
const LENGTH_BYTES: usize = 4;
const CHECK_BYTES: usize = 16;
const NONCE_BYTES: usize = 24;
const MOMENT_BYTES: usize = 8;

/// The encoding of a missing timestamp. No nonce has the timestamp 0.
const NO_MOMENT: Timestamp = Timestamp::from_millis(0);

/// The size of the fields before a frame's content: its kind, the latest time, and the end of the dropped timestamps.
const PREFACE_BYTES: usize = 1 + 2 * MOMENT_BYTES;
/// The kinds of frames. Those of earlier versions are only read: before format 3, frames did not contain the number of
/// commits, and later the state did not contain the oldest file.
const KIND_NONCES_V2: u8 = 0;
const KIND_TIME_V2: u8 = 1;
const KIND_NONCES: u8 = 2;
const KIND_TIME: u8 = 3;
const KIND_STATE_V3: u8 = 4;
const KIND_STATE: u8 = 5;

/// The maximum number of nonces in a frame.
pub(super) const MAX_NONCES: usize = 4 * 1024;
const MAX_BODY_BYTES: usize = PREFACE_BYTES + MOMENT_BYTES + MAX_NONCES * NONCE_BYTES;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Used(Vec<Fingerprint>),
    /// Sets the time, even to an earlier one.
    Time(Timestamp),
    /// The database's ID, the number of the oldest file that is needed, and the spans of dropped timestamps. Each file
    /// starts with it, since earlier files are deleted. The number is 0 if it is not recorded.
    State {
        database: u64,
        oldest: u64,
        dropped: Vec<(Timestamp, Timestamp)>,
    },
}

impl Entry {
    pub(super) const NOTHING: Self = Self::Used(Vec::new());
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) latest: Timestamp,
    /// The timestamp up to which all nonces were dropped.
    pub(super) forgotten: Option<Timestamp>,
    /// The number of database commits on disk when the frame was written.
    pub(super) commits: u64,
    pub(super) entry: Entry,
}

/// The file is damaged from this offset on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Damaged {
    pub(super) at: usize,
}

/// The contents of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Contents {
    pub(super) frames: Vec<Frame>,
    /// The offset at which the last frame ends.
    pub(super) end: u64,
    /// The offset at which the last frame begins.
    pub(super) last: u64,
    /// The offset at which the last frame of the file before ended; 0 if it is not recorded.
    pub(super) end_before: u64,
}

pub(super) fn head(salt: &[u8; SALT_BYTES], end_before: u64) -> Vec<u8> {
    [&MAGIC[..], salt, &end_before.to_le_bytes(), &checksum(salt, end_before, MAGIC)].concat()
}

fn read_head(head: &[u8; HEAD_BYTES]) -> Option<(&[u8; SALT_BYTES], u64)> {
    let (salt, rest) = head.strip_prefix(MAGIC)?.split_first_chunk()?;
    let (end_before, check) = rest.split_first_chunk::<OFFSET_BYTES>()?;
    let end_before = u64::from_le_bytes(*end_before);
    (*check == checksum(salt, end_before, MAGIC)).then_some((salt, end_before))
}

impl Frame {
    /// Encodes the frame for the offset `at` of the file.
    pub(super) fn to_bytes(&self, salt: &[u8; SALT_BYTES], at: u64) -> Vec<u8> {
        let mut body = Vec::new();
        body.push(match self.entry {
            Entry::Used(_) => KIND_NONCES,
            Entry::Time(_) => KIND_TIME,
            Entry::State { .. } => KIND_STATE,
        });
        body.extend(self.latest.as_millis().to_le_bytes());
        body.extend(self.forgotten.unwrap_or(NO_MOMENT).as_millis().to_le_bytes());
        body.extend(self.commits.to_le_bytes());
        match &self.entry {
            Entry::Used(nonces) => nonces.iter().for_each(|nonce| body.extend(nonce.to_bytes())),
            Entry::Time(moment) => body.extend(moment.as_millis().to_le_bytes()),
            Entry::State { database, oldest, dropped } => {
                body.extend(database.to_le_bytes());
                body.extend(oldest.to_le_bytes());
                let moments = dropped.iter().flat_map(|(first, last)| [first, last]);
                moments.for_each(|moment| body.extend(moment.as_millis().to_le_bytes()));
            }
        }
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        [&length.to_le_bytes()[..], &checksum(salt, at, &body), &body].concat()
    }

    /// Decodes the frame at an offset, if there is one. Also returns the offset of the next frame. The frame is `None`
    /// if its checksum is right but its kind is unknown, because a newer version wrote it.
    fn at(at: usize, file: &[u8], salt: &[u8; SALT_BYTES]) -> Option<(Option<Self>, usize)> {
        let (length, rest) = file.get(at..)?.split_first_chunk::<LENGTH_BYTES>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok().filter(|length| *length <= MAX_BODY_BYTES)?;
        let (check, rest) = rest.split_first_chunk::<CHECK_BYTES>()?;
        let body = rest.get(..length).filter(|body| body.len() >= PREFACE_BYTES)?;
        if checksum(salt, u64::try_from(at).ok()?, body) != *check {
            return None;
        }
        let next = at.saturating_add(LENGTH_BYTES + CHECK_BYTES).saturating_add(length);
        Some((Self::from_body(body), next))
    }

    fn from_body(body: &[u8]) -> Option<Self> {
        let (kind, rest) = body.split_first()?;
        let (latest, rest) = moment(rest)?;
        let (forgotten, rest) = moment(rest)?;
        let (commits, rest) = if matches!(*kind, KIND_NONCES_V2 | KIND_TIME_V2) { (0, rest) } else { number(rest)? };
        let entry = match *kind {
            KIND_NONCES_V2 | KIND_NONCES => {
                let nonces = rest.chunks(NONCE_BYTES).map(|bytes| bytes.try_into().ok().map(Fingerprint::from_bytes));
                Entry::Used(nonces.collect::<Option<_>>()?)
            }
            KIND_TIME_V2 | KIND_TIME => Entry::Time(moment(rest).filter(|(_, rest)| rest.is_empty())?.0),
            KIND_STATE_V3 | KIND_STATE => {
                let (database, rest) = number(rest)?;
                let (oldest, rest) = if *kind == KIND_STATE { number(rest)? } else { (0, rest) };
                let span = |bytes| {
                    let (first, rest) = moment(bytes)?;
                    Some((first, moment(rest)?.0))
                };
                Entry::State {
                    database,
                    oldest,
                    dropped: rest.chunks(2 * MOMENT_BYTES).map(span).collect::<Option<_>>()?,
                }
            }
            _ => return None,
        };
        Some(Self { latest, forgotten: (forgotten != NO_MOMENT).then_some(forgotten), commits, entry })
    }

    /// Returns the identity of the database. The ID is 0 if the frame does not contain it.
    pub(super) const fn identity(&self) -> Identity {
        let database = if let Entry::State { database, .. } = self.entry { database } else { 0 };
        Identity { database, commits: self.commits }
    }
}

fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<MOMENT_BYTES>()?;
    Some((u64::from_le_bytes(*number), rest))
}

fn moment(bytes: &[u8]) -> Option<(Timestamp, &[u8])> {
    number(bytes).map(|(millis, rest)| (Timestamp::from_millis(millis), rest))
}

fn checksum(salt: &[u8; SALT_BYTES], at: u64, body: &[u8]) -> [u8; CHECK_BYTES] {
    let whole = Sha256::new().chain_update(salt).chain_update(at.to_le_bytes()).chain_update(body).finalize();
    let mut check = [0; CHECK_BYTES];
    check.iter_mut().zip(whole).for_each(|(to, from)| *to = from);
    check
}

/// Decodes all frames of a file, except an unfinished last one.
pub(super) fn read(file: &[u8]) -> Result<Contents, Damaged> {
    let is_empty = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    let Some((head, rest)) = file.split_first_chunk::<HEAD_BYTES>() else {
        return Ok(Contents::default());
    };
    let Some((salt, end_before)) = read_head(head) else {
        // The head is on disk before any frame is written.
        return if is_empty(rest) { Ok(Contents::default()) } else { Err(Damaged { at: 0 }) };
    };
    let (mut frames, mut at, mut last) = (Vec::new(), HEAD_BYTES, HEAD_BYTES);
    while let Some((frame, next)) = Frame::at(at, file, salt) {
        frames.push(frame.ok_or(Damaged { at })?);
        (last, at) = (at, next);
    }
    let unfinished = file.get(at..).unwrap_or_default();
    let mut later = at.saturating_add(1)..file.len();
    if !is_empty(unfinished) && later.any(|place| Frame::at(place, file, salt).is_some()) {
        return Err(Damaged { at });
    }
    let [end, last] = [at, last].map(|at| u64::try_from(at).unwrap_or(u64::MAX));
    Ok(Contents { frames, end, last, end_before })
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "the test chooses the values")]
mod tests {
    use ably_auth_core::KeyName;
    use proptest::prelude::*;

    use super::*;

    const SALT: [u8; SALT_BYTES] = [7; SALT_BYTES];

    fn frames() -> impl Strategy<Value = Vec<Frame>> {
        let moment = || any::<u64>().prop_map(Timestamp::from_millis);
        let nonce = (any::<u32>(), moment()).prop_map(|(nonce, timestamp)| {
            Fingerprint::new(&KeyName::parse("app.key").unwrap(), &nonce.to_string(), timestamp)
        });
        let dropped = prop::collection::vec((moment(), moment()), 0..5);
        let state = (any::<u64>(), any::<u64>(), dropped).prop_map(|(database, oldest, dropped)| Entry::State {
            database,
            oldest,
            dropped,
        });
        let entry = prop_oneof![
            prop::collection::vec(nonce, 0..5).prop_map(Entry::Used),
            moment().prop_map(Entry::Time),
            state,
        ];
        let forgotten = prop::option::of((1..u64::MAX).prop_map(Timestamp::from_millis));
        let frame = (moment(), forgotten, any::<u64>(), entry);
        let frame = frame.prop_map(|(latest, forgotten, commits, entry)| Frame { latest, forgotten, commits, entry });
        prop::collection::vec(frame, 0..5)
    }

    /// Returns a file, and the offset at which each frame ends.
    fn file(frames: &[Frame], zeros: usize) -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut ends) = (head(&SALT, 9), Vec::new());
        for frame in frames {
            bytes.extend(frame.to_bytes(&SALT, bytes.len() as u64));
            ends.push(bytes.len());
        }
        bytes.resize(bytes.len() + zeros, 0);
        (bytes, ends)
    }

    proptest! {
        #[test]
        fn frames_round_trip(frames in frames(), zeros in 0_usize..200) {
            let (bytes, ends) = file(&frames, zeros);
            let end = ends.last().map_or(HEAD_BYTES, |end| *end) as u64;
            let last = ends.iter().rev().nth(1).map_or(HEAD_BYTES, |end| *end) as u64;
            prop_assert_eq!(read(&bytes), Ok(Contents { frames, end, last, end_before: 9 }));
        }

        /// The disk may write the parts of the last frame in any order. Earlier frames are still read, and the last one
        /// is complete or absent.
        #[test]
        fn unfinished_last_frame_is_ignored(
            frames in frames().prop_filter("one", |frames| !frames.is_empty()),
            lost in prop::collection::vec(any::<bool>(), 64),
            sector in 1_usize..40,
        ) {
            let (mut bytes, ends) = file(&frames, 50);
            let begin = ends.len().checked_sub(2).map_or(HEAD_BYTES, |before| ends[before]);
            for (nth, _) in lost.iter().enumerate().filter(|(_, lost)| **lost) {
                let from = (begin + nth * sector).min(ends[ends.len() - 1]);
                let to = (from + sector).min(ends[ends.len() - 1]);
                bytes[from..to].fill(0);
            }
            let found = read(&bytes).unwrap().frames;
            prop_assert!(found == frames || found == frames[..frames.len() - 1]);
        }

        #[test]
        fn damage_before_the_last_frame_is_detected(
            frames in frames().prop_filter("two", |frames| frames.len() > 1),
            at: prop::sample::Index,
            flip in 1_u8..,
        ) {
            let (mut bytes, ends) = file(&frames, 50);
            let before_last = ends[ends.len() - 2];
            let at = at.index(before_last);
            bytes[at] ^= flip;
            let damaged = read(&bytes).unwrap_err();
            prop_assert!(damaged.at <= at, "{} is reported, but {} was changed", damaged.at, at);
        }
    }

    #[test]
    fn unfinished_head_is_empty_and_foreign_file_damaged() {
        for begun in [&[][..], &[0; 10], &[0; 500], MAGIC, &head(&SALT, 0)] {
            assert_eq!(read(begun).unwrap().frames, vec![], "{begun:?}");
        }
        assert_eq!(read(&b"not a file of nonces".repeat(10)), Err(Damaged { at: 0 }));
    }

    #[test]
    fn copied_frame_is_not_accepted() {
        let frame = Frame { latest: Timestamp::from_millis(1), forgotten: None, commits: 3, entry: Entry::NOTHING };
        let mut twice = file(std::slice::from_ref(&frame), 0).0;
        let again = twice[HEAD_BYTES..].to_vec();
        twice.extend(again);
        assert_eq!(read(&twice).unwrap().frames, vec![frame]);
    }

    #[test]
    fn frame_of_format_2_is_read() {
        let mut bytes = head(&SALT, 0);
        let body = [&[KIND_TIME_V2][..], &5_u64.to_le_bytes(), &4_u64.to_le_bytes(), &6_u64.to_le_bytes()].concat();
        bytes.extend((body.len() as u32).to_le_bytes());
        bytes.extend(checksum(&SALT, HEAD_BYTES as u64, &body));
        bytes.extend(body);
        let [latest, forgotten, time] = [5, 4, 6].map(Timestamp::from_millis);
        let frame = Frame { latest, forgotten: Some(forgotten), commits: 0, entry: Entry::Time(time) };
        assert_eq!(read(&bytes).unwrap().frames, [frame]);
    }

    #[test]
    fn state_without_oldest_file_is_read() {
        let mut bytes = head(&SALT, 0);
        let numbers: [u64; 6] = [5, 4, 7, 9, 1, 2];
        let body = [&[KIND_STATE_V3][..], &numbers.map(u64::to_le_bytes).concat()].concat();
        bytes.extend((body.len() as u32).to_le_bytes());
        bytes.extend(checksum(&SALT, HEAD_BYTES as u64, &body));
        bytes.extend(body);
        let [latest, forgotten, first, last] = [5, 4, 1, 2].map(Timestamp::from_millis);
        let entry = Entry::State { database: 9, oldest: 0, dropped: vec![(first, last)] };
        assert_eq!(read(&bytes).unwrap().frames, [Frame { latest, forgotten: Some(forgotten), commits: 7, entry }]);
    }

    #[test]
    fn frame_of_newer_version_is_refused() {
        let mut bytes = head(&SALT, 0);
        let body = [&[9][..], &[0; 2 * MOMENT_BYTES]].concat();
        bytes.extend((body.len() as u32).to_le_bytes());
        bytes.extend(checksum(&SALT, HEAD_BYTES as u64, &body));
        bytes.extend(body);
        assert_eq!(read(&bytes), Err(Damaged { at: HEAD_BYTES }));
    }
}
