//! The metrics of the service. Each is an atomic, so recording takes no lock.

mod text;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ably_auth_core::ErrorCode;

use crate::refusal::OVERLOADED;

pub(crate) use text::{CurrentValues, render};

/// The endpoint of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Time,
    RequestToken,
    RevokeTokens,
    Channels,
    Channel,
    Messages,
    Stats,
    Apps,
    Control,
    /// The upgrade to a realtime connection.
    Realtime,
    Console,
    /// An unknown path, or `/`.
    Unknown,
}

impl Endpoint {
    pub(crate) const ALL: [Self; 12] = [
        Self::Time,
        Self::RequestToken,
        Self::RevokeTokens,
        Self::Channels,
        Self::Channel,
        Self::Messages,
        Self::Stats,
        Self::Apps,
        Self::Control,
        Self::Realtime,
        Self::Console,
        Self::Unknown,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::RequestToken => "requestToken",
            Self::RevokeTokens => "revokeTokens",
            Self::Channels => "channels",
            Self::Channel => "channel",
            Self::Messages => "messages",
            Self::Stats => "stats",
            Self::Apps => "apps",
            Self::Control => "control",
            Self::Realtime => "realtime",
            Self::Console => "console",
            Self::Unknown => "unknown",
        }
    }
}

/// The upper bounds of the latency buckets, in microseconds.
pub(crate) const LATENCY_MICROS: [u64; 14] =
    [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000];

#[derive(Debug, Default)]
pub(crate) struct Histogram {
    /// The counts of the buckets, not cumulative. The last one counts latencies above all bounds.
    buckets: [AtomicU64; LATENCY_MICROS.len() + 1],
    nanos: AtomicU64,
}

impl Histogram {
    pub(crate) fn record(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let at = LATENCY_MICROS.partition_point(|end| *end < micros);
        if let Some(bucket) = self.buckets.get(at) {
            add(bucket, 1);
        }
        add(&self.nanos, u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }
}

/// Returns the error codes that have a counter of their own.
pub(crate) fn codes() -> impl Iterator<Item = ErrorCode> {
    ErrorCode::KNOWN.iter().copied().chain([OVERLOADED])
}

/// The answers of one endpoint.
#[derive(Debug)]
pub(crate) struct Answers {
    granted: AtomicU64,
    /// The refusals, by the index of their code in [`codes`]. The last counter is for all other codes.
    refused: Vec<AtomicU64>,
    latency: Histogram,
}

impl Default for Answers {
    fn default() -> Self {
        Self { granted: AtomicU64::new(0), refused: counters_by_code(), latency: Histogram::default() }
    }
}

/// A gauge: a number that can go up and down.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicU64);

impl Gauge {
    /// Increments the gauge; the guard decrements it on drop. Also returns the new value.
    pub(crate) fn enter(&self) -> (GaugeGuard<'_>, u64) {
        let before = self.0.fetch_add(1, Ordering::Relaxed);
        (GaugeGuard(self), before.saturating_add(1))
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug)]
pub(crate) struct GaugeGuard<'a>(&'a Gauge);

impl Drop for GaugeGuard<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The operations of a store.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StoreOperation {
    CatchUp,
    UseOnce,
    Write,
    Keep,
    Kept,
}

/// The names of the operations, in the order of [`StoreOperation`].
pub(crate) const STORE_OPERATIONS: [&str; 5] = ["catchUp", "useNonce", "write", "keepClaims", "getClaims"];

/// The metrics of a store, by operation.
#[derive(Debug, Default)]
pub(crate) struct StoreCounts {
    errors: [AtomicU64; STORE_OPERATIONS.len()],
    latency: [Histogram; STORE_OPERATIONS.len()],
    /// True if the store did not answer the last operation.
    is_failing: AtomicBool,
}

impl StoreCounts {
    pub(crate) fn record(&self, operation: StoreOperation, took: Duration) {
        if let Some(latency) = self.latency.get(operation as usize) {
            latency.record(took);
        }
    }

    pub(crate) fn failed(&self, operation: StoreOperation) {
        if let Some(errors) = self.errors.get(operation as usize) {
            add(errors, 1);
        }
    }

    /// Records whether the store failed to answer the last operation or probe. Returns whether that has changed.
    pub(crate) fn set_failing(&self, is_failing: bool) -> bool {
        // The flag rarely changes, and a write would take it from the other processors.
        self.is_failing() != is_failing && self.is_failing.swap(is_failing, Ordering::Relaxed) != is_failing
    }

    pub(crate) fn is_failing(&self) -> bool {
        self.is_failing.load(Ordering::Relaxed)
    }
}

/// The counts of realtime connections.
#[derive(Debug)]
pub(crate) struct RealtimeCounts {
    pub(crate) opened: AtomicU64,
    pub(crate) resumed: AtomicU64,
    /// The prompts to renew a token.
    pub(crate) prompted: AtomicU64,
    pub(crate) reauthenticated: AtomicU64,
    /// The ends without an error: the client closed the connection, or it was lost.
    ended: AtomicU64,
    /// The ends with an error, by the index of its code in [`codes`]. The last counter is for all other codes.
    ended_by_code: Vec<AtomicU64>,
}

impl Default for RealtimeCounts {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            opened: zero(),
            resumed: zero(),
            prompted: zero(),
            reauthenticated: zero(),
            ended: zero(),
            ended_by_code: counters_by_code(),
        }
    }
}

impl RealtimeCounts {
    pub(crate) fn ended(&self, code: Option<ErrorCode>) {
        match code {
            None => add(&self.ended, 1),
            Some(code) => count_code(&self.ended_by_code, code),
        }
    }
}

/// The counts of the events that services which share a store send each other.
#[derive(Debug, Default)]
pub(crate) struct RelayCounts {
    pub(crate) sent: AtomicU64,
    pub(crate) received: AtomicU64,
    /// Events that were not sent because too many waited.
    pub(crate) queue_full: AtomicU64,
    /// Events that were not sent because they were too large.
    pub(crate) too_large: AtomicU64,
    /// Events of other services that could not be read.
    pub(crate) malformed: AtomicU64,
    /// Events of other services that did not arrive.
    pub(crate) missed: AtomicU64,
    /// Presence members of other services for which there was no room.
    pub(crate) no_room: AtomicU64,
    /// The number of other services.
    pub(crate) services: AtomicU64,
}

fn counters_by_code() -> Vec<AtomicU64> {
    codes().map(Some).chain([None]).map(|_| AtomicU64::new(0)).collect()
}

fn count_code(counters: &[AtomicU64], code: ErrorCode) {
    let known = codes().position(|known| known == code);
    let count = known.map_or_else(|| counters.last(), |known| counters.get(known));
    count.inspect(|count| add(count, 1));
}

/// All counts of a service.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    answers: [Answers; Endpoint::ALL.len()],
    pub(crate) store: Arc<StoreCounts>,
    pub(crate) tokens_issued: AtomicU64,
    pub(crate) limited_by_key: AtomicU64,
    pub(crate) limited_by_address: AtomicU64,
    pub(crate) realtime: RealtimeCounts,
    pub(crate) relay: Arc<RelayCounts>,
    pub(crate) in_flight: Gauge,
    pub(crate) connections: Gauge,
    pub(crate) connections_accepted: AtomicU64,
    pub(crate) connections_refused: AtomicU64,
    /// Idle connections that were closed to make room for a new one.
    pub(crate) connections_evicted: AtomicU64,
    /// Audit events of refused requests that were suppressed because they exceeded the rate.
    pub(crate) audit_suppressed: AtomicU64,
    /// Audit events that a subscriber could not write.
    pub(crate) audit_failed: AtomicU64,
    pub(crate) reloads: AtomicU64,
    pub(crate) reloads_failed: AtomicU64,
    /// The time of the last reload, in milliseconds since the epoch; 0 if there was none.
    pub(crate) reloaded_at: AtomicU64,
    pub(crate) ready: AtomicBool,
}

/// Adds to a counter. The ordering is relaxed, since no other data depends on the counter.
pub(crate) fn add(count: &AtomicU64, more: u64) {
    count.fetch_add(more, Ordering::Relaxed);
}

impl Metrics {
    pub(crate) fn record(&self, endpoint: Endpoint, code: Option<ErrorCode>, took: Duration) {
        let Some(answers) = self.answers.get(endpoint as usize) else {
            return;
        };
        match code {
            None => add(&answers.granted, 1),
            Some(code) => count_code(&answers.refused, code),
        }
        answers.latency.record(took);
    }
}
