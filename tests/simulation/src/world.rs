//! The services, and everything that they and the clients share.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use ably_auth_core::{Timestamp, Token};
use ably_auth_server::store::{Redb, Redis, RedisOptions};
use ably_auth_server::{Apps, Server, Service};
use bytes::Bytes;
use fastrand::Rng;
use http::Request;
use serde_json::json;
use tokio::io::DuplexStream;
use tokio::select;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::{Instant, sleep};

use crate::disk::SimulatedDisk;
use crate::oracle::{Exchange, Key, Oracle, Rights};
use crate::plan::{Plan, Storage};
use crate::redis::SimulatedRedis;
use crate::response::Response;
use crate::trace::Trace;

pub const CONTROL: &str = "control-access-token-of-the-simulation";
pub const FOLDER: &str = "/data";
const SECRET: &str = "a-secret-of-the-simulation";

/// The time at which each run begins, in ms since the epoch.
const BEGIN: u64 = 1_700_000_000_000;

/// The longest time that a request or a response takes on the network, in ms.
const NETWORK_MS: u64 = 20;

pub struct Node {
    pub name: String,
    service: RefCell<Option<Service>>,
    /// Takes new realtime connections.
    pub streams: RefCell<Option<mpsc::UnboundedSender<DuplexStream>>>,
    server: RefCell<Option<JoinHandle<()>>>,
    /// The error of the clock, in ms.
    pub offset: Arc<AtomicI64>,
    /// Changes when the process ends.
    life: watch::Sender<u64>,
    /// One of so many responses is lost; none if 0.
    pub loses_one_in: Cell<u32>,
}

pub struct World {
    pub plan: Plan,
    pub nodes: Vec<Node>,
    pub disk: Arc<SimulatedDisk>,
    pub redis: Option<SimulatedRedis>,
    pub oracle: RefCell<Oracle>,
    pub trace: Trace,
    pub rng: RefCell<Rng>,
    pub failure: RefCell<Option<String>>,
    pub is_over: Cell<bool>,
    start: Instant,
}

pub fn apps() -> Apps {
    let json = json!({ "apps": [{ "appId": "app1", "keys": [
        { "id": "lasting", "secret": SECRET },
        { "id": "revocable", "secret": SECRET, "revocableTokens": true },
        { "id": "limited", "secret": SECRET, "capability": limited().to_json().to_string() },
        { "id": "doomed", "secret": SECRET },
    ] }] });
    Apps::from_json(&json.to_string()).unwrap()
}

fn limited() -> Rights {
    Rights::of(&[("chat:*", &["publish", "subscribe"]), ("status", &["history"])])
}

fn keys() -> Vec<Key> {
    let key = |id: &str, rights| Key {
        key: format!("app1.{id}:{SECRET}").parse().unwrap(),
        rights,
        is_created: false,
        revoked: Default::default(),
    };
    vec![
        key("lasting", Rights::all()),
        key("revocable", Rights::all()),
        key("limited", limited()),
        key("doomed", Rights::all()),
    ]
}

impl World {
    pub fn new(
        plan: Plan,
        mut rng: Rng,
        disk: Arc<SimulatedDisk>,
        redis: Option<SimulatedRedis>,
        trace: Trace,
    ) -> Rc<Self> {
        let node = |nth: usize| Node {
            name: format!("node{nth}"),
            service: RefCell::new(None),
            streams: RefCell::new(None),
            server: RefCell::new(None),
            offset: Arc::new(AtomicI64::new(rng.i64(-800..=800))),
            life: watch::Sender::new(0),
            loses_one_in: Cell::new(0),
        };
        let nodes = (0..plan.services).map(node).collect();
        let oracle = Oracle { keys: keys(), ..Oracle::default() };
        Rc::new(Self {
            plan,
            nodes,
            disk,
            redis,
            oracle: RefCell::new(oracle),
            trace,
            rng: RefCell::new(rng),
            failure: RefCell::new(None),
            is_over: Cell::new(false),
            start: Instant::now(),
        })
    }

    /// Returns the true time, in ms since the epoch.
    pub fn now(&self) -> u64 {
        BEGIN + self.start.elapsed().as_millis() as u64
    }

    pub fn clock(&self, node: usize) -> u64 {
        self.now().saturating_add_signed(self.nodes[node].offset.load(Ordering::SeqCst))
    }

    pub fn is_up(&self, node: usize) -> bool {
        self.nodes[node].service.borrow().is_some()
    }

    /// Records a broken promise, and ends the run.
    pub fn fail(&self, text: String) {
        self.trace.note(format!("FAILED: {text}"));
        self.failure.borrow_mut().get_or_insert(text);
        self.is_over.set(true);
    }

    pub fn check(&self, judgement: Result<(), String>) {
        if let Err(text) = judgement {
            self.fail(text);
        }
    }

    /// Starts a service. Returns the error of its store. `is_first` is true for the first service on a new Redis.
    pub async fn start_service(&self, node: usize, is_first: bool) -> Result<(), String> {
        let Node { name, service, offset, .. } = &self.nodes[node];
        let (start, offset) = (self.start, Arc::clone(offset));
        let builder = Service::builder()
            .apps(apps())
            .control_token(Token::new(CONTROL).unwrap())
            .clock(move || {
                let now = BEGIN + start.elapsed().as_millis() as u64;
                Timestamp::from_millis(now.saturating_add_signed(offset.load(Ordering::SeqCst)))
            })
            .steady_clock(move || start.elapsed());
        let builder = match self.plan.storage {
            Storage::Folder => {
                self.disk.start_process();
                builder.store(Redb::open(Path::new(FOLDER)).map_err(|error| error.to_string())?)
            }
            Storage::Redis(_) => {
                let mut options = RedisOptions::default();
                options.is_new = is_first;
                let store = Redis::connect_with(&format!("redis://{name}/"), options).await;
                let store = store.map_err(|error| error.to_string())?;
                builder.store(store)
            }
        };
        let built = builder.build().map_err(|error| error.to_string())?;
        let (sender, receiver) = mpsc::unbounded_channel();
        *self.nodes[node].server.borrow_mut() = Some(spawn_local(Server::serve_streams(built.clone(), receiver)));
        *self.nodes[node].streams.borrow_mut() = Some(sender);
        *service.borrow_mut() = Some(built);
        self.trace.note(format!("{name} has started"));
        Ok(())
    }

    /// Ends a process. Requests that it was answering get no response.
    pub async fn end_service(&self, node: usize, end: End) {
        let Node { name, service, life, .. } = &self.nodes[node];
        self.trace.note(format!("{name} ends: {end:?}"));
        if self.plan.storage == Storage::Folder {
            match end {
                End::Clean => {}
                End::Killed => self.disk.end_process(),
                End::PowerLost => self.disk.lose_power(),
            }
        }
        life.send_modify(|life| *life += 1);
        drop(service.borrow_mut().take());
        drop(self.nodes[node].streams.borrow_mut().take());
        if let Some(server) = self.nodes[node].server.borrow_mut().take() {
            server.abort();
        }
        // All tasks that held the service drop it meanwhile.
        sleep(Duration::from_millis(5)).await;
        if self.plan.storage == Storage::Folder && end == End::Clean {
            self.disk.end_process();
        }
    }

    /// Sends a request to a service. `None` if there is no response.
    pub async fn send(&self, node: usize, request: Request<Bytes>) -> Option<(Response, Exchange)> {
        if self.failure.borrow().is_some() {
            return None;
        }
        let delay = || Duration::from_micros(self.rng.borrow_mut().u64(..NETWORK_MS * 1_000));
        let sent = Instant::now();
        sleep(delay()).await;
        let service = self.nodes[node].service.borrow().clone()?;
        let mut life = self.nodes[node].life.subscribe();
        let clock = self.clock(node);
        let response = select! {
            biased;
            _ = life.changed() => None,
            response = service.handle(request) => Some(response),
        };
        drop(service);
        let response = response?;
        if self.plan.storage == Storage::Folder && self.disk.has_died() {
            return None;
        }
        let answered = Instant::now();
        sleep(delay()).await;
        let loses = self.nodes[node].loses_one_in.get();
        if loses > 0 && self.rng.borrow_mut().u32(..loses) == 0 {
            return None;
        }
        Some((Response::new(response), Exchange { sent, answered, clock }))
    }

    /// Returns the service, if it runs.
    pub fn service(&self, node: usize) -> Option<Service> {
        self.nodes[node].service.borrow().clone()
    }
}

/// The end of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Clean,
    Killed,
    PowerLost,
}
