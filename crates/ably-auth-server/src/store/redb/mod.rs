//! The store that keeps everything in a folder.

mod disk;
mod file;
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
#[cfg(test)]
mod temp_dir;
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

/// How often the time is written if there is nothing else to write.
const TIME_WRITTEN_EVERY_MILLIS: u64 = 60 * 1000;

/// Keeps everything in a folder, over restarts and crashes.
///
/// What has to last is on the disk before the request is answered: a thread writes, and all requests that came while it wrote
/// share its next write. Whatever is asked is answered from memory, so that only what changes something waits. What is over
/// is dropped a little with each write.
///
/// A folder is one process's. In it are `store.redb`, which holds keys with their secrets, `secret`, under which tokens are
/// sealed, and `nonces`, with the nonces that were used lately; on Unix only their owner may read them.
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
    /// Held while the time after a loss is set, so that only one request sets it.
    settling: Mutex<()>,
    /// Dropped last, since the threads above write until they are.
    _held: folder::Held,
    /// The time when it was last written by itself, in milliseconds since the epoch.
    remembered: AtomicU64,
}

/// What was used until then may have gone with a folder that is not there: so much later than the latest time that was written
/// it can have been at most, and so much further ahead a request's timestamp.
const fn unknown_until(written: Timestamp) -> Timestamp {
    let latest = written.as_millis().saturating_add(TIME_WRITTEN_EVERY_MILLIS);
    Timestamp::from_millis(latest.saturating_add(WINDOW_MILLIS))
}

/// Returns the new identity that links a database to a journal. Takes the journal's ID if it has one, so that a loss is
/// detected only once.
fn joint(database: Identity, journal: Identity) -> Result<Identity, Error> {
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
        "`store.redb` was lost; keys and revocations of before may be lost with it, so tokens of keys with `revocableTokens` that were \
         issued before are refused (40141), and for 2 minutes signed token requests (50003)"
    );
}

struct ClosesJournal(Arc<Pairing>);

impl Drop for ClosesJournal {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Redb {
    /// Opens the folder, and makes it if it is not there.
    ///
    /// # Errors
    /// [`ErrorKind::Store`](crate::ErrorKind::Store) if the folder cannot be written to, if another process has it open, or
    /// if what is in it is damaged or of a newer version.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with(folder, StoreLimits::default())
    }

    /// Opens the folder as [`open`](Self::open) does, with these limits. Data that is already there is kept even if it
    /// exceeds them.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(folder: impl AsRef<Path>, limits: StoreLimits) -> Result<Self, Error> {
        let folder = folder.as_ref();
        folder::prepare(folder)?;
        let held = folder::hold(folder)?;
        let was_used = folder::was_used(folder)?;
        folder::make_database(folder, |new| {
            if was_used {
                warn_of_loss(folder, "it is missing");
            }
            Disk::create(new, folder, was_used)
        })?;
        let mut disk = Disk::open(&folder::database(folder)?, folder)?;
        // Only whoever has the database may make a secret.
        let secret = folder::secret(folder, disk.identity().commits > 0)?;
        let found = disk.load().map_err(|error| disk::broken(folder, error))?;
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
            let (identity, position) = (joint(disk.identity(), used.identity)?, used.position.unwrap_or_default());
            // The identity must be on disk before the journal is written, since the journal refers to it.
            disk.mark(identity, position, is_lost).map_err(|error| disk::broken(folder, error))?;
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
            _held: held,
            remembered: AtomicU64::new(found.latest.as_millis()),
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

    /// Has the time written if that was long ago; nobody waits for it.
    fn remember(&self, now: Timestamp) {
        let latest = self.feed.latest(now).as_millis();
        let before = self.remembered.load(Ordering::Relaxed);
        if latest.saturating_sub(before) >= TIME_WRITTEN_EVERY_MILLIS
            && self.remembered.compare_exchange(before, latest, Ordering::Relaxed, Ordering::Relaxed).is_ok()
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
        self.remember(now);
        settled.map_or_else(|| Pending::ready(()), Pending::waiting)
    }

    fn use_once(&self, nonce: Option<Fingerprint>, now: Timestamp) -> Pending<Use> {
        // In the database too, which has to tell by itself what may be missing if the files of nonces do.
        let settled = self.settle_loss(now);
        self.remember(now);
        let Some(nonce) = nonce else {
            let settled = settled.map(|settled| Pending::waiting(async { settled.await.map(|()| Use::First) }));
            return settled.unwrap_or_else(|| Pending::ready(Use::First));
        };
        if nonce.timestamp() <= self.feed.known_from() {
            return Pending::ready(Use::Unknown);
        }
        // From here on it counts as used, whether it can be written or not: whoever sends it twice at once is refused.
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
            return Pending::unavailable(Unavailable::new("a token's claims cannot be written"));
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

    /// Writes nothing, by way of the threads and onto the disk.
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
        // Before it is written, since nothing is to be dropped by the time as it was.
        feed.set_latest(now);
        self.remembered.store(now.as_millis(), Ordering::Relaxed);
        // `Put::Time` also sets the time from which all data is known.
        self.is_lost.store(false, Ordering::Release);
        let recorded = self.records.put(put::Put::Time(now), now);
        let used = Arc::clone(&self.used);
        Pending::waiting(async move {
            let written = async {
                // First what refuses more, and only then what lets nonces be forgotten.
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
