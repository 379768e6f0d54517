//! The threads of the store: those of the system, or of a simulation.

#[cfg(simulation)]
pub(super) use crate::simulation::threads::{Condvar, JoinHandle, sleep, spawn};
#[cfg(not(simulation))]
pub(super) use system::{Condvar, JoinHandle, sleep, spawn};

#[cfg(not(simulation))]
mod system {
    use std::io;
    use std::sync::{Mutex, MutexGuard, PoisonError};
    pub(in crate::store::redb) use std::thread::sleep;

    pub(in crate::store::redb) type JoinHandle = std::thread::JoinHandle<()>;

    pub(in crate::store::redb) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle> {
        std::thread::Builder::new().name(name.into()).spawn(work)
    }

    #[derive(Debug, Default)]
    pub(in crate::store::redb) struct Condvar(std::sync::Condvar);

    impl Condvar {
        pub(in crate::store::redb) fn new() -> Self {
            Self::default()
        }

        pub(in crate::store::redb) fn notify_one(&self) {
            self.0.notify_one();
        }

        /// Waits for a notification. May return without one. `guard` is the lock of the mutex.
        pub(in crate::store::redb) fn wait<'a, T>(
            &self,
            _: &'a Mutex<T>,
            guard: MutexGuard<'a, T>,
        ) -> MutexGuard<'a, T> {
            self.0.wait(guard).unwrap_or_else(PoisonError::into_inner)
        }
    }
}
