//! The store in Redis, which several services share.

mod batching;
mod byte_queue;
mod connect;
mod inner;
mod link;
mod reference_tokens;
mod relay;
mod reply;
mod resync;
mod secret;
mod sync_state;

use std::fmt;
use std::mem;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use ably_auth_core::Timestamp;
use redis::{Client, Script, TlsCertificates};
use tokio::runtime::Handle;
use tokio_rustls::rustls::crypto::{self, CryptoProvider};

use super::{
    Feed, Fingerprint, KeptClaims, Pending, Record, Reference, Relay, Store, StoreLimits, Unavailable, Use, Written,
};
use crate::error::{Error, ErrorKind};
use crate::sync::lock;
use batching::{Batcher, Request};
use inner::{Inner, fields, random_name};
use link::{Link, Server};
use relay::RedisRelay;
use sync_state::SyncState;

/// A store in Redis or Valkey that several services share.
///
/// - **Each request takes one round trip.** For a token request, it marks the nonce as used. For a token, it reads all
///   earlier changes and revocations of other services. Requests that arrive during a round trip share the next one. A
///   token by reference takes one more round trip.
/// - **Requests are refused while Redis is unavailable.** If Redis does not respond within half a second, is full, or
///   fails, requests get 50003. A request that has to wait for its batch gets this within a second. A broken connection
///   is reopened automatically.
/// - **Data loss is detected and remembered.** If Redis comes back empty or with less data, the services write back what
///   they have in memory. They then refuse token requests with a timestamp of up to two minutes later, and earlier
///   tokens of keys with revocable tokens, which clients renew. The same applies after a failover, and after a restart
///   of Redis without `appendfsync always`, because both may lose data. It also applies to an empty Redis on the first
///   start, unless the option [`is_new`](RedisOptions::is_new) is set.
/// - **Realtime events are relayed** between the services over Redis pub/sub, on two more connections of each service.
///   The relay is best effort; no request waits for it.
/// - **Replicas are not used**, including a primary that becomes one.
/// - **The clock of the Redis machine is not used.** The clocks of the services may differ; the latest applies.
///
/// Use a Redis that does not evict keys (`maxmemory-policy noeviction`) and that writes to its disk (`appendfsync
/// always`) if the data must survive a restart of Redis. Redis holds the keys that were created at run time. It also
/// holds the secret that seals tokens, unless the services have their own
/// [secret](crate::ServiceBuilder::service_secret). So give nobody else access.
///
/// ```no_run
/// use ably_auth_server::{Apps, Service, store::Redis};
///
/// # async fn run(apps: Apps) -> Result<(), ably_auth_server::Error> {
/// let store = Redis::connect("rediss://service:password@redis.example.com").await?;
/// let service = Service::builder().apps(apps).store(store).build()?;
/// # Ok(())
/// # }
/// ```
pub struct Redis {
    inner: Arc<Inner>,
    batcher: Batcher,
    relay: Arc<RedisRelay>,
}

/// The options of a [`Redis`] store.
///
/// ```no_run
/// use ably_auth_server::store::{Redis, RedisOptions};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let mut options = RedisOptions::default();
/// options.roots_pem = Some(std::fs::read("redis-ca.pem")?);
/// let store = Redis::connect_with("rediss://redis.internal", options).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisOptions {
    /// Declares that Redis is empty because it is new, so that token requests are accepted at once. False by default.
    /// Set it only for the first start: it hides a loss of all data while no service runs.
    pub is_new: bool,
    /// The root certificates for `rediss://` URLs, as PEM. Mozilla's roots by default.
    pub roots_pem: Option<Vec<u8>>,
    /// The limits of what Redis holds. Give the same limits to all services that share it.
    pub limits: StoreLimits,
}

/// The first line of each certificate in a PEM file.
const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// Returns a client that has not connected yet. Errors never contain the URL, since it may hold a password.
fn client(url: &str, options: &RedisOptions) -> Result<Client, Error> {
    if url.starts_with("rediss:") && CryptoProvider::get_default().is_none() {
        // rustls selects no provider by itself if several are compiled in.
        let _ = crypto::ring::default_provider().install_default();
    }
    let client = match &options.roots_pem {
        Some(roots) => {
            Client::build_with_tls(url, TlsCertificates { client_tls: None, root_cert: Some(roots.clone()) })
        }
        None => Client::open(url),
    };
    // A PEM file without a certificate would be accepted as an empty set of roots.
    let has_roots = |pem: &Vec<u8>| pem.windows(CERTIFICATE.len()).any(|text| text == CERTIFICATE);
    let client = client.ok().filter(|_| options.roots_pem.as_ref().is_none_or(has_roots));
    client.ok_or_else(|| {
        let message = if options.roots_pem.is_some() {
            "invalid Redis TLS options: they need a `rediss://` URL and PEM certificates as roots; give both"
        } else {
            "invalid Redis URL: unknown scheme or malformed address; use `redis://host:port` or `rediss://host:port`"
        };
        Error::new(ErrorKind::Store, message)
    })
}

impl Redis {
    /// Validates a URL and the options, without connecting.
    ///
    /// ```
    /// use ably_auth_server::store::{Redis, RedisOptions};
    ///
    /// assert!(Redis::check("rediss://redis.example.com:6380", &RedisOptions::default()).is_ok());
    /// assert!(Redis::check("http://redis.example.com", &RedisOptions::default()).is_err());
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Store`] if the URL is malformed, or if roots are given that are not PEM certificates or not for a
    /// `rediss://` URL.
    pub fn check(url: &str, options: &RedisOptions) -> Result<(), Error> {
        client(url, options).map(drop)
    }

    /// Connects to `redis://[user][:password@]host[:port][/database]`, or to `rediss://` for TLS. Call this on a tokio
    /// runtime with I/O and time, which the store continues to use.
    ///
    /// # Errors
    /// Returns [`ErrorKind::Store`] if the URL is malformed, if Redis does not respond or refuses access, if it is a
    /// replica or evicts keys, or if its data has another format. The message does not contain the URL, which may
    /// contain a password.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Self::connect_with(url, RedisOptions::default()).await
    }

    /// Connects as [`connect`](Self::connect) does, with options.
    ///
    /// # Errors
    /// Returns the errors of [`connect`](Self::connect), and an error if the roots are not certificates.
    pub async fn connect_with(url: &str, options: RedisOptions) -> Result<Self, Error> {
        let client = client(url, &options)?;
        let RedisOptions { is_new, limits, .. } = options;
        let relay = Arc::new(RedisRelay::new(client.clone(), Handle::current()));
        let (link, server) = Link::new(client).await?;
        check(&server)?;
        let secret = secret::load_or_create(&link).await?;
        let inner = Arc::new(Inner {
            feed: Feed::new(),
            link,
            script: Script::new(include_str!("store.lua")),
            keep_script: Script::new(include_str!("kept.lua")),
            limits,
            name: random_name()?,
            sync_state: Mutex::new(SyncState::new()),
            resync_lock: Arc::default(),
            runtime: Handle::current(),
            secret: Mutex::new(secret),
            skew_logged: AtomicU64::new(0),
        });
        let act = if is_new { "found" } else { "peek" };
        // Read all data without a timeout: no request is waiting yet.
        let outcome = inner.untimed_round_trip(Timestamp::from_millis(0), act, Vec::new()).await.map_err(|unavailable| {
            let message = format!(
                "cannot use this Redis: {}; check that it is a Redis or Valkey, and that all services have the same \
                 version",
                unavailable.0
            );
            Error::new(ErrorKind::Store, message)
        })?;
        if act == "found" && outcome != "new" {
            tracing::warn!("Redis is declared new but holds data; remove the option, since it can hide a loss");
        }
        let shared = Arc::clone(&inner);
        let batcher = Batcher::start(move |now, act, nonces| {
            let inner = Arc::clone(&shared);
            async move { inner.round_trip(now, act, nonces).await }
        });
        Ok(Self { inner, batcher, relay })
    }
}

/// Reads the bytes of a reply of the script: the outcome, and the new records with their sequence numbers.
#[cfg(fuzzing)]
pub(crate) fn reply_of(bytes: &[u8]) -> Option<(String, Vec<(Record, u64)>)> {
    let reply: reply::Reply = redis::from_redis_value(redis::parse_redis_value(bytes).ok()?).ok()?;
    Some((reply.outcome, reply.new_records.into_iter().map(|new| (new.record, new.version)).collect()))
}

/// Refuses a Redis that evicts keys, and a replica.
fn check(server: &Server) -> Result<(), Error> {
    if let Some(policy) = &server.evicts {
        let message = format!(
            "invalid Redis: it evicts keys (`maxmemory-policy {policy}`), and could lose revocations; set \
             `noeviction`"
        );
        return Err(Error::new(ErrorKind::Store, message));
    }
    if server.is_replica {
        let message = "this Redis is a replica and refuses writes; use the host and port of the primary";
        return Err(Error::new(ErrorKind::Store, message));
    }
    if !server.writes_to_disk {
        tracing::warn!("Redis does not write to its disk; set appendonly to yes and appendfsync to always");
    } else if !server.is_durable {
        tracing::warn!("Redis may lose the last second of data when it restarts; set appendfsync to always");
    }
    Ok(())
}

impl Store for Redis {
    fn feed(&self) -> &Feed {
        &self.inner.feed
    }

    fn secret(&self) -> Option<[u8; 32]> {
        Some(**lock(&self.inner.secret))
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn relay(&self) -> Option<Arc<dyn Relay>> {
        let relay: Arc<dyn Relay> = self.relay.clone();
        Some(relay)
    }

    fn catch_up(&self, now: Timestamp) -> Pending<()> {
        let answer = self.batcher.ask(Request::CatchUp, now);
        Pending::waiting(async { answer.await.map(drop) })
    }

    fn use_once(&self, nonce: Option<Fingerprint>, now: Timestamp) -> Pending<Use> {
        Pending::waiting(self.batcher.ask(nonce.map_or(Request::RecordTime, Request::Use), now))
    }

    fn write(&self, records: Vec<Record>, seen: u64, now: Timestamp) -> Pending<Written> {
        let mut args = vec![seen.to_string().into_bytes()];
        args.extend(records.iter().flat_map(fields));
        let inner = Arc::clone(&self.inner);
        Pending::waiting(async move {
            match inner.round_trip(now, "write", args).await?.as_str() {
                "done" => Ok(Written::Done),
                "outdated" => Ok(Written::Outdated),
                _ => Err(Unavailable::new(reply::MALFORMED)),
            }
        })
    }

    fn keep(&self, reference: Reference, claims: KeptClaims, now: Timestamp) -> Pending<bool> {
        let Some(bytes) = claims.to_bytes() else {
            return Pending::unavailable(Unavailable::new("cannot encode a token's claims"));
        };
        let (inner, latest) = (Arc::clone(&self.inner), self.inner.feed.latest(now));
        let app_id = claims.app_id().to_owned();
        Pending::waiting(async move { inner.keep(reference, &app_id, &bytes, latest).await })
    }

    fn kept(&self, reference: Reference) -> Pending<Option<KeptClaims>> {
        let inner = Arc::clone(&self.inner);
        Pending::waiting(async move { inner.kept(reference).await })
    }

    fn set_time(&self, now: Timestamp) -> Pending<()> {
        let inner = Arc::clone(&self.inner);
        Pending::waiting(async move {
            // Both may come from the wrong clock. The reply sets them again.
            let (latest, known_from) = (inner.feed.latest_known(), inner.feed.known_from());
            let before = mem::replace(&mut lock(&inner.sync_state).latest, now);
            inner.feed.set_latest(now);
            inner.feed.set_known_from(Timestamp::from_millis(0));
            let set = inner.round_trip(now, "time", Vec::new()).await;
            if set.is_err() {
                inner.feed.latest(latest);
                inner.feed.set_known_from(known_from);
                lock(&inner.sync_state).latest = before;
            }
            set.map(drop)
        })
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redis")
    }
}
