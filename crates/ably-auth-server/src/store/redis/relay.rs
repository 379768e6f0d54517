//! The relay over Redis pub/sub, on two connections of its own: requests do not wait for events.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::StreamExt as _;
use redis::aio::MultiplexedConnection;
use redis::{Client, RedisResult};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use super::byte_queue::ByteQueue;
use super::connect;
use super::link::{PREFIX, reason, reconnect_backoff};
use crate::store::relay::MAX_EVENT;
use crate::store::{Pending, Relay, Relayed};

/// The maximum number of bytes of events that wait to be sent, and of those that wait to be read.
const QUEUE_BYTES: usize = 16 * 1024 * 1024;

/// The maximum number of bytes of the events that are sent together.
const BATCH_BYTES: usize = 2 * MAX_EVENT;

/// The timeout for connecting, and for a response.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The time without any event after which the connection is opened again, because it may be dead without a TCP reset. A
/// service sends an event every five seconds at least, and gets its own events.
const SILENCE: Duration = Duration::from_secs(15);

/// The number of times that the backoff between attempts is doubled at most.
const MAX_DOUBLINGS: u32 = 3;

/// The relay of a Redis store.
pub(super) struct RedisRelay {
    shared: Arc<Shared>,
    runtime: Handle,
    /// The tasks that send and that read. They are started when they are first needed.
    sender: OnceLock<Task>,
    reader: OnceLock<Task>,
}

struct Shared {
    client: Client,
    /// The name of the pub/sub channel. The number of the database is part of it, because pub/sub has no databases.
    channel: String,
    outward: ByteQueue<Vec<u8>>,
    inward: ByteQueue<Relayed>,
}

/// A task that ends when this is dropped.
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl RedisRelay {
    pub(super) fn new(client: Client, runtime: Handle) -> Self {
        let database = client.get_connection_info().redis_settings().db();
        let channel = format!("{PREFIX}relay:{database}");
        let [outward, inward] = [QUEUE_BYTES; 2];
        let shared = Shared { client, channel, outward: ByteQueue::new(outward), inward: ByteQueue::new(inward) };
        Self { shared: Arc::new(shared), runtime, sender: OnceLock::new(), reader: OnceLock::new() }
    }
}

impl Relay for RedisRelay {
    fn send(&self, event: Vec<u8>) -> bool {
        let start = || Task(self.runtime.spawn(send_events(Arc::clone(&self.shared))).abort_handle());
        self.sender.get_or_init(start);
        let bytes = event.len();
        bytes <= MAX_EVENT && self.shared.outward.push(event, bytes)
    }

    fn wait_for_room(&self) -> Pending<()> {
        let shared = Arc::clone(&self.shared);
        Pending::waiting(async move {
            shared.outward.room().await;
            Ok(())
        })
    }

    fn receive(&self) -> Pending<Relayed> {
        let start = || Task(self.runtime.spawn(read_events(Arc::clone(&self.shared))).abort_handle());
        self.reader.get_or_init(start);
        let shared = Arc::clone(&self.shared);
        Pending::waiting(async move { Ok(shared.inward.pop().await) })
    }
}

impl std::fmt::Debug for RedisRelay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RedisRelay")
    }
}

/// Sends events in their order. If Redis does not confirm a batch, sends it again; the services ignore an event that they
/// have seen.
async fn send_events(shared: Arc<Shared>) {
    let mut connection = None;
    let mut problem = Problem::new("cannot send realtime events to the other services");
    loop {
        let mut batch = redis::pipe();
        let (mut event, mut bytes) = (Some(shared.outward.pop().await), 0_usize);
        while let Some(next) = event {
            bytes = bytes.saturating_add(next.len());
            batch.cmd("PUBLISH").arg(&shared.channel).arg(next).ignore();
            event = if bytes < BATCH_BYTES { shared.outward.try_pop() } else { None };
        }
        while let Err(error) = publish(&shared.client, &mut connection, &batch).await {
            problem.begin(reason(&error));
            connection = None;
            sleep(problem.backoff()).await;
        }
        problem.end();
    }
}

async fn publish(
    client: &Client,
    connection: &mut Option<MultiplexedConnection>,
    batch: &redis::Pipeline,
) -> RedisResult<()> {
    let open = match connection {
        Some(open) => open,
        None => connection.insert(connect::open(client, RESPONSE_TIMEOUT).await?),
    };
    batch.query_async::<()>(open).await
}

async fn read_events(shared: Arc<Shared>) {
    let mut problem = Problem::new("cannot read the realtime events of the other services");
    loop {
        match timeout(RESPONSE_TIMEOUT, subscribe(&shared)).await {
            Ok(Ok(mut events)) => {
                problem.end();
                shared.inward.push_or_clear(Relayed::Connected);
                while let Ok(Some(message)) = timeout(SILENCE, events.next()).await {
                    let event = message.get_payload_bytes();
                    if event.len() <= MAX_EVENT {
                        // An event that does not fit is missing, which the service notices.
                        shared.inward.push(Relayed::Event(event.to_vec()), event.len());
                    }
                }
                shared.inward.push_or_clear(Relayed::Disconnected);
            }
            Ok(Err(error)) => problem.begin(reason(&error)),
            Err(_) => problem.begin("Redis does not answer"),
        }
        sleep(problem.backoff()).await;
    }
}

async fn subscribe(shared: &Shared) -> RedisResult<redis::aio::PubSubStream> {
    let mut connection = connect::open_pub_sub(&shared.client).await?;
    connection.subscribe(&shared.channel).await?;
    Ok(connection.into_on_message())
}

/// The log of a problem that may last: its beginning and its end.
struct Problem {
    what: &'static str,
    /// The number of attempts that failed.
    attempts: u32,
}

impl Problem {
    const fn new(what: &'static str) -> Self {
        Self { what, attempts: 0 }
    }

    fn begin(&mut self, reason: &str) {
        if self.attempts == 0 {
            tracing::warn!(reason, "{}", self.what);
        }
        self.attempts = self.attempts.saturating_add(1);
    }

    /// Returns the time to wait before the next attempt.
    fn backoff(&self) -> Duration {
        reconnect_backoff().saturating_mul(1 << self.attempts.saturating_sub(1).min(MAX_DOUBLINGS))
    }

    fn end(&mut self) {
        if self.attempts > 0 {
            tracing::info!("realtime events reach the other services again");
        }
        self.attempts = 0;
    }
}
