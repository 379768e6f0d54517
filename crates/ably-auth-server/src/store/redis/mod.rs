//! The store that several services share.

mod kept;
mod known;
mod link;
mod reply;
mod rereading;
mod secret;
mod together;

use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ably_auth_core::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use redis::{Client, Script, TlsCertificates};
use tokio::runtime::Handle;
use tokio_rustls::rustls::crypto::{self, CryptoProvider};
use zeroize::Zeroizing;

use super::nonces::WINDOW_MILLIS;
use super::{Feed, Fingerprint, KeptClaims, Pending, Record, Reference, Store, StoreLimits, Unavailable, Use, Written};
use crate::error::{Error, ErrorKind};
use crate::random;
use crate::sync::lock;
use known::Known;
use link::{Link, Server};
use reply::Reply;
use together::{Act, Together};

/// For how long all that a request asks is waited for.
const PATIENCE: Duration = Duration::from_millis(500);

/// All keys begin with it; the braces keep them together where a cluster spreads keys.
const PREFIX: &str = "{ably-auth}:";

/// The most records in one request.
const MAX_RECORDS: usize = 200;

/// Clocks that are further apart than this are worth a word.
const SKEW_MILLIS: u64 = 10 * 1000;

/// How often they are.
const SKEW_TOLD_EVERY_MILLIS: u64 = 60 * 1000;

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
    together: Together,
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

struct Inner {
    feed: Feed,
    link: Link,
    script: Script,
    kept: Script,
    limits: StoreLimits,
    /// What tells this service from the others.
    name: String,
    known: Mutex<Known>,
    /// Held by the one who reads everything anew.
    rereading: Arc<tokio::sync::Mutex<()>>,
    runtime: Handle,
    secret: Mutex<Zeroizing<[u8; 32]>>,
    /// When it was said that the clocks differ.
    skew_told: AtomicU64,
}

/// From where on something is asked, and by whose account.
struct Since {
    version: u64,
    generation: String,
    written: u64,
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
            known: Mutex::new(Known::new()),
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
        let together = Together::start(move |now, act, nonces| {
            let inner = Arc::clone(&asked);
            async move { inner.trip(now, act, nonces).await }
        });
        Ok(Self { inner, together })
    }
}

impl Inner {
    /// Asks, takes in what is new, and gives the outcome; all that within [`PATIENCE`].
    async fn trip(self: &Arc<Self>, now: Timestamp, act: &str, args: Vec<Vec<u8>>) -> Result<String, Unavailable> {
        let late = || Unavailable::new("Redis does not tell everything in time");
        tokio::time::timeout(PATIENCE, self.whole_trip(now, act, args)).await.unwrap_or_else(|_| Err(late()))
    }

    /// As [`trip`](Self::trip), within whatever time it takes.
    async fn whole_trip(
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

    fn since(&self) -> Since {
        let known = lock(&self.known);
        Since { version: self.feed.version(), generation: known.generation.clone(), written: known.written }
    }

    async fn call(&self, now: Timestamp, since: &Since, act: &str, args: &[Vec<u8>]) -> Result<Reply, Unavailable> {
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
    fn take(&self, reply: Reply, now: Timestamp) -> Result<(), Unavailable> {
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

    fn see(&self, known: &mut Known, reply: &Reply, now: Timestamp) {
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
}

/// Four arguments.
fn fields(Record { name, value, expires }: &Record) -> [Vec<u8>; 4] {
    let there: &[u8] = if value.is_some() { b"1" } else { b"0" };
    let value = value.as_ref().map(|value| value.to_vec()).unwrap_or_default();
    let expires = expires.map(|expires| expires.as_millis().to_string()).unwrap_or_default();
    [name.as_bytes().to_vec(), there.to_vec(), value, expires.into_bytes()]
}

/// A name that nothing has.
fn another() -> Result<String, Error> {
    Ok(URL_SAFE_NO_PAD.encode(random::bytes::<12>()?))
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
        let answer = self.together.ask(Act::Look, now);
        Pending::waiting(async { answer.await.map(drop) })
    }

    fn use_once(&self, nonce: Option<Fingerprint>, now: Timestamp) -> Pending<Use> {
        Pending::waiting(self.together.ask(nonce.map_or(Act::Touch, Act::Use), now))
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
