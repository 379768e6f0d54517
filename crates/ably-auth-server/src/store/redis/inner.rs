//! The state that all operations of a Redis store share, and the round trip.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ably_auth_core::{Timestamp, Ttl};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use redis::Script;
use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;
use zeroize::Zeroizing;

use super::link::{Link, PREFIX, Server};
use super::reply::Reply;
use super::secret::{self, Secret};
use super::sync_state::SyncState;
use crate::error::Error;
use crate::random;
use crate::store::spans::WINDOW_MILLIS;
use crate::store::{EARLIER_SECRET_PREFIX, Feed, Record, SECRET, StoreLimits, Unavailable};
use crate::sync::lock;

/// The timeout for all round trips of one request.
const REQUEST_TIMEOUT: Duration = Duration::from_millis(500);

/// Clock skew above this is logged, in milliseconds.
const SKEW_MILLIS: u64 = 10 * 1000;

/// The minimum interval between these logs, in milliseconds.
const SKEW_LOG_INTERVAL_MILLIS: u64 = 60 * 1000;

pub(super) struct Inner {
    pub(super) feed: Feed,
    pub(super) link: Link,
    pub(super) script: Script,
    pub(super) keep_script: Script,
    pub(super) limits: StoreLimits,
    /// The unique name of this service.
    pub(super) name: String,
    pub(super) sync_state: Mutex<SyncState>,
    /// Serialises full resyncs.
    pub(super) resync_lock: Arc<tokio::sync::Mutex<()>>,
    pub(super) runtime: Handle,
    pub(super) secret: Mutex<Zeroizing<[u8; 32]>>,
    /// The time at which clock skew was last logged, in milliseconds since the epoch.
    pub(super) skew_logged: AtomicU64,
}

/// The position of this service in the change log, which it sends with each call.
pub(super) struct Since {
    pub(super) version: u64,
    pub(super) generation: String,
    pub(super) written: u64,
}

impl Inner {
    /// Sends a request, applies new records, and returns the outcome. All of this must finish within
    /// [`REQUEST_TIMEOUT`].
    pub(super) async fn round_trip(
        self: &Arc<Self>,
        now: Timestamp,
        act: &str,
        args: Vec<Vec<u8>>,
    ) -> Result<String, Unavailable> {
        let late = || Unavailable::new("Redis did not send all changes in time");
        tokio::time::timeout(REQUEST_TIMEOUT, self.untimed_round_trip(now, act, args))
            .await
            .unwrap_or_else(|_| Err(late()))
    }

    /// Does the same as [`round_trip`](Self::round_trip), without a timeout.
    pub(super) async fn untimed_round_trip(
        self: &Arc<Self>,
        now: Timestamp,
        act: &str,
        args: Vec<Vec<u8>>,
    ) -> Result<String, Unavailable> {
        let since = self.since();
        let reply = self.call(now, &since, act, &args).await?;
        let outcome = reply.outcome.clone();
        if reply.reset {
            self.resync(now).await?;
        } else {
            let mut more = reply.more;
            self.apply(reply, now)?;
            while more {
                let next = self.call(now, &self.since(), "look", &[]).await?;
                more = next.more;
                self.apply(next, now)?;
            }
        }
        Ok(outcome)
    }

    pub(super) fn since(&self) -> Since {
        let state = lock(&self.sync_state);
        Since { version: self.feed.version(), generation: state.generation.clone(), written: state.written }
    }

    pub(super) async fn call(
        &self,
        now: Timestamp,
        since: &Since,
        act: &str,
        args: &[Vec<u8>],
    ) -> Result<Reply, Unavailable> {
        let new_generation = random_name().map_err(Unavailable::new)?;
        // At the start, the latest time is unknown.
        let latest = if now.as_millis() == 0 { now } else { self.feed.latest(now) };
        let latest_seen = lock(&self.sync_state).latest;
        let mut call = self.script.prepare_invoke();
        for name in ["state", "records", "log", "expiries", "nonces", "secret"] {
            call.key(format!("{PREFIX}{name}"));
        }
        call.arg(now.as_millis()).arg(since.version).arg(&since.generation).arg(new_generation).arg(WINDOW_MILLIS);
        call.arg(latest.as_millis()).arg(act).arg(&self.name).arg(since.written).arg(latest_seen.as_millis());
        let ask = |mut connection, server: Arc<Server>| async move {
            call.arg(&server.run).arg(u8::from(server.is_durable));
            for arg in args {
                call.arg(arg.as_slice());
            }
            call.invoke_async::<Reply>(&mut connection).await
        };
        self.link.ask(ask).await
    }

    /// Applies a reply that belongs to the current generation.
    pub(super) fn apply(&self, reply: Reply, now: Timestamp) -> Result<(), Unavailable> {
        let mut state = lock(&self.sync_state);
        if reply.reset || state.generation != reply.generation {
            return Err(Unavailable::new("Redis lost its data during a request"));
        }
        self.update_times(&mut state, &reply, now);
        for new in &reply.new_records {
            state.note(new.clone());
        }
        self.feed.receive(reply.new_records.into_iter().map(|new| new.record).collect(), reply.up_to);
        Ok(())
    }

    pub(super) fn update_times(&self, state: &mut SyncState, reply: &Reply, now: Timestamp) {
        state.written = state.written.max(reply.written);
        state.latest = state.latest.max(reply.latest);
        self.feed.latest(reply.latest);
        self.feed.set_known_from(reply.known_from.max(self.feed.known_from()));
        let (skew, now) = (reply.latest.millis_since(now), now.as_millis());
        let is_logged = now.saturating_sub(self.skew_logged.load(Ordering::Relaxed)) < SKEW_LOG_INTERVAL_MILLIS;
        if skew > SKEW_MILLIS && now > 0 && !is_logged {
            self.skew_logged.store(now, Ordering::Relaxed);
            tracing::warn!(
                millis = skew,
                "this clock is behind the latest time in Redis; synchronize the clocks of the services"
            );
        }
    }

    /// Writes the secret back if Redis lost it. If another service has created a different one, returns that.
    pub(super) async fn restore_secret(&self) -> Result<Option<Secret>, Unavailable> {
        let own = lock(&self.secret).clone();
        let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(*own));
        let put = |mut connection, _| async move {
            let key = format!("{PREFIX}secret");
            redis::cmd("SETNX").arg(&key).arg(text.as_str()).query_async::<bool>(&mut connection).await?;
            redis::cmd("GET").arg(&key).query_async::<String>(&mut connection).await
        };
        let there = secret::read(self.link.ask(put).await?)
            .ok_or_else(|| Unavailable::new("the secret in Redis is malformed"))?;
        Ok((there != own).then_some(there))
    }

    /// Returns the record by which other services accept tokens that were sealed with this service's secret.
    pub(super) fn earlier_secret(&self) -> Record {
        let expires = lock(&self.sync_state).latest.saturating_add(Ttl::MAX);
        let own = lock(&self.secret);
        // All services that had the secret use the same name.
        let tag = URL_SAFE_NO_PAD.encode(Sha256::digest(**own));
        Record {
            name: format!("{EARLIER_SECRET_PREFIX}{tag}").into(),
            value: Some(Zeroizing::new(own.to_vec())),
            expires: Some(expires),
        }
    }

    /// Replaces the secret and returns the record for the feed.
    pub(super) fn adopt(&self, secret: Secret) -> Record {
        tracing::warn!("another service created a new secret while Redis was empty; tokens of both are accepted");
        let value = Some(Zeroizing::new(secret.to_vec()));
        *lock(&self.secret) = secret;
        Record { name: SECRET.into(), value, expires: None }
    }
}

/// Encodes a record as four arguments of the script.
pub(super) fn fields(Record { name, value, expires }: &Record) -> [Vec<u8>; 4] {
    let there: &[u8] = if value.is_some() { b"1" } else { b"0" };
    let value = value.as_ref().map(|value| value.to_vec()).unwrap_or_default();
    let expires = expires.map(|expires| expires.as_millis().to_string()).unwrap_or_default();
    [name.as_bytes().to_vec(), there.to_vec(), value, expires.into_bytes()]
}

/// Returns a unique name.
pub(super) fn random_name() -> Result<String, Error> {
    Ok(URL_SAFE_NO_PAD.encode(random::bytes::<12>()?))
}
