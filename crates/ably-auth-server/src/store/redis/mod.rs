//! The store that several services share.

mod reply;
mod together;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ably_auth_core::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncCommands as _, Client, Script, TlsCertificates};
use tokio_rustls::rustls::crypto::{self, CryptoProvider};
use zeroize::Zeroizing;

use super::nonces::WINDOW_MILLIS;
use super::{Feed, Fingerprint, KeptClaims, Pending, Record, Reference, Store, Unavailable, Use, Written, lock};
use crate::error::{Error, ErrorKind};
use crate::random;
use reply::Reply;
use together::{Act, Together};

/// For how long an answer is waited for.
const PATIENCE: Duration = Duration::from_millis(500);

/// Soon back, and not at once by all services together.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// All keys begin with it; the braces keep them together where a cluster spreads keys.
const PREFIX: &str = "{ably-auth}:";

/// The most records in one request.
const MAX_RECORDS: usize = 200;

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
///   of a key whose tokens are revocable: clients renew those. An empty Redis on the first start is no different, unless it
///   is [said to be new](RedisOptions::is_new).
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
    pub is_new: bool,
    /// With `rediss://`: the certificates to trust it by, as PEM. Mozilla's roots unless said so.
    pub roots_pem: Option<Vec<u8>>,
}

struct Inner {
    feed: Feed,
    connection: ConnectionManager,
    script: Script,
    known: Mutex<Known>,
    /// Held by the one who reads everything anew.
    rereading: tokio::sync::Mutex<()>,
    secret: Zeroizing<[u8; 32]>,
}

#[derive(Default)]
struct Known {
    generation: String,
    /// To write back, should Redis lose them.
    records: HashMap<Box<str>, Record>,
}

impl Redis {
    /// Connects to `redis://[user][:password@]host[:port][/database]`, or `rediss://` for TLS. To be called on a tokio
    /// runtime with I/O and time, which the store goes on to use.
    ///
    /// # Errors
    /// [`ErrorKind::Store`] if the URL is not in the form of one, if Redis does not answer or lets nobody in, or if it
    /// evicts keys. The message does not show the URL, which may hold a password.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Self::connect_with(url, RedisOptions::default()).await
    }

    /// As [`connect`](Self::connect), told more of this Redis.
    ///
    /// # Errors
    /// As [`connect`](Self::connect); or if the roots are no certificates.
    pub async fn connect_with(url: &str, options: RedisOptions) -> Result<Self, Error> {
        let RedisOptions { is_new, roots_pem } = options;
        if url.starts_with("rediss:") && CryptoProvider::get_default().is_none() {
            // In a program that has several to choose from, somebody has to.
            let _ = crypto::ring::default_provider().install_default();
        }
        let is_rooted = roots_pem.is_some();
        let certificates = TlsCertificates { client_tls: None, root_cert: roots_pem };
        let client = if is_rooted { Client::build_with_tls(url, certificates) } else { Client::open(url) };
        let client = client.map_err(|_| {
            let message = if is_rooted {
                "the URL of Redis is not for TLS, or its roots are no certificates; give `rediss://host:port`, and PEM"
            } else {
                "the URL of Redis is not in the form of one; give `redis://host:port` or `rediss://host:port`"
            };
            Error::new(ErrorKind::Store, message)
        })?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE))
            .set_max_delay(LONGEST_PAUSE)
            .set_number_of_retries(1);
        let mut connection =
            ConnectionManager::new_with_config(client, config).await.map_err(|error| failed(&error))?;
        check_policy(&mut connection).await?;
        let secret = agree_on_secret(&mut connection).await?;
        let inner = Inner {
            feed: Feed::new(),
            connection,
            script: Script::new(include_str!("store.lua")),
            known: Mutex::default(),
            rereading: tokio::sync::Mutex::default(),
            secret,
        };
        let act = if is_new { "found" } else { "peek" };
        inner.trip(Timestamp::from_millis(0), act, Vec::new()).await.map_err(|error| {
            Error::new(ErrorKind::Store, "Redis does not do what the store needs; see the cause").because(error)
        })?;
        let inner = Arc::new(inner);
        Ok(Self { together: Together::start(Arc::clone(&inner)), inner })
    }
}

impl Inner {
    /// Asks, takes in what is new, and gives the outcome.
    async fn trip(&self, now: Timestamp, act: &str, args: Vec<Vec<u8>>) -> Result<String, Unavailable> {
        let (since, generation) = (self.feed.version(), lock(&self.known).generation.clone());
        let reply = self.call(now, since, &generation, act, &args).await?;
        let outcome = reply.outcome.clone();
        if reply.reset {
            self.reread(now).await?;
        } else {
            let mut more = reply.more;
            self.take(reply)?;
            while more {
                let next = self.call(now, self.feed.version(), &generation, "look", &[]).await?;
                more = next.more;
                self.take(next)?;
            }
        }
        Ok(outcome)
    }

    async fn call(
        &self,
        now: Timestamp,
        since: u64,
        generation: &str,
        act: &str,
        args: &[Vec<u8>],
    ) -> Result<Reply, Unavailable> {
        let another = random::bytes::<12>().map(|bytes| URL_SAFE_NO_PAD.encode(bytes)).map_err(Unavailable::new)?;
        let mut call = self.script.prepare_invoke();
        for name in ["state", "records", "log", "expiries", "nonces"] {
            call.key(format!("{PREFIX}{name}"));
        }
        call.arg(now.as_millis()).arg(since).arg(generation).arg(another).arg(WINDOW_MILLIS);
        // On the start, no time is known yet.
        let latest = if now.as_millis() == 0 { now } else { self.feed.latest(now) };
        call.arg(latest.as_millis()).arg(act);
        for arg in args {
            call.arg(arg.as_slice());
        }
        let mut connection = self.connection.clone();
        in_time(call.invoke_async::<Reply>(&mut connection)).await
    }

    /// What came in answer to a question of this generation.
    fn take(&self, reply: Reply) -> Result<(), Unavailable> {
        let mut known = lock(&self.known);
        if reply.reset || known.generation != reply.generation {
            return Err(Unavailable::new("Redis was emptied while it was asked"));
        }
        self.see(&reply);
        for record in &reply.news {
            known.note(record);
        }
        self.feed.receive(reply.news, reply.up_to);
        Ok(())
    }

    fn see(&self, reply: &Reply) {
        self.feed.latest(reply.latest);
        self.feed.set_known_from(reply.known_from.max(self.feed.known_from()));
    }

    /// Reads everything anew, since Redis has another generation of it, or has dropped what this service had not read.
    /// What this service knows and Redis does not is written back.
    async fn reread(&self, now: Timestamp) -> Result<(), Unavailable> {
        let _alone = self.rereading.lock().await;
        let before = lock(&self.known).generation.clone();
        let mut reply = self.call(now, self.feed.version(), &before, "look", &[]).await?;
        if !reply.reset {
            return self.take(reply);
        }
        let generation = reply.generation.clone();
        if !before.is_empty() && before != generation {
            self.restore(now, &generation).await?;
        }
        let (mut records, mut since) = (Vec::new(), 0);
        loop {
            reply = self.call(now, since, &generation, "look", &[]).await?;
            if reply.reset {
                return Err(Unavailable::new("Redis was emptied while it was read"));
            }
            since = reply.up_to;
            records.append(&mut reply.news);
            if !reply.more {
                break;
            }
        }
        // Apps before the keys that are theirs.
        records.sort_by(|one, other| one.name.cmp(&other.name));
        let mut known = lock(&self.known);
        let there: HashSet<_> = records.iter().map(|record| record.name.clone()).collect();
        let gone: Vec<_> = known.records.keys().filter(|name| !there.contains(*name)).cloned().collect();
        let gone = gone.into_iter().map(|name| Record { name, value: None, expires: None });
        records.extend(gone);
        records.iter().for_each(|record| known.note(record));
        known.generation = generation;
        self.see(&reply);
        self.feed.receive(records, since);
        Ok(())
    }

    async fn restore(&self, now: Timestamp, generation: &str) -> Result<(), Unavailable> {
        let records: Vec<_> = lock(&self.known).records.values().cloned().collect();
        for records in records.chunks(MAX_RECORDS) {
            self.call(now, 0, generation, "restore", &written(records)).await?;
        }
        let mut connection = self.connection.clone();
        let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(*self.secret));
        in_time(connection.set_nx::<_, _, bool>(format!("{PREFIX}secret"), text.as_str())).await?;
        Ok(())
    }
}

impl Known {
    fn note(&mut self, record: &Record) {
        if record.value.is_some() {
            self.records.insert(record.name.clone(), record.clone());
        } else {
            self.records.remove(&record.name);
        }
    }
}

/// Four arguments for each.
fn written(records: &[Record]) -> Vec<Vec<u8>> {
    let fields = records.iter().flat_map(|Record { name, value, expires }| {
        let there: &[u8] = if value.is_some() { b"1" } else { b"0" };
        let value = value.as_ref().map(|value| value.to_vec()).unwrap_or_default();
        let expires = expires.map(|expires| expires.as_millis().to_string()).unwrap_or_default();
        [name.as_bytes().to_vec(), there.to_vec(), value, expires.into_bytes()]
    });
    fields.collect()
}

async fn in_time<T>(asked: impl Future<Output = redis::RedisResult<T>>) -> Result<T, Unavailable> {
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(answer) => answer.map_err(|error| Unavailable::new(error.category())),
        Err(_) => Err(Unavailable::new("Redis does not answer")),
    }
}

/// Refuses a Redis that forgets by itself. One that does not tell is believed.
async fn check_policy(connection: &mut ConnectionManager) -> Result<(), Error> {
    let info: redis::RedisResult<String> = redis::cmd("INFO").arg("memory").query_async(connection).await;
    let info = info.unwrap_or_default();
    let policy = info.lines().find_map(|line| line.strip_prefix("maxmemory_policy:")).map(str::trim);
    match policy {
        None | Some("noeviction") => Ok(()),
        Some(policy) => {
            let message = format!(
                "Redis drops keys by itself (`maxmemory-policy {policy}`), and so would forget what was revoked; set it to \
                 `noeviction`"
            );
            Err(Error::new(ErrorKind::Store, message))
        }
    }
}

/// The secret that is there or, if there is none, a new one.
async fn agree_on_secret(connection: &mut ConnectionManager) -> Result<Zeroizing<[u8; 32]>, Error> {
    let key = format!("{PREFIX}secret");
    let new = Zeroizing::new(URL_SAFE_NO_PAD.encode(*Zeroizing::new(random::bytes::<32>()?)));
    let _: bool = connection.set_nx(&key, new.as_str()).await.map_err(|error| failed(&error))?;
    let text: String = connection.get(&key).await.map_err(|error| failed(&error))?;
    let bytes = URL_SAFE_NO_PAD.decode(Zeroizing::new(text).as_str()).ok().map(Zeroizing::new);
    bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok().map(Zeroizing::new)).ok_or_else(|| {
        let message =
            format!("`{key}` in Redis is no secret of 32 bytes in URL-safe base64; put it back, or delete it");
        Error::new(ErrorKind::Store, message)
    })
}

/// The error's own text may hold what was sent.
fn failed(error: &redis::RedisError) -> Error {
    let message = format!(
        "Redis cannot be asked ({}); see that it runs, that the URL has the right host, port and password, and that over TLS \
         its certificate is trusted",
        error.category()
    );
    Error::new(ErrorKind::Store, message)
}

impl Store for Redis {
    fn feed(&self) -> &Feed {
        &self.inner.feed
    }

    fn secret(&self) -> Option<[u8; 32]> {
        Some(*self.inner.secret)
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
        args.append(&mut written(&records));
        let inner = Arc::clone(&self.inner);
        Pending::waiting(async move {
            match inner.trip(now, "write", args).await?.as_str() {
                "done" => Ok(Written::Done),
                "outdated" => Ok(Written::Outdated),
                _ => Err(Unavailable::new("the script's answer is not in the form of one")),
            }
        })
    }

    fn keep(&self, reference: Reference, claims: KeptClaims, now: Timestamp) -> Pending<bool> {
        let mut connection = self.inner.connection.clone();
        let (Some(bytes), lasts) = (claims.to_bytes(), reference.expires.millis_since(now)) else {
            return Pending::unavailable(Unavailable::new("a token's claims cannot be written"));
        };
        Pending::waiting(async move {
            let mut put = redis::cmd("SET");
            put.arg(of(reference)).arg(bytes).arg("PX").arg(lasts.max(1));
            in_time(put.query_async::<()>(&mut connection)).await.map(|()| true)
        })
    }

    fn kept(&self, reference: Reference) -> Pending<Option<KeptClaims>> {
        let mut connection = self.inner.connection.clone();
        Pending::waiting(async move {
            let bytes: Option<Vec<u8>> = in_time(connection.get(of(reference))).await?;
            let claims = bytes.map(|bytes| KeptClaims::from_bytes(&bytes));
            claims.map(|claims| claims.ok_or_else(|| Unavailable::new("a token's claims cannot be read"))).transpose()
        })
    }
}

fn of(reference: Reference) -> String {
    format!("{PREFIX}token:{:032x}", reference.id)
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redis")
    }
}
