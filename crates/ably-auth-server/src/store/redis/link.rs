//! The connection to Redis, and the properties of the server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Client, RedisError, RedisResult};

use super::connect;
use crate::clock::Stopwatch;
use crate::error::{Error, ErrorKind};
use crate::random;
use crate::store::Unavailable;
use crate::sync::lock;

/// The prefix of all keys. The braces place them on one node of a cluster.
pub(super) const PREFIX: &str = "{ably-auth}:";

/// The timeout for a response. It is a little shorter than that of an entire request, so that an unresponsive
/// connection is closed.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(400);

/// The minimum backoff after a failed connection attempt; the jittered maximum is twice this.
const RECONNECT_BACKOFF: Duration = Duration::from_millis(250);

/// A connection that reconnects when it breaks, or when its Redis has become a replica.
pub(super) struct Link {
    client: Client,
    current: Mutex<Option<Connection>>,
    /// The start of the last failed attempt, and the backoff after it. The lock is held during an attempt.
    backoff: tokio::sync::Mutex<Option<(Stopwatch, Duration)>>,
}

#[derive(Clone)]
struct Connection {
    connection: MultiplexedConnection,
    server: Arc<Server>,
}

/// The properties of a Redis server. Unknown properties have defaults.
#[derive(Debug)]
pub(super) struct Server {
    /// The id of the server process.
    pub(super) run: String,
    pub(super) is_replica: bool,
    /// The eviction policy, if Redis evicts keys.
    pub(super) evicts: Option<String>,
    pub(super) writes_to_disk: bool,
    /// True if a restart loses no confirmed write.
    pub(super) is_durable: bool,
}

impl Link {
    /// Connects, and tries a second time after a network error.
    pub(super) async fn new(client: Client) -> Result<(Self, Arc<Server>), Error> {
        let connection = match connect(&client).await {
            Err(error) if error.is_io_error() => {
                tokio::time::sleep(reconnect_backoff()).await;
                connect(&client).await
            }
            connection => connection,
        };
        let connection = connection.map_err(|error| connect_error(&error))?;
        let server = Arc::clone(&connection.server);
        Ok((Self { client, current: Mutex::new(Some(connection)), backoff: tokio::sync::Mutex::default() }, server))
    }

    /// Sends a command and waits for the response, for at most [`ATTEMPT_TIMEOUT`].
    pub(super) async fn ask<T, F: Future<Output = RedisResult<T>>>(
        &self,
        ask: impl FnOnce(MultiplexedConnection, Arc<Server>) -> F,
    ) -> Result<T, Unavailable> {
        let current = lock(&self.current).clone();
        let asked = async {
            let connection = match current.clone() {
                Some(connection) => connection,
                None => self.connection().await?,
            };
            let answer = ask(connection.connection.clone(), Arc::clone(&connection.server)).await;
            answer.map_err(|error| {
                if is_broken_connection(&error) {
                    self.disconnect(&connection.server);
                }
                Unavailable::new(reason(&error))
            })
        };
        match tokio::time::timeout(ATTEMPT_TIMEOUT, asked).await {
            Ok(answer) => answer,
            Err(_) => {
                // The connection may be dead without a TCP reset, so do not reuse it.
                if let Some(connection) = current {
                    self.disconnect(&connection.server);
                }
                Err(Unavailable::new("Redis does not answer"))
            }
        }
    }

    async fn connection(&self) -> Result<Connection, Unavailable> {
        let current = || lock(&self.current).clone();
        if let Some(connection) = current() {
            return Ok(connection);
        }
        let mut backoff = self.backoff.lock().await;
        if let Some(connection) = current() {
            return Ok(connection);
        }
        if backoff.is_some_and(|(since, backoff)| since.elapsed() < backoff) {
            return Err(Unavailable::new("not connected to Redis"));
        }
        // Set this first, so that it stays if the future is dropped.
        *backoff = Some((Stopwatch::start(), reconnect_backoff()));
        let connection = connect(&self.client).await.map_err(|error| Unavailable::new(reason(&error)))?;
        if connection.server.is_replica {
            return Err(Unavailable::new("this Redis is a replica"));
        }
        if let Some(policy) = &connection.server.evicts {
            tracing::warn!(%policy, "Redis evicts keys; set maxmemory-policy to noeviction");
        }
        *lock(&self.current) = Some(connection.clone());
        *backoff = None;
        Ok(connection)
    }

    /// Drops the connection unless it was replaced already.
    fn disconnect(&self, server: &Arc<Server>) {
        let mut current = lock(&self.current);
        if current.as_ref().is_some_and(|connection| Arc::ptr_eq(&connection.server, server)) {
            *current = None;
        }
    }
}

pub(super) fn reconnect_backoff() -> Duration {
    let part = random::bytes::<1>().map_or(0, |[byte]| u32::from(byte));
    RECONNECT_BACKOFF.saturating_add(RECONNECT_BACKOFF.saturating_mul(part).checked_div(256).unwrap_or_default())
}

fn is_broken_connection(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_unrecoverable_error()
        || matches!(error.code(), Some("READONLY" | "MASTERDOWN" | "NOAUTH" | "MOVED" | "UNBLOCKED"))
}

async fn connect(client: &Client) -> RedisResult<Connection> {
    let mut connection = connect::open(client, ATTEMPT_TIMEOUT).await?;
    let server = Arc::new(query_server(&mut connection).await?);
    Ok(Connection { connection, server })
}

/// Queries the server's properties. A server that does not report them counts as one without eviction and without
/// durability.
async fn query_server(connection: &mut MultiplexedConnection) -> RedisResult<Server> {
    let info = or_default::<String>(redis::cmd("INFO").query_async(connection).await)?;
    let of = |name: &str| {
        let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.map(str::trim)
    };
    let mut get = redis::cmd("CONFIG");
    let get = get.arg("GET").arg("appendfsync");
    let config = or_default::<HashMap<String, String>>(get.query_async(connection).await)?;
    let writes_to_disk = of("aof_enabled").is_none_or(|enabled| enabled == "1");
    let fsyncs_always = config.get("appendfsync").is_some_and(|policy| policy == "always");
    // A former replica has a second id. It may lack writes that the primary had.
    let was_never_replica = of("master_replid2").is_some_and(|id| id.bytes().all(|digit| digit == b'0'));
    Ok(Server {
        run: of("run_id").unwrap_or_default().to_owned(),
        is_replica: of("role") == Some("slave"),
        evicts: of("maxmemory_policy").filter(|policy| *policy != "noeviction").map(str::to_owned),
        writes_to_disk,
        is_durable: of("aof_enabled") == Some("1") && fsyncs_always && was_never_replica,
    })
}

/// Returns the response, or a default if Redis refuses the command.
fn or_default<T: Default>(answer: RedisResult<T>) -> RedisResult<T> {
    answer.or_else(|error| if is_broken_connection(&error) { Err(error) } else { Ok(T::default()) })
}

/// Returns the reason of an error without its text, which may contain sent data.
pub(super) fn reason(error: &RedisError) -> &str {
    if let Some(reason) = error.code().and_then(no_room) {
        return reason;
    }
    match (error.code(), error.detail()) {
        (Some("FORMAT"), Some(detail)) if detail.contains("newer") => "the data in Redis has a newer format",
        (Some("FORMAT"), _) => "the data in Redis has an older format",
        (Some("READONLY"), _) => "this Redis is a replica",
        (Some("NOREPLICAS"), _) => "Redis has too few replicas to write",
        (Some("NOAUTH" | "WRONGPASS"), _) => "the password is wrong",
        (Some("NOPERM"), _) => "the Redis user lacks permission",
        _ => error.category(),
    }
}

/// Returns the reason if the error code means that Redis has no space.
pub(super) fn no_room(code: &str) -> Option<&'static str> {
    match code {
        "OOM" => Some("Redis is full"),
        "MISCONF" => Some("Redis cannot write to its disk"),
        _ => None,
    }
}

pub(super) fn connect_error(error: &RedisError) -> Error {
    let message = format!(
        "cannot connect to Redis: {}; check that it runs, and the host, port and password of the URL",
        reason(error)
    );
    Error::new(ErrorKind::Store, message)
}
