//! The state that all operations of a store in Redis share, and the round trip.

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

/// For how long all that a request asks is waited for.
const TRIP_TIMEOUT: Duration = Duration::from_millis(500);

/// Clocks that are further apart than this are worth a word.
const SKEW_MILLIS: u64 = 10 * 1000;

/// How often they are.
const SKEW_TOLD_EVERY_MILLIS: u64 = 60 * 1000;

pub(super) struct Inner {
    pub(super) feed: Feed,
    pub(super) link: Link,
    pub(super) script: Script,
    pub(super) kept: Script,
    pub(super) limits: StoreLimits,
    /// What tells this service from the others.
    pub(super) name: String,
    pub(super) known: Mutex<SyncState>,
    /// Held by the one who reads everything anew.
    pub(super) rereading: Arc<tokio::sync::Mutex<()>>,
    pub(super) runtime: Handle,
    pub(super) secret: Mutex<Zeroizing<[u8; 32]>>,
    /// When it was said that the clocks differ.
    pub(super) skew_told: AtomicU64,
}

/// From where on something is asked, and by whose account.
pub(super) struct Since {
    pub(super) version: u64,
    pub(super) generation: String,
    pub(super) written: u64,
}

impl Inner {
    /// Asks, takes in what is new, and gives the outcome; all that within [`TRIP_TIMEOUT`].
    pub(super) async fn trip(
        self: &Arc<Self>,
        now: Timestamp,
        act: &str,
        args: Vec<Vec<u8>>,
    ) -> Result<String, Unavailable> {
        let late = || Unavailable::new("Redis does not tell everything in time");
        tokio::time::timeout(TRIP_TIMEOUT, self.whole_trip(now, act, args)).await.unwrap_or_else(|_| Err(late()))
    }

    /// As [`trip`](Self::trip), within whatever time it takes.
    pub(super) async fn whole_trip(
        self: &Arc<Self>,
        now: Timestamp,
        act: &str,
        args: Vec<Vec<u8>>,
    ) -> Result<String, Unavailable> {
        let since = self.since();
        let reply = self.call(now, &since, act, &args).await?;
        let outcome = reply.outcome.clone();
        if reply.reset {
            self.reread(now).await?;
        } else {
            let mut more = reply.more;
            self.take(reply, now)?;
            while more {
                let next = self.call(now, &self.since(), "look", &[]).await?;
                more = next.more;
                self.take(next, now)?;
            }
        }
        Ok(outcome)
    }

    pub(super) fn since(&self) -> Since {
        let known = lock(&self.known);
        Since { version: self.feed.version(), generation: known.generation.clone(), written: known.written }
    }

    pub(super) async fn call(
        &self,
        now: Timestamp,
        since: &Since,
        act: &str,
        args: &[Vec<u8>],
    ) -> Result<Reply, Unavailable> {
        let another = another().map_err(Unavailable::new)?;
        // On the start, no time is known yet.
        let latest = if now.as_millis() == 0 { now } else { self.feed.latest(now) };
        let told = lock(&self.known).latest;
        let mut call = self.script.prepare_invoke();
        for name in ["state", "records", "log", "expiries", "nonces", "secret"] {
            call.key(format!("{PREFIX}{name}"));
        }
        call.arg(now.as_millis()).arg(since.version).arg(&since.generation).arg(another).arg(WINDOW_MILLIS);
        call.arg(latest.as_millis()).arg(act).arg(&self.name).arg(since.written).arg(told.as_millis());
        let ask = |mut connection, server: Arc<Server>| async move {
            call.arg(&server.run).arg(u8::from(server.loses_nothing));
            for arg in args {
                call.arg(arg.as_slice());
            }
            call.invoke_async::<Reply>(&mut connection).await
        };
        self.link.ask(ask).await
    }

    /// What came in answer to a question of this generation.
    pub(super) fn take(&self, reply: Reply, now: Timestamp) -> Result<(), Unavailable> {
        let mut known = lock(&self.known);
        if reply.reset || known.generation != reply.generation {
            return Err(Unavailable::new("Redis was emptied while it was asked"));
        }
        self.see(&mut known, &reply, now);
        for new in &reply.news {
            known.note(new.clone());
        }
        self.feed.receive(reply.news.into_iter().map(|new| new.record).collect(), reply.up_to);
        Ok(())
    }

    pub(super) fn see(&self, known: &mut SyncState, reply: &Reply, now: Timestamp) {
        known.written = known.written.max(reply.written);
        known.latest = known.latest.max(reply.latest);
        self.feed.latest(reply.latest);
        self.feed.set_known_from(reply.known_from.max(self.feed.known_from()));
        let (skew, now) = (reply.latest.millis_since(now), now.as_millis());
        let is_told = now.saturating_sub(self.skew_told.load(Ordering::Relaxed)) < SKEW_TOLD_EVERY_MILLIS;
        if skew > SKEW_MILLIS && now > 0 && !is_told {
            self.skew_told.store(now, Ordering::Relaxed);
            tracing::warn!(
                millis = skew,
                "this clock is behind what another service, or this one before, took the time for"
            );
        }
    }

    /// Puts the secret back, should it be lost. If a service that started meanwhile has made another, gives that.
    pub(super) async fn put_secret_back(&self) -> Result<Option<Secret>, Unavailable> {
        let own = lock(&self.secret).clone();
        let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(*own));
        let put = |mut connection, _| async move {
            let key = format!("{PREFIX}secret");
            redis::cmd("SETNX").arg(&key).arg(text.as_str()).query_async::<bool>(&mut connection).await?;
            redis::cmd("GET").arg(&key).query_async::<String>(&mut connection).await
        };
        let there =
            secret::read(self.link.ask(put).await?).ok_or_else(|| Unavailable::new("the secret cannot be read"))?;
        Ok((there != own).then_some(there))
    }

    /// For the others, who take the tokens on that were sealed under this service's secret until now.
    pub(super) fn earlier_secret(&self) -> Record {
        let expires = lock(&self.known).latest.saturating_add(Ttl::MAX);
        let own = lock(&self.secret);
        // The same name from all who had it.
        let tag = URL_SAFE_NO_PAD.encode(Sha256::digest(**own));
        Record {
            name: format!("{EARLIER_SECRET_PREFIX}{tag}").into(),
            value: Some(Zeroizing::new(own.to_vec())),
            expires: Some(expires),
        }
    }

    /// Goes by that secret from now on; gives what the service is told of it.
    pub(super) fn adopt(&self, secret: Secret) -> Record {
        tracing::warn!("another service has made another secret while Redis was empty; tokens of either are taken");
        let value = Some(Zeroizing::new(secret.to_vec()));
        *lock(&self.secret) = secret;
        Record { name: SECRET.into(), value, expires: None }
    }
}

/// Four arguments.
pub(super) fn fields(Record { name, value, expires }: &Record) -> [Vec<u8>; 4] {
    let there: &[u8] = if value.is_some() { b"1" } else { b"0" };
    let value = value.as_ref().map(|value| value.to_vec()).unwrap_or_default();
    let expires = expires.map(|expires| expires.as_millis().to_string()).unwrap_or_default();
    [name.as_bytes().to_vec(), there.to_vec(), value, expires.into_bytes()]
}

/// A name that nothing has.
pub(super) fn another() -> Result<String, Error> {
    Ok(URL_SAFE_NO_PAD.encode(random::bytes::<12>()?))
}
