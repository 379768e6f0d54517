//! Threads, and the locks that they wait for: those of the standard library, or those of the model checker.

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
