//! The phase of a connection: its current step, and since when it is idle.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Stopwatch;

/// A step of a connection's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing has been received since the client connected.
    New,
    /// A part of a request's head has been received.
    Head,
    /// The head of a request has been received, and its body is being read.
    Body,
    /// A whole request is being answered.
    Busy,
    /// A response is being written.
    Answered,
    /// A response is being written, but its request was not read completely. The connection is closed after it.
    Unread,
    /// The last response was written, and nothing of the next request has been received.
    Idle,
    /// The connection was idle and is being closed to make room for another.
    Evicted,
    /// A response without a known end is being written.
    Streaming,
}

impl Step {
    const ALL: [Self; 9] = [
        Self::New,
        Self::Head,
        Self::Body,
        Self::Busy,
        Self::Answered,
        Self::Unread,
        Self::Idle,
        Self::Evicted,
        Self::Streaming,
    ];

    /// The bits of a state that hold its step. The others count the requests.
    const MASK: u64 = 15;
    const ONE_REQUEST: u64 = 16;

    fn of(state: u64) -> Self {
        let at = usize::try_from(state & Self::MASK).unwrap_or_default();
        Self::ALL.get(at).copied().unwrap_or(Self::New)
    }

    const fn is_idle(self) -> bool {
        matches!(self, Self::New | Self::Idle)
    }
}

/// The phase of a connection. Only the connection's task advances it. Other tasks may only evict it while it is idle.
#[derive(Debug)]
pub(super) struct Phase {
    state: AtomicU64,
    /// The time at which the connection became idle, in microseconds of `stopwatch`.
    idle_since: AtomicU64,
    stopwatch: Stopwatch,
}

impl Phase {
    /// Returns the phase of a new connection, which becomes idle after `grace` if no byte is received.
    pub(super) fn new(stopwatch: Stopwatch, grace: Duration) -> Arc<Self> {
        let idle_since = micros(stopwatch.elapsed().saturating_add(grace));
        Arc::new(Self { state: AtomicU64::new(Step::New as u64), idle_since: idle_since.into(), stopwatch })
    }

    pub(super) fn step(&self) -> Step {
        Step::of(self.state.load(Ordering::Acquire))
    }

    /// Returns a number that differs for each request and step.
    pub(super) fn state(&self) -> u64 {
        self.state.load(Ordering::Relaxed)
    }

    /// Sets the step. The current step must not be idle: no other task changes such a state, so a load and a store
    /// suffice.
    fn set(&self, step: Step) {
        let count = self.state.load(Ordering::Relaxed) & !Step::MASK;
        self.state.store(count | step as u64, Ordering::Release);
    }

    /// Records that bytes of a request were received. Returns `false` if the connection has been evicted.
    pub(super) fn receive(&self) -> bool {
        let state = self.state.load(Ordering::Acquire);
        match Step::of(state) {
            Step::New | Step::Idle => {
                let head = (state & !Step::MASK) | Step::Head as u64;
                self.state.compare_exchange(state, head, Ordering::AcqRel, Ordering::Acquire).is_ok()
            }
            Step::Answered => {
                self.set(Step::Head);
                true
            }
            step => step != Step::Evicted,
        }
    }

    /// Records that the head of a request was received. Returns `false` if the connection has been evicted. Then this
    /// request must be its last.
    pub(super) fn begin(&self, is_whole: bool) -> bool {
        let step = if is_whole { Step::Busy } else { Step::Body };
        let state = self.state.load(Ordering::Acquire);
        let next = (state & !Step::MASK).wrapping_add(Step::ONE_REQUEST) | step as u64;
        // The connection may be idle and be evicted meanwhile: a pipelined request may have been read with the one
        // before.
        let before = self.state.swap(next, Ordering::AcqRel);
        Step::of(before) != Step::Evicted
    }

    /// Records that the body of the request was received too.
    pub(super) fn receive_whole(&self) {
        self.set(Step::Busy);
    }

    /// Records that the response is ready to be written. `is_read` is true if the request was read completely.
    pub(super) fn end(&self, is_read: bool) {
        self.set(if is_read { Step::Answered } else { Step::Unread });
    }

    /// Records that a response without a known end is being written. The connection is not idle until [`end`](Self::end).
    #[cfg(feature = "console")]
    pub(super) fn stream(&self) {
        self.set(Step::Streaming);
    }

    /// Records that the response was written. Returns `true` if the connection is idle from now on.
    pub(super) fn flushed(&self) -> bool {
        let is_idle = self.step() == Step::Answered;
        if is_idle {
            self.idle_since.store(micros(self.stopwatch.elapsed()), Ordering::Relaxed);
            self.set(Step::Idle);
        }
        is_idle
    }

    /// Returns the time at which the connection became idle, in microseconds of the stopwatch, or `None` if it is not
    /// idle.
    pub(super) fn idle_since(&self) -> Option<u64> {
        self.step().is_idle().then(|| self.idle_since.load(Ordering::Relaxed))
    }

    /// Evicts the connection if it is still idle. Returns `false` if it is not.
    pub(super) fn evict(&self) -> bool {
        let state = self.state.load(Ordering::Acquire);
        let evicted = (state & !Step::MASK) | Step::Evicted as u64;
        Step::of(state).is_idle()
            && self.state.compare_exchange(state, evicted, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_idle_connection_is_evicted() {
        let phase = Phase::new(Stopwatch::start(), Duration::ZERO);
        assert!(phase.receive() && !phase.evict(), "part of a head was received");
        assert!(phase.begin(false) && !phase.evict());
        phase.receive_whole();
        assert!(!phase.evict());
        phase.end(true);
        assert!(!phase.evict(), "the response is not written yet");
        assert!(phase.flushed() && phase.idle_since().is_some());
        assert!(phase.evict() && phase.step() == Step::Evicted && phase.idle_since().is_none());
        assert!(!phase.receive(), "an evicted connection receives nothing");
        assert!(!phase.begin(true), "a request that was already read is the last");
    }

    #[test]
    fn state_differs_between_requests() {
        let phase = Phase::new(Stopwatch::start(), Duration::ZERO);
        let state = || {
            assert!(phase.receive() && phase.begin(true));
            phase.end(true);
            assert!(phase.flushed());
            phase.state()
        };
        assert_ne!(state(), state());
    }
}
