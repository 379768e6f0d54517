//! The store that several services share.

mod batching;
mod inner;
mod link;
mod reference_tokens;
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

use super::{Feed, Fingerprint, KeptClaims, Pending, Record, Reference, Store, StoreLimits, Unavailable, Use, Written};
use crate::error::{Error, ErrorKind};
use crate::sync::lock;
use batching::{Act, Batcher};
use inner::{Inner, another, fields};
use link::{Link, Server};
use sync_state::SyncState;

/// Keeps everything in a Redis or Valkey, which several services share: what one of them knows, all know.
///
/// - **Each token request takes one round trip**, in which its nonce is used, and so does each look at a token: whatever
///   another service revoked or changed before is known when it is decided. All that come while one is under way share the
///   next. A token by reference takes one more.
/// - **Nothing is guessed.** If Redis does not answer within half a second, is full, or fails, requests are refused with
///   50003 until it is back: within a second, for one that had to wait for its turn. A connection that breaks is made again
///   by itself.
/// - **What was lost is not forgotten that it was lost.** If Redis comes back empty, or with less than it had, the services
///   write back what they know, take no token request with a timestamp of up to two minutes later, and no token of before
///   of a key whose tokens are revocable: clients renew those. So it is after a failover, and when Redis was started again
///   without `appendfsync always`, since it may have lost something then. An empty Redis on the first start is no different,
///   unless it is [said to be new](RedisOptions::is_new).
/// - **A replica is not asked**, nor a primary that has become one.
/// - **No clock of Redis' machine matters**, and those of the services may differ: all go by the latest.
///
/// Give it a Redis that evicts nothing (`maxmemory-policy noeviction`), and that writes to its disk (`appendfsync always`)
/// if what it knows shall outlive it. It holds the keys that were made at run time and, unless the services are given a
/// [secret](crate::ServiceBuilder::service_secret) of their own, the one under which tokens are sealed: let nobody else in.
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
}

/// What there is to say of a [`Redis`].
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
    /// If there is nothing in Redis, that is because there never was: token requests are taken at once. Not so, unless said.
    /// Say so once only: if Redis loses everything while no service runs, this is what hides it.
    pub is_new: bool,
    /// With `rediss://`: the certificates to trust it by, as PEM. Mozilla's roots unless said so.
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

    /// Connects to `redis://[user][:password@]host[:port][/database]`, or `rediss://` for TLS. To be called on a tokio
    /// runtime with I/O and time, which the store goes on to use.
    ///
    /// # Errors
    /// [`ErrorKind::Store`] if the URL is not in the form of one, if Redis does not answer or lets nobody in, if it is a
    /// replica or evicts keys, or if another version wrote what it holds. The message does not show the URL, which may hold
    /// a password.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Self::connect_with(url, RedisOptions::default()).await
    }

    /// As [`connect`](Self::connect), told more of this Redis.
    ///
    /// # Errors
    /// As [`connect`](Self::connect); or if the roots are no certificates.
    pub async fn connect_with(url: &str, options: RedisOptions) -> Result<Self, Error> {
        let client = client(url, &options)?;
        let RedisOptions { is_new, limits, .. } = options;
        let (link, server) = Link::new(client).await?;
        check(&server)?;
        let secret = secret::agree(&link).await?;
        let inner = Arc::new(Inner {
            feed: Feed::new(),
            link,
            script: Script::new(include_str!("store.lua")),
            kept: Script::new(include_str!("kept.lua")),
            limits,
            name: another()?,
            known: Mutex::new(SyncState::new()),
            rereading: Arc::default(),
            runtime: Handle::current(),
            secret: Mutex::new(secret),
            skew_told: AtomicU64::new(0),
        });
        let act = if is_new { "found" } else { "peek" };
        // All that is there is read, however long it takes: nobody waits for an answer yet.
        let outcome = inner.whole_trip(Timestamp::from_millis(0), act, Vec::new()).await.map_err(|unavailable| {
            let message = format!(
                "Redis does not do what the store needs ({}); see that it is one, and that the same version of the service \
                 used it",
                unavailable.0
            );
            Error::new(ErrorKind::Store, message)
        })?;
        if act == "found" && outcome != "new" {
            tracing::warn!("Redis is said to be new, and is not; say so no more, or a loss may go unnoticed");
        }
        let asked = Arc::clone(&inner);
        let batcher = Batcher::start(move |now, act, nonces| {
            let inner = Arc::clone(&asked);
            async move { inner.trip(now, act, nonces).await }
        });
        Ok(Self { inner, batcher })
    }
}

/// Refuses a Redis that forgets by itself, and one that only looks on.
fn check(server: &Server) -> Result<(), Error> {
    if let Some(policy) = &server.evicts {
        let message = format!(
            "Redis drops keys by itself (`maxmemory-policy {policy}`), and so would forget what was revoked; set it to \
             `noeviction`"
        );
        return Err(Error::new(ErrorKind::Store, message));
    }
    if server.is_replica {
        let message = "this Redis is a replica, to which nothing can be written; give the primary's host and port";
        return Err(Error::new(ErrorKind::Store, message));
    }
    if !server.writes_to_disk {
        tracing::warn!(
            "Redis does not write what it is told to its disk; set appendonly to yes and appendfsync to always"
        );
    } else if !server.loses_nothing {
        tracing::warn!("Redis may lose its last second when it is started again; set appendfsync to always");
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

    fn catch_up(&self, now: Timestamp) -> Pending<()> {
        let answer = self.batcher.ask(Act::Look, now);
        Pending::waiting(async { answer.await.map(drop) })
    }

    fn use_once(&self, nonce: Option<Fingerprint>, now: Timestamp) -> Pending<Use> {
        Pending::waiting(self.batcher.ask(nonce.map_or(Act::Touch, Act::Use), now))
    }

    fn write(&self, records: Vec<Record>, seen: u64, now: Timestamp) -> Pending<Written> {
        let mut args = vec![seen.to_string().into_bytes()];
        args.extend(records.iter().flat_map(fields));
        let inner = Arc::clone(&self.inner);
        Pending::waiting(async move {
            match inner.trip(now, "write", args).await?.as_str() {
                "done" => Ok(Written::Done),
                "outdated" => Ok(Written::Outdated),
                _ => Err(Unavailable::new(reply::MALFORMED)),
            }
        })
    }

    fn keep(&self, reference: Reference, claims: KeptClaims, now: Timestamp) -> Pending<bool> {
        let Some(bytes) = claims.to_bytes() else {
            return Pending::unavailable(Unavailable::new("a token's claims cannot be written"));
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
            // All may be of the time that was wrong; the answer tells them anew.
            let (latest, known_from) = (inner.feed.latest_known(), inner.feed.known_from());
            let told = mem::replace(&mut lock(&inner.known).latest, now);
            inner.feed.set_latest(now);
            inner.feed.set_known_from(Timestamp::from_millis(0));
            let set = inner.trip(now, "time", Vec::new()).await;
            if set.is_err() {
                inner.feed.latest(latest);
                inner.feed.set_known_from(known_from);
                lock(&inner.known).latest = told;
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
