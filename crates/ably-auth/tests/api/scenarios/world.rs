//! The environment of a cache in a scenario: clocks, randomness, and sources that answer on command.

use std::collections::HashMap;
use std::future::poll_fn;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use ably_auth::{BlockingTokenSource, Clock, Error, Timestamp, TokenDetails, TokenParams, TokenSource};
use async_trait::async_trait;

/// A wall clock and a steady clock that only move on command.
pub(crate) struct Clocks {
    pub(crate) wall: AtomicU64,
    pub(crate) steady: AtomicU64,
}

impl Clocks {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { wall: AtomicU64::new(1_000_000_000), steady: AtomicU64::new(77_000) })
    }

    pub(crate) fn advance(&self, millis: u64) {
        self.wall.fetch_add(millis, Ordering::SeqCst);
        self.steady.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for Clocks {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.wall.load(Ordering::SeqCst))
    }

    fn steady(&self) -> Duration {
        Duration::from_millis(self.steady.load(Ordering::SeqCst))
    }
}

#[derive(Clone)]
pub(crate) enum Outcome {
    Gives(TokenDetails),
    Fails,
    Panics,
}

impl Outcome {
    fn reached(self) -> Result<TokenDetails, Error> {
        match self {
            Self::Gives(details) => Ok(details),
            Self::Fails => Err(Error::auth_callback("not today")),
            // A panic without a message in the tests' output.
            Self::Panics => resume_unwind(Box::new("the source is broken")),
        }
    }
}

/// One fetch of a source.
#[derive(Default)]
struct Order {
    asked: String,
    outcome: Option<Outcome>,
    is_closed: bool,
    waker: Option<Waker>,
}

/// All fetches of the sources, and their answers.
#[derive(Default)]
pub(crate) struct Desk {
    orders: Mutex<Vec<Order>>,
    changed: Condvar,
}

impl Desk {
    pub(crate) fn count(&self) -> usize {
        self.orders.lock().unwrap().len()
    }

    pub(crate) fn asked(&self, nth: usize) -> String {
        self.orders.lock().unwrap()[nth - 1].asked.clone()
    }

    pub(crate) fn answer(&self, nth: usize, outcome: Outcome) {
        let mut orders = self.orders.lock().unwrap();
        let order = orders.get_mut(nth - 1).unwrap_or_else(|| panic!("fetch {nth} does not exist"));
        order.outcome = Some(outcome);
        order.waker.take().into_iter().for_each(Waker::wake);
        drop(orders);
        self.changed.notify_all();
    }

    /// Records a fetch. Two equal fetches must not be open at once.
    fn open(&self, asked: String) -> usize {
        let mut orders = self.orders.lock().unwrap();
        assert!(
            orders.iter().all(|order| order.is_closed || order.asked != asked),
            "two concurrent fetches of: {asked}"
        );
        orders.push(Order { asked, ..Order::default() });
        orders.len() - 1
    }

    fn close(&self, at: usize) {
        if let Ok(mut orders) = self.orders.lock() {
            orders[at].is_closed = true;
        }
    }
}

/// Closes a fetch on drop, so that a cancelled fetch is closed too.
struct Closes<'a>(&'a Desk, usize);

impl Drop for Closes<'_> {
    fn drop(&mut self) {
        self.0.close(self.1);
    }
}

pub(crate) struct Gated {
    pub(crate) desk: Arc<Desk>,
    pub(crate) name: &'static str,
    pub(crate) is_renewable: bool,
}

impl Gated {
    fn text(&self, params: &TokenParams) -> String {
        let mut text = format!("source={}", self.name);
        if let Some(ttl) = params.get_ttl() {
            text += &format!(" ttl={}", ttl.as_millis());
        }
        if let Some(timestamp) = params.get_timestamp() {
            text += &format!(" timestamp={}", timestamp.as_millis());
        }
        text
    }
}

#[async_trait]
impl TokenSource for Gated {
    async fn token(&self, params: &TokenParams) -> Result<TokenDetails, Error> {
        let at = self.desk.open(self.text(params));
        let _closes = Closes(&self.desk, at);
        let outcome = poll_fn(|context| {
            let mut orders = self.desk.orders.lock().unwrap();
            match &orders[at].outcome {
                Some(outcome) => Poll::Ready(outcome.clone()),
                None => {
                    orders[at].waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        });
        outcome.await.reached()
    }

    fn can_renew(&self) -> bool {
        self.is_renewable
    }
}

impl BlockingTokenSource for Gated {
    fn token(&self, params: &TokenParams) -> Result<TokenDetails, Error> {
        let at = self.desk.open(self.text(params));
        let _closes = Closes(&self.desk, at);
        let mut orders = self.desk.orders.lock().unwrap();
        let outcome = loop {
            match &orders[at].outcome {
                Some(outcome) => break outcome.clone(),
                None => orders = self.desk.changed.wait(orders).unwrap(),
            }
        };
        drop(orders);
        outcome.reached()
    }

    fn can_renew(&self) -> bool {
        self.is_renewable
    }
}

/// Everything that a scenario's steps change and check, except the cache.
pub(crate) struct World {
    pub(crate) clocks: Arc<Clocks>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) chance: Arc<AtomicU8>,
    pub(crate) offset: Arc<ably_auth::TimeOffset>,
    /// Names of tokens in the scenario, by the token's text, where the two differ.
    pub(crate) names: HashMap<String, String>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            clocks: Clocks::new(),
            desk: Arc::default(),
            chance: Arc::default(),
            offset: Arc::default(),
            names: HashMap::new(),
        }
    }

    pub(crate) fn source(&self, name: &'static str, is_renewable: bool) -> Gated {
        Gated { desk: Arc::clone(&self.desk), name, is_renewable }
    }

    pub(crate) fn random(&self) -> Arc<dyn ably_auth::Random> {
        let chance = Arc::clone(&self.chance);
        Arc::new(move || [chance.load(Ordering::SeqCst); 16])
    }

    pub(crate) fn name_of(&self, details: &TokenDetails) -> String {
        let text = details.token().expose();
        self.names.get(text).cloned().unwrap_or_else(|| text.to_owned())
    }
}
