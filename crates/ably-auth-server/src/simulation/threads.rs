//! Threads that run one at a time, in an order that the simulation decides, on its virtual time.
//!
//! A simulated thread runs until it sleeps, waits or uses the disk. Then a task of the runtime takes over: it waits for
//! the virtual time or the notification, and lets the thread go on. Nothing else runs meanwhile.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::sync::{Arc, Condvar as SystemCondvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::sync::lock;

type Setup = Arc<dyn Fn() + Send + Sync>;

thread_local! {
    static TURN: RefCell<Option<Arc<Turns>>> = const { RefCell::new(None) };
    static SETUP: RefCell<Option<Setup>> = const { RefCell::new(None) };
}

/// Sets the function that each simulated thread calls first. It sets the disk of the thread and seeds its random numbers.
pub fn set_setup(setup: Option<Setup>) {
    SETUP.set(setup);
}

/// The reason for which a thread does not run.
enum Pause {
    Sleep(Duration),
    Wait(Arc<Notify>),
    End,
}

enum Turn {
    Thread,
    Scheduler(Option<Pause>),
}

/// The turns of a thread and of its scheduler.
struct Turns {
    turn: Mutex<Turn>,
    changed: SystemCondvar,
}

impl Turns {
    /// Lets the thread run until its next pause.
    fn run(&self) -> Pause {
        let mut turn = lock(&self.turn);
        if matches!(*turn, Turn::Scheduler(Some(Pause::End))) {
            return Pause::End;
        }
        *turn = Turn::Thread;
        self.changed.notify_all();
        loop {
            match &mut *turn {
                Turn::Scheduler(Some(Pause::End)) => return Pause::End,
                Turn::Scheduler(pause) => {
                    if let Some(pause) = pause.take() {
                        return pause;
                    }
                }
                Turn::Thread => {}
            }
            turn = self.changed.wait(turn).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Ends the thread's turn, and returns when it has the next one.
    fn pause(&self, pause: Pause) {
        let mut turn = lock(&self.turn);
        *turn = Turn::Scheduler(Some(pause));
        self.changed.notify_all();
        while !matches!(*turn, Turn::Thread) {
            turn = self.changed.wait(turn).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn wait_for_first_turn(&self) {
        let mut turn = lock(&self.turn);
        while !matches!(*turn, Turn::Thread) {
            turn = self.changed.wait(turn).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Marks the thread as ended, even if it panics.
struct Ends(Arc<Turns>);

impl Drop for Ends {
    fn drop(&mut self) {
        *lock(&self.0.turn) = Turn::Scheduler(Some(Pause::End));
        self.0.changed.notify_all();
    }
}

/// A simulated thread.
pub(crate) struct JoinHandle {
    turns: Arc<Turns>,
    scheduler: AbortHandle,
    thread: thread::JoinHandle<()>,
}

impl JoinHandle {
    /// Runs the thread until it ends, without a pause.
    pub(crate) fn join(self) -> thread::Result<()> {
        self.scheduler.abort();
        while !matches!(self.turns.run(), Pause::End) {}
        self.thread.join()
    }
}

pub(crate) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle> {
    let turns = Arc::new(Turns { turn: Mutex::new(Turn::Scheduler(None)), changed: SystemCondvar::new() });
    let (of_thread, of_scheduler) = (Arc::clone(&turns), Arc::clone(&turns));
    let setup = SETUP.with_borrow(Clone::clone);
    let thread = thread::Builder::new().name(name.into()).spawn(move || {
        of_thread.wait_for_first_turn();
        let _ends = Ends(Arc::clone(&of_thread));
        TURN.set(Some(of_thread));
        if let Some(setup) = setup {
            setup();
        }
        work();
    })?;
    let scheduler = tokio::spawn(async move {
        loop {
            match of_scheduler.run() {
                Pause::Sleep(duration) => tokio::time::sleep(duration).await,
                Pause::Wait(notify) => notify.notified().await,
                Pause::End => break,
            }
        }
    });
    Ok(JoinHandle { turns, scheduler: scheduler.abort_handle(), thread })
}

/// Sleeps on virtual time. Returns at once on a thread that is not simulated.
pub(crate) fn sleep(duration: Duration) {
    if let Some(turns) = TURN.with_borrow(Clone::clone) {
        turns.pause(Pause::Sleep(duration));
    }
}

/// A condition for which simulated threads wait.
pub(crate) struct Condvar(Arc<Notify>);

impl Condvar {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    /// Waits for a notification. May return without one.
    pub(crate) fn wait<'a, T>(&self, mutex: &'a Mutex<T>, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        drop(guard);
        if let Some(turns) = TURN.with_borrow(Clone::clone) {
            turns.pause(Pause::Wait(Arc::clone(&self.0)));
        }
        lock(mutex)
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Condvar")
    }
}
