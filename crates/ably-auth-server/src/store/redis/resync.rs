//! What is done once Redis turns out to hold something else than what this service knows.

use std::sync::Arc;

use ably_auth_core::Timestamp;

use super::inner::{Inner, Since, fields};
use super::reply::Versioned;
use super::secret::Secret;
use crate::store::{Record, Unavailable};
use crate::sync::lock;

/// The most records in one request.
const MAX_RECORDS: usize = 200;

impl Inner {
    /// Reads everything anew, since Redis has another generation of it, or has dropped what this service had not read.
    ///
    /// Whoever waits may give up; the reading goes on, so that the next one finds it done.
    pub(super) async fn reread(self: &Arc<Self>, now: Timestamp) -> Result<(), Unavailable> {
        let alone = Arc::clone(&self.rereading).lock_owned().await;
        let inner = Arc::clone(self);
        let reading = self.runtime.spawn(async move {
            let _alone = alone;
            inner.read_all(now).await
        });
        reading.await.unwrap_or_else(|_| Err(Unavailable::new("the runtime on which Redis was connected to has ended")))
    }

    /// What this service knows and Redis does not, or only as it was before, is written back.
    async fn read_all(&self, now: Timestamp) -> Result<(), Unavailable> {
        let mut since = self.since();
        let mut reply = self.call(now, &since, "look", &[]).await?;
        if !reply.reset {
            return self.take(reply, now);
        }
        let before = std::mem::replace(&mut since.generation, reply.generation.clone());
        (since.version, since.written) = (0, 0);
        let mut secret = None;
        if !before.is_empty() && before != since.generation {
            tracing::warn!("Redis has lost something; what this service knows is written back");
            secret = self.restore(now, &mut since).await?;
        }
        let mut records = Vec::new();
        loop {
            reply = self.call(now, &since, "read", &[]).await?;
            if reply.reset {
                return Err(Unavailable::new("Redis was emptied while it was read"));
            }
            since.version = reply.up_to;
            records.append(&mut reply.news);
            if !reply.more {
                break;
            }
        }
        // Apps before the keys that are theirs.
        records.sort_by(|one, other| one.record.name.cmp(&other.record.name));
        let mut known = lock(&self.known);
        let gone = known
            .missing_from(&records)
            .into_iter()
            .map(|name| Versioned { record: Record { name, value: None, expires: None }, version: since.version });
        records.extend(gone.collect::<Vec<_>>());
        if known.generation != since.generation {
            (known.generation, known.written) = (since.generation, since.written);
        }
        self.see(&mut known, &reply, now);
        records.iter().for_each(|new| known.note(new.clone()));
        let records = records.into_iter().map(|new| new.record).chain(secret.map(|secret| self.adopt(secret)));
        self.feed.receive(records.collect(), since.version);
        Ok(())
    }

    /// Gives the secret from now on, if it is another.
    async fn restore(&self, now: Timestamp, since: &mut Since) -> Result<Option<Secret>, Unavailable> {
        let mut records = lock(&self.known).to_restore();
        let secret = self.put_secret_back().await?;
        if secret.is_some() {
            records.push(Versioned { record: self.earlier_secret(), version: 1 });
        }
        for records in records.chunks(MAX_RECORDS) {
            let args = records.iter().flat_map(|known| {
                let version = known.version.to_string().into_bytes();
                fields(&known.record).into_iter().chain([version])
            });
            let reply = self.call(now, since, "restore", &args.collect::<Vec<_>>()).await?;
            since.written = since.written.max(reply.written);
        }
        Ok(secret)
    }
}
