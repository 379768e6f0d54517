//! The store in a folder.

mod disk;
#[cfg(test)]
mod failing_writes;
mod file;
mod files;
mod folder;
mod found;
mod frames;
mod guard;
mod header;
mod identity;
mod journal;
mod journal_files;
mod overlay;
mod pairing;
mod preallocated_file;
mod put;
mod records;
mod tables;
#[cfg(test)]
mod temp_dir;
mod threads;
mod writer;

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use ably_auth_core::Timestamp;
use zeroize::Zeroizing;

use super::nonces::{Nonces, window_end};
use super::references::{self, References};
use super::spans::WINDOW_MILLIS;
use super::{Feed, Fingerprint, KeptClaims, Pending, Record, Reference, Store, StoreLimits, Unavailable, Use, Written};
use crate::error::Error;
use crate::random;
use crate::sync::lock;
use disk::Disk;
use identity::Identity;
use journal::Journal;
use pairing::{Fit, Pairing};
use records::Records;
use writer::Writer;

/// The interval at which the time is written if there are no other writes, in milliseconds.
const TIME_INTERVAL_MILLIS: u64 = 60 * 1000;

/// A store that keeps everything in a folder, across restarts and crashes.
///
/// Data is on disk before the request is answered. A thread writes; requests that arrive during a write share the next
/// one. All reads are from memory, so only changes wait. Each write also drops some expired data.
///
/// A folder belongs to one process. It contains `store.redb`, with keys and their secrets; `secret`, which seals
/// tokens; and `nonces`, with the recently used nonces. On Unix, only their owner may read them.
///
/// If `store.redb` is missing while the other files exist, or does not belong to `nonces`, it was lost. A warning is
/// logged. Then revocable tokens that were issued before the first request after the loss are refused. Signed token
/// requests are also refused if their timestamp is up to two minutes later than that request. A folder with damaged
/// files is refused and left unchanged.
///
/// ```
/// use ably_auth_server::{Apps, Service, store::Redb};
///
/// # let folder = std::env::temp_dir().join(format!("ably-auth-doc-{}", std::process::id()));
/// let (apps, key) = Apps::create()?;
/// let service = Service::builder().apps(apps).store(Redb::open(&folder)?).build()?;
/// # drop(service);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Redb {
    feed: Arc<Feed>,
    nonces: Mutex<Nonces>,
    references: Mutex<References>,
    secret: Zeroizing<[u8; 32]>,
    used: Arc<Writer<Journal>>,
    records: Writer<Records>,
    /// Writes the journal's closing frame on drop, after both threads have ended.
    _closes_journal: ClosesJournal,
    /// True if data was lost, and the first request has not yet set the time from which all data is known.
    is_lost: AtomicBool,
    /// A lock for setting the time after a loss, so that only one request sets it.
    settling: Mutex<()>,
    /// The lock of the folder. It is dropped last, because the threads above write until they end.
    _folder_lock: folder::FolderLock,
    /// The time at which the time was last written on its own, in milliseconds since the epoch.
    time_written: AtomicU64,
}

/// Returns the latest timestamp of a nonce that may be lost with a missing journal. The latest time can be one interval
/// after `written`, and a request's timestamp one window ahead of that.
const fn unknown_until(written: Timestamp) -> Timestamp {
    let latest = written.as_millis().saturating_add(TIME_INTERVAL_MILLIS);
    Timestamp::from_millis(latest.saturating_add(WINDOW_MILLIS))
}

/// Returns the new identity that links a database to a journal. Takes the journal's ID if it has one, so that a loss is
/// detected only once.
fn joint_identity(database: Identity, journal: Identity) -> Result<Identity, Error> {
    let mut ids = [journal.database, database.database].into_iter().filter(|id| *id != 0);
    let id = match ids.next() {
        Some(id) => id,
        None => u64::from_le_bytes(random::bytes()?).max(1),
    };
    Ok(Identity { database: id, commits: database.commits.max(journal.commits).saturating_add(1) })
}

fn warn_of_loss(folder: &Path, reason: &str) {
    tracing::warn!(
        folder = %folder.display(),
        reason,
        "`store.redb` was lost, and earlier keys and revocations may be lost with it; earlier tokens of keys with \
         `revocableTokens` are refused (40141), and for 2 minutes also signed token requests (50003)"
    );
}

/// Returns the time and the number of nonces of each frame in a journal file, or the offset of the damage.
#[cfg(fuzzing)]
pub(crate) fn frames_of(file: &[u8]) -> Result<Vec<(u64, usize)>, usize> {
    let contents = frames::read(file).map_err(|damaged| damaged.at)?;
    let nonces = |entry: &frames::Entry| if let frames::Entry::Used(nonces) = entry { nonces.len() } else { 0 };
    Ok(contents.frames.iter().map(|frame| (frame.latest.as_millis(), nonces(&frame.entry))).collect())
}

struct ClosesJournal(Arc<Pairing>);

impl Drop for ClosesJournal {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Redb {
    /// Opens the folder, and creates it if it does not exist.
    ///
    /// # Errors
    /// Returns [`ErrorKind::Store`](crate::ErrorKind::Store) if the folder is not writable, if another process has it
    /// open, or if its files are damaged or have a newer format.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with(folder, StoreLimits::default())
    }

    /// Opens the folder as [`open`](Self::open) does, with these limits. Data that is already there is kept even if it
    /// exceeds them.
    ///
    /// # Errors
    /// Returns the errors of [`open`](Self::open).
    pub fn open_with(folder: impl AsRef<Path>, limits: StoreLimits) -> Result<Self, Error> {
        let folder = folder.as_ref();
        folder::create(folder)?;
        let folder_lock = folder::acquire(folder)?;
        let was_used = folder::was_used(folder)?;
        folder::create_database(folder, |new| {
            if was_used {
                warn_of_loss(folder, "it is missing");
            }
            Disk::create(new, folder, was_used)
        })?;
        let mut disk = Disk::open(&folder::database(folder)?, folder)?;
        // Create a secret only after the database was opened, which proves that no other process uses it.
        let secret = folder::secret(folder, disk.identity().commits > 0)?;
        let found = disk.load().map_err(|error| disk::open_error(folder, error))?;
        let mut is_lost = found.is_lost;
        let (journal, used) = Journal::open(folder, unknown_until(found.latest), |used| {
            if used.position.is_none() && found.latest.as_millis() > 0 {
                tracing::warn!(
                    folder = %folder.display(),
                    "`nonces` is missing; token requests that may have been exchanged before are refused (40104)"
                );
            }
            match pairing::compare(folder, disk.identity(), found.journal, used)? {
                Fit::Lost(why) if !is_lost => {
                    warn_of_loss(folder, why);
                    is_lost = true;
                }
                _ => {}
            }
            let (identity, position) =
                (joint_identity(disk.identity(), used.identity)?, used.position.unwrap_or_default());
            // The identity must be on disk before the journal is written, since the journal refers to it.
            disk.mark(identity, position, is_lost).map_err(|error| disk::open_error(folder, error))?;
            Ok(Arc::new(Pairing::new(identity, position)))
        })?;
        let pairing = journal.pairing();
        let feed = Arc::new(Feed::new());
        feed.latest(found.latest.max(used.latest.unwrap_or(found.latest)));
        feed.set_known_from(found.known_from);
        let names = found.records.iter().map(|record| record.name.clone()).collect();
        feed.publish(found.records);
        let mut references = References::new(limits);
        for (reference, app_id, claims) in found.references {
            references.restore(reference, &app_id, claims);
        }
        Ok(Self {
            nonces: Mutex::new(Nonces::restored(limits.nonces, used.nonces, used.forgotten)),
            references: Mutex::new(references),
            secret,
            used: Arc::new(Writer::start("ably-auth-nonces", journal, Arc::clone(&feed))?),
            records: Writer::start(
                "ably-auth-store",
                Records::new(disk, folder.into(), Arc::clone(&feed), names, Arc::clone(&pairing)),
                Arc::clone(&feed),
            )?,
            _closes_journal: ClosesJournal(pairing),
            is_lost: AtomicBool::new(is_lost),
            settling: Mutex::new(()),
            _folder_lock: folder_lock,
            time_written: AtomicU64::new(found.latest.as_millis()),
            feed,
        })
    }

    /// Sets, on the first request after a loss, the time from which all data is known. No token was issued after it,
    /// and no signed request with a later timestamp can have been used. The future waits until the time is on disk.
    /// Returns `None` if no loss is pending.
    fn settle_loss(&self, now: Timestamp) -> Option<impl Future<Output = Result<(), Unavailable>> + Send + use<>> {
        if !self.is_lost.load(Ordering::Acquire) {
            return None;
        }
        let _alone = lock(&self.settling);
        if !self.is_lost.load(Ordering::Acquire) {
            return None;
        }
        let known_from = window_end(self.feed.latest(now));
        self.feed.set_known_from(known_from);
        let written = self.records.put(put::Put::KnownFrom(known_from), now);
        // Store this last: a caller that sees the loss as settled must also see the time.
        self.is_lost.store(false, Ordering::Release);
        Some(async { written.await.map(drop) })
    }

    /// Queues a write of the time if the last one is long ago. Does not wait for it.
    fn record_time(&self, now: Timestamp) {
        let latest = self.feed.latest(now).as_millis();
        let before = self.time_written.load(Ordering::Relaxed);
        if latest.saturating_sub(before) >= TIME_INTERVAL_MILLIS
            && self.time_written.compare_exchange(before, latest, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            drop(self.records.put(put::Put::Moment, now));
        }
    }
}

impl Store for Redb {
    fn feed(&self) -> &Feed {
        &self.feed
    }

    fn secret(&self) -> Option<[u8; 32]> {
        Some(*self.secret)
    }

    fn catch_up(&self, now: Timestamp) -> Pending<()> {
        let settled = self.settle_loss(now);
        self.record_time(now);
        settled.map_or_else(|| Pending::ready(()), Pending::waiting)
    }

    fn use_once(&self, nonce: Option<Fingerprint>, now: Timestamp) -> Pending<Use> {
        // Record the time in the database as well: if the journal is lost, the database must tell which nonces are
        // unknown.
        let settled = self.settle_loss(now);
        self.record_time(now);
        let Some(nonce) = nonce else {
            let settled = settled.map(|settled| Pending::waiting(async { settled.await.map(|()| Use::First) }));
            return settled.unwrap_or_else(|| Pending::ready(Use::First));
        };
        if nonce.timestamp() <= self.feed.known_from() {
            return Pending::ready(Use::Unknown);
        }
        // From here on the nonce counts as used, even if it cannot be written, so that a second request at the same
        // time is refused.
        match lock(&self.nonces).use_once(nonce, now) {
            Use::First => {}
            refused => return Pending::ready(refused),
        }
        let written = self.used.put(journal::Put::Nonce(nonce), now);
        Pending::waiting(async { written.await.map(|()| Use::First) })
    }

    fn write(&self, records: Vec<Record>, seen: u64, now: Timestamp) -> Pending<Written> {
        // Do not wait: the time is written together with the records or before them.
        drop(self.settle_loss(now));
        let written = self.records.put(put::Put::Records(records, seen), now);
        Pending::waiting(written)
    }

    fn keep(&self, reference: Reference, claims: KeptClaims, now: Timestamp) -> Pending<bool> {
        let Some(bytes) = claims.to_bytes() else {
            return Pending::unavailable(Unavailable::new("cannot encode a token's claims"));
        };
        if !lock(&self.references).keep(reference, claims.app_id(), bytes.clone(), self.feed.latest(now)) {
            return Pending::ready(false);
        }
        let written = self.records.put(put::Put::Reference(reference, bytes), now);
        Pending::waiting(async { written.await.map(|_| true) })
    }

    fn kept(&self, reference: Reference) -> Pending<Option<KeptClaims>> {
        Pending::ready(references::get(&self.references, reference))
    }

    /// Sends an empty write through both threads to the disk.
    fn probe(&self, now: Timestamp) -> Pending<()> {
        drop(self.settle_loss(now));
        let recorded = self.records.put(put::Put::Records(Vec::new(), 0), now);
        let used = self.used.put(journal::Put::Probe, now);
        Pending::waiting(async {
            recorded.await?;
            used.await
        })
    }

    fn set_time(&self, now: Timestamp) -> Pending<()> {
        let (feed, before) = (Arc::clone(&self.feed), self.feed.latest_known());
        lock(&self.nonces).set_time(now);
        // Set this before the write, so that the write drops nothing because of the old time.
        feed.set_latest(now);
        self.time_written.store(now.as_millis(), Ordering::Relaxed);
        // `Put::Time` also sets the time from which all data is known.
        self.is_lost.store(false, Ordering::Release);
        let recorded = self.records.put(put::Put::Time(now), now);
        let used = Arc::clone(&self.used);
        Pending::waiting(async move {
            let written = async {
                // Write the database first, because it makes the service refuse more. The journal's write lets nonces
                // be dropped.
                recorded.await?;
                used.put(journal::Put::Time(now), now).await
            };
            match written.await {
                Ok(()) => feed.set_known_from(now),
                Err(unavailable) => {
                    feed.latest(before);
                    return Err(unavailable);
                }
            }
            Ok(())
        })
    }
}

impl fmt::Debug for Redb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redb")
    }
}
