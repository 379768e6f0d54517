//! Threads and locks: those of the standard library, or those of the model checker loom.

use std::sync::PoisonError;
use std::time::Duration;

#[cfg(loom)]
pub(super) use loom::{
    sync::{Condvar, Mutex, MutexGuard},
    thread,
};
#[cfg(not(loom))]
pub(super) use std::{
    sync::{Condvar, Mutex, MutexGuard},
    thread,
};

/// Waits until `is_pending` is false, for at most `timeout`.
#[cfg(not(loom))]
pub(super) fn wait_while<'a, T>(
    condvar: &Condvar,
    guard: MutexGuard<'a, T>,
    timeout: Duration,
    is_pending: impl Fn(&T) -> bool,
) -> MutexGuard<'a, T> {
    let waited = condvar.wait_timeout_while(guard, timeout, |value| is_pending(value));
    waited.unwrap_or_else(PoisonError::into_inner).0
}

/// Waits until `is_pending` is false. The model checker has no clock, so there is no timeout.
#[cfg(loom)]
pub(super) fn wait_while<'a, T>(
    condvar: &Condvar,
    mut guard: MutexGuard<'a, T>,
    _: Duration,
    is_pending: impl Fn(&T) -> bool,
) -> MutexGuard<'a, T> {
    while is_pending(&guard) {
        guard = condvar.wait(guard).unwrap_or_else(PoisonError::into_inner);
    }
    guard
}
