//! A Redis that runs the store's own scripts, and loses data as its seed decides.

mod commands;
mod connection;
mod keys;
mod reply;
mod script;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ably_auth_server::simulation::network::{Connecting, Network, Stream};
use fastrand::Rng;
use tokio::io::DuplexStream;
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};

use keys::Keys;
use script::Scripts;

/// The durability of the data in Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// `appendfsync always`: it loses nothing.
    Always,
    /// `appendfsync everysec`: it loses up to a second.
    EverySecond,
    /// No file: it loses everything.
    Nothing,
}

/// The connection of a service to Redis.
#[derive(Clone, Copy, Debug, Default)]
pub struct Link {
    /// No data passes.
    pub is_cut: bool,
    /// The longest time that data takes, in ms.
    pub slow_ms: u64,
}

struct State {
    keys: Keys,
    scripts: Rc<Scripts>,
    durability: Durability,
    /// The data at earlier times, oldest first.
    history: Vec<(Instant, Keys)>,
    run: u64,
    is_running: bool,
    was_replica: bool,
    is_full: bool,
    rng: Rng,
    links: BTreeMap<String, Link>,
    subscribers: Vec<(Vec<u8>, mpsc::UnboundedSender<Vec<u8>>)>,
}

/// The simulated Redis.
#[derive(Clone)]
pub struct SimulatedRedis {
    state: Rc<RefCell<State>>,
    orders: Rc<watch::Sender<u64>>,
}

/// Where services knock.
struct Doors(Mutex<mpsc::UnboundedSender<(String, DuplexStream)>>);

impl Network for Doors {
    fn connect(&self, host: &str) -> Connecting {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let taken = self.0.lock().unwrap().send((host.to_owned(), theirs));
        Box::pin(async move {
            taken.map_err(|_| io::Error::from(io::ErrorKind::ConnectionRefused))?;
            let stream: Box<dyn Stream> = Box::new(ours);
            Ok(stream)
        })
    }
}

impl SimulatedRedis {
    /// Starts it. Returns the network on which it listens.
    pub fn start(seed: u64, durability: Durability) -> (Self, Arc<dyn Network>) {
        let state = State {
            keys: Keys::default(),
            scripts: Rc::new(Scripts::new()),
            durability,
            history: Vec::new(),
            run: 1,
            is_running: true,
            was_replica: false,
            is_full: false,
            rng: Rng::with_seed(seed),
            links: BTreeMap::new(),
            subscribers: Vec::new(),
        };
        let (sender, mut knocking) = mpsc::unbounded_channel();
        let redis = Self { state: Rc::new(RefCell::new(state)), orders: Rc::new(watch::Sender::new(0)) };
        let serving = redis.clone();
        spawn_local(async move {
            while let Some((host, stream)) = knocking.recv().await {
                if serving.state.borrow().is_running {
                    let (redis, orders) = (serving.clone(), serving.orders.subscribe());
                    spawn_local(async move { connection::serve(redis, host, stream, orders).await });
                }
            }
        });
        (redis, Arc::new(Doors(Mutex::new(sender))))
    }

    pub fn set_link(&self, host: &str, link: Link) {
        self.state.borrow_mut().links.insert(host.to_owned(), link);
    }

    pub fn set_full(&self, is_full: bool) {
        self.state.borrow_mut().is_full = is_full;
    }

    /// Closes all connections.
    pub fn reset_connections(&self) {
        self.orders.send_modify(|number| *number += 1);
    }

    /// Stops it, as a crash does. What it had not written is lost.
    pub fn stop(&self) {
        {
            let mut state = self.state.borrow_mut();
            state.is_running = false;
            state.subscribers.clear();
            match state.durability {
                Durability::Always => {}
                Durability::EverySecond => {
                    let lost = Duration::from_millis(state.rng.u64(0..1_000));
                    state.go_back(lost);
                }
                Durability::Nothing => state.keys = Keys::default(),
            }
        }
        self.reset_connections();
    }

    pub fn restart(&self) {
        let mut state = self.state.borrow_mut();
        state.is_running = true;
        state.run += 1;
        let now = Instant::now();
        state.keys.expire(now);
        state.remember(true);
    }

    /// Makes a replica that is some way behind the primary.
    pub fn fail_over(&self, behind: Duration) {
        {
            let mut state = self.state.borrow_mut();
            state.go_back(behind);
            state.run += 1;
            state.was_replica = true;
            state.subscribers.clear();
        }
        self.reset_connections();
    }

    /// Puts older data in place, as an operator would: Redis is stopped meanwhile.
    pub fn restore(&self, age: Duration) {
        self.stop();
        self.state.borrow_mut().go_back(age);
        self.restart();
    }

    /// Removes all data.
    pub fn flush(&self) {
        self.state.borrow_mut().keys = Keys::default();
    }

    /// Returns how it keeps its data.
    pub fn durability(&self) -> Durability {
        self.state.borrow().durability
    }

    /// Waits for as long as data takes on the link of a service.
    async fn pass(&self, host: &str) {
        loop {
            let (link, micros) = {
                let mut state = self.state.borrow_mut();
                let link = state.links.get(host).copied().unwrap_or_default();
                (link, state.rng.u64(50..=500 + link.slow_ms * 1_000))
            };
            sleep(Duration::from_micros(micros)).await;
            if !link.is_cut {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
}

impl State {
    /// Keeps the data as it is now, for a loss of what comes later.
    fn remember(&mut self, always: bool) {
        let now = Instant::now();
        let last = self.history.last().map(|(at, _)| *at);
        if always || last.is_none_or(|last| now - last >= Duration::from_millis(100)) {
            self.history.push((now, self.keys.clone()));
        }
    }

    /// Goes back to the last data that is at least so old.
    fn go_back(&mut self, by: Duration) {
        let now = Instant::now();
        let kept = self.history.iter().rposition(|(at, _)| now - *at >= by);
        match kept {
            Some(kept) => {
                self.keys = self.history[kept].1.clone();
                self.history.truncate(kept + 1);
            }
            None => {
                self.keys = Keys::default();
                self.history.clear();
            }
        }
    }
}
