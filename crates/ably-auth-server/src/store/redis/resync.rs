//! The full resync, for when Redis holds other data than this service has seen.

use std::sync::Arc;

use ably_auth_core::Timestamp;

use super::inner::{Inner, Since, fields};
use super::reply::Versioned;
use super::secret::Secret;
use crate::store::{Record, Unavailable};
use crate::sync::lock;

/// The maximum number of records in one request.
const MAX_RECORDS: usize = 200;

impl Inner {
    /// Reads all records, because Redis has another generation of the data, or has dropped changes that this service
    /// had not read.
    ///
    /// The resync runs in its own task, so that it completes even if the caller is dropped.
    pub(super) async fn resync(self: &Arc<Self>, now: Timestamp) -> Result<(), Unavailable> {
        let guard = Arc::clone(&self.resync_lock).lock_owned().await;
        let inner = Arc::clone(self);
        let reading = self.runtime.spawn(async move {
            let _guard = guard;
            inner.resync_now(now).await
        });
        reading
            .await
            .unwrap_or_else(|_| Err(Unavailable::new("the runtime on which the store was connected has ended")))
    }

    /// Resyncs. If Redis has lost data, first writes back the records that this service has and Redis does not, or has
    /// in an earlier version.
    async fn resync_now(&self, now: Timestamp) -> Result<(), Unavailable> {
        let mut since = self.since();
        let mut reply = self.call(now, &since, "look", &[]).await?;
        if !reply.reset {
            return self.apply(reply, now);
        }
        let before = std::mem::replace(&mut since.generation, reply.generation.clone());
        (since.version, since.written) = (0, 0);
        let mut secret = None;
        if !before.is_empty() && before != since.generation {
            tracing::warn!("Redis has lost data; writing back the records of this service");
            secret = self.restore(now, &mut since).await?;
        }
        let mut records = Vec::new();
        loop {
            reply = self.call(now, &since, "read", &[]).await?;
            if reply.reset {
                return Err(Unavailable::new("Redis lost its data during a resync"));
            }
            since.version = reply.up_to;
            records.append(&mut reply.new_records);
            if !reply.more {
                break;
            }
        }
        // An app must come before its keys.
        records.sort_by(|one, other| one.record.name.cmp(&other.record.name));
        let mut state = lock(&self.sync_state);
        let deleted = state
            .missing_from(&records)
            .into_iter()
            .map(|name| Versioned { record: Record { name, value: None, expires: None }, version: since.version });
        records.extend(deleted.collect::<Vec<_>>());
        if state.generation != since.generation {
            (state.generation, state.written) = (since.generation, since.written);
        }
        self.update_times(&mut state, &reply, now);
        records.iter().for_each(|new| state.note(new.clone()));
        let records = records.into_iter().map(|new| new.record).chain(secret.map(|secret| self.adopt(secret)));
        self.feed.receive(records.collect(), since.version);
        Ok(())
    }

    /// Writes records back. Returns the new secret if another service has created one.
    async fn restore(&self, now: Timestamp, since: &mut Since) -> Result<Option<Secret>, Unavailable> {
        let mut records = lock(&self.sync_state).to_restore();
        let secret = self.restore_secret().await?;
        if secret.is_some() {
            records.push(Versioned { record: self.earlier_secret(), version: 1 });
        }
        for records in records.chunks(MAX_RECORDS) {
            let args = records.iter().flat_map(|record| {
                let version = record.version.to_string().into_bytes();
                fields(&record.record).into_iter().chain([version])
            });
            let reply = self.call(now, since, "restore", &args.collect::<Vec<_>>()).await?;
            since.written = since.written.max(reply.written);
        }
        Ok(secret)
    }
}
