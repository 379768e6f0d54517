//! The connection, and what is at its other end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError, RedisResult};

use crate::clock::Stopwatch;
use crate::error::{Error, ErrorKind};
use crate::random;
use crate::store::Unavailable;
use crate::sync::lock;

/// All keys begin with it; the braces keep them together where a cluster spreads keys.
pub(super) const PREFIX: &str = "{ably-auth}:";

/// For how long an answer is waited for: a little less than for all that a request asks, so that a connection on which nothing
/// comes is left.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(400);

/// After a connection that could not be made, the next is tried this much later, and up to twice that: soon, and not by all
/// services at once.
const PAUSE: Duration = Duration::from_millis(250);

/// A connection that is made again when it breaks, or when it leads to a Redis that has become a replica.
pub(super) struct Link {
    client: Client,
    current: Mutex<Option<Linked>>,
    /// Since when, and for how long, none is tried. Held by the one who tries.
    pause: tokio::sync::Mutex<Option<(Stopwatch, Duration)>>,
}

#[derive(Clone)]
struct Linked {
    connection: MultiplexedConnection,
    server: Arc<Server>,
}

/// What Redis says of itself; nothing of what it does not tell.
#[derive(Debug)]
pub(super) struct Server {
    /// What it is called from its start to its end.
    pub(super) run: String,
    pub(super) is_replica: bool,
    /// How it drops keys by itself, if it does.
    pub(super) evicts: Option<String>,
    pub(super) writes_to_disk: bool,
    /// Whether it comes back with all that it has answered for.
    pub(super) loses_nothing: bool,
}

impl Link {
    /// Connects; once more, if Redis is just not to be reached.
    pub(super) async fn new(client: Client) -> Result<(Self, Arc<Server>), Error> {
        let linked = match connect(&client).await {
            Err(error) if error.is_io_error() => {
                tokio::time::sleep(some_pause()).await;
                connect(&client).await
            }
            linked => linked,
        };
        let linked = linked.map_err(|error| failed(&error))?;
        let server = Arc::clone(&linked.server);
        Ok((Self { client, current: Mutex::new(Some(linked)), pause: tokio::sync::Mutex::default() }, server))
    }

    /// Asks, and waits for the answer within [`ATTEMPT_TIMEOUT`].
    pub(super) async fn ask<T, F: Future<Output = RedisResult<T>>>(
        &self,
        ask: impl FnOnce(MultiplexedConnection, Arc<Server>) -> F,
    ) -> Result<T, Unavailable> {
        let current = lock(&self.current).clone();
        let asked = async {
            let linked = match current.clone() {
                Some(linked) => linked,
                None => self.linked().await?,
            };
            let answer = ask(linked.connection.clone(), Arc::clone(&linked.server)).await;
            answer.map_err(|error| {
                if leads_nowhere(&error) {
                    self.leave(&linked.server);
                }
                Unavailable::new(reason(&error))
            })
        };
        match tokio::time::timeout(ATTEMPT_TIMEOUT, asked).await {
            Ok(answer) => answer,
            Err(_) => {
                // A host that is gone without a word never answers on it.
                if let Some(linked) = current {
                    self.leave(&linked.server);
                }
                Err(Unavailable::new("Redis does not answer"))
            }
        }
    }

    async fn linked(&self) -> Result<Linked, Unavailable> {
        let current = || lock(&self.current).clone();
        if let Some(linked) = current() {
            return Ok(linked);
        }
        let mut pause = self.pause.lock().await;
        if let Some(linked) = current() {
            return Ok(linked);
        }
        if pause.is_some_and(|(since, pause)| since.elapsed() < pause) {
            return Err(Unavailable::new("there is no connection to Redis"));
        }
        // Also if this is not waited for to its end.
        *pause = Some((Stopwatch::start(), some_pause()));
        let linked = connect(&self.client).await.map_err(|error| Unavailable::new(reason(&error)))?;
        if linked.server.is_replica {
            return Err(Unavailable::new("this Redis is a replica"));
        }
        if let Some(policy) = &linked.server.evicts {
            tracing::warn!(%policy, "Redis drops keys by itself; set its maxmemory-policy to noeviction");
        }
        *lock(&self.current) = Some(linked.clone());
        *pause = None;
        Ok(linked)
    }

    /// Unless another connection is made already.
    fn leave(&self, server: &Arc<Server>) {
        let mut current = lock(&self.current);
        if current.as_ref().is_some_and(|linked| Arc::ptr_eq(&linked.server, server)) {
            *current = None;
        }
    }
}

fn some_pause() -> Duration {
    let part = random::bytes::<1>().map_or(0, |[byte]| u32::from(byte));
    PAUSE.saturating_add(PAUSE.saturating_mul(part).checked_div(256).unwrap_or_default())
}

fn leads_nowhere(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_unrecoverable_error()
        || matches!(error.code(), Some("READONLY" | "MASTERDOWN" | "NOAUTH" | "MOVED" | "UNBLOCKED"))
}

async fn connect(client: &Client) -> RedisResult<Linked> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(ATTEMPT_TIMEOUT))
        .set_response_timeout(Some(ATTEMPT_TIMEOUT));
    let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    let server = Arc::new(ask_server(&mut connection).await?);
    Ok(Linked { connection, server })
}

/// One that does not tell is believed to evict nothing, and to lose something.
async fn ask_server(connection: &mut MultiplexedConnection) -> RedisResult<Server> {
    let info = told::<String>(redis::cmd("INFO").query_async(connection).await)?;
    let of = |name: &str| {
        let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.map(str::trim)
    };
    let mut get = redis::cmd("CONFIG");
    let get = get.arg("GET").arg("appendfsync");
    let config = told::<HashMap<String, String>>(get.query_async(connection).await)?;
    let writes_to_disk = of("aof_enabled").is_none_or(|enabled| enabled == "1");
    let fsyncs_always = config.get("appendfsync").is_some_and(|policy| policy == "always");
    // One that was a replica has a second id, and may have got less than the primary had.
    let was_primary = of("master_replid2").is_some_and(|id| id.bytes().all(|digit| digit == b'0'));
    Ok(Server {
        run: of("run_id").unwrap_or_default().to_owned(),
        is_replica: of("role") == Some("slave"),
        evicts: of("maxmemory_policy").filter(|policy| *policy != "noeviction").map(str::to_owned),
        writes_to_disk,
        loses_nothing: of("aof_enabled") == Some("1") && fsyncs_always && was_primary,
    })
}

/// What it says, or nothing if it does not want to.
fn told<T: Default>(answer: RedisResult<T>) -> RedisResult<T> {
    answer.or_else(|error| if leads_nowhere(&error) { Err(error) } else { Ok(T::default()) })
}

/// Without the error's own text, which may hold what was sent.
fn reason(error: &RedisError) -> &str {
    if let Some(reason) = error.code().and_then(no_room) {
        return reason;
    }
    match (error.code(), error.detail()) {
        (Some("FORMAT"), Some(detail)) if detail.contains("newer") => "a newer version wrote what Redis holds",
        (Some("FORMAT"), _) => "an older version wrote what Redis holds",
        (Some("READONLY"), _) => "this Redis is a replica",
        (Some("NOREPLICAS"), _) => "Redis has too few replicas to write",
        (Some("NOAUTH" | "WRONGPASS"), _) => "it asks for another password",
        (Some("NOPERM"), _) => "Redis does not permit it to this user",
        _ => error.category(),
    }
}

/// What Redis means by that code, if it is that it has no room.
pub(super) fn no_room(code: &str) -> Option<&'static str> {
    match code {
        "OOM" => Some("Redis is full"),
        "MISCONF" => Some("Redis cannot write to its disk"),
        _ => None,
    }
}

pub(super) fn failed(error: &RedisError) -> Error {
    let message = format!(
        "Redis cannot be asked ({}); see that it runs, and that the URL has the right host, port and password",
        reason(error)
    );
    Error::new(ErrorKind::Store, message)
}
