//! The async and the blocking cache behind the interface that a scenario uses.

use std::collections::BTreeMap;
use std::fs;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use ably_auth::{
    BlockingTokenCache, CachePolicy, CachedToken, Error, Generation, TokenCache, TokenDetails, TokenParams,
};

use super::world::World;

type Answer = Result<CachedToken, Error>;

#[derive(Clone)]
pub(super) enum Call {
    Token,
    Renewed(Generation),
    Authorize { params: Option<TokenParams>, source: Option<&'static str> },
}

/// Options of the cache in a scenario.
#[derive(Default)]
pub(super) struct Setup {
    pub(super) given: Option<TokenDetails>,
    pub(super) is_fixed: bool,
    pub(super) policy: CachePolicy,
}

pub(super) trait Face {
    fn make(world: &World, setup: &Setup) -> Self;
    fn start(&mut self, name: &str, call: Call, world: &World);
    /// Cancels a call. False if this face cannot cancel calls.
    fn abandon(&mut self, name: &str) -> bool;
    /// Waits until no call can make progress.
    fn settle(&mut self, world: &World);
    fn answer(&self, name: &str) -> Option<&Answer>;
    fn details(&self) -> Option<TokenDetails>;
}

macro_rules! made {
    ($cache:ident, $world:expr, $setup:expr) => {{
        let source = Arc::new($world.source("first", !$setup.is_fixed));
        let (params, clocks) = (TokenParams::new(), $world.clocks.clone());
        let cache = match &$setup.given {
            Some(token) => $cache::with_token(source, params, clocks, token.clone()),
            None => $cache::new(source, params, clocks),
        };
        let cache = cache.policy($setup.policy).random($world.random());
        cache.time_offset(Arc::clone(&$world.offset))
    }};
}

/// The async cache. Calls are futures, which are polled in the order of their names.
pub(super) struct Async {
    cache: TokenCache,
    pending: BTreeMap<String, Pin<Box<dyn Future<Output = Answer>>>>,
    answers: BTreeMap<String, Answer>,
}

impl Face for Async {
    fn make(world: &World, setup: &Setup) -> Self {
        Self { cache: made!(TokenCache, world, setup), pending: BTreeMap::new(), answers: BTreeMap::new() }
    }

    fn start(&mut self, name: &str, call: Call, world: &World) {
        let cache = self.cache.clone();
        let source = |name| -> Arc<dyn ably_auth::TokenSource> { Arc::new(world.source(name, true)) };
        let future: Pin<Box<dyn Future<Output = Answer>>> = match call {
            Call::Token => Box::pin(async move { cache.token().await }),
            Call::Renewed(refused) => Box::pin(async move { cache.renewed(refused).await }),
            Call::Authorize { params, source: name } => {
                let source = name.map(source);
                Box::pin(async move { cache.authorize(params.as_ref(), source).await })
            }
        };
        assert!(self.pending.insert(name.to_owned(), future).is_none(), "call `{name}` exists already");
    }

    fn abandon(&mut self, name: &str) -> bool {
        self.pending.remove(name).is_some()
    }

    fn settle(&mut self, world: &World) {
        loop {
            let before = (self.answers.len(), world.desk.count());
            let mut context = Context::from_waker(Waker::noop());
            for (name, call) in &mut self.pending {
                if let Poll::Ready(answer) = call.as_mut().poll(&mut context) {
                    self.answers.insert(name.clone(), answer);
                }
            }
            self.pending.retain(|name, _| !self.answers.contains_key(name));
            if before == (self.answers.len(), world.desk.count()) {
                return;
            }
        }
    }

    fn answer(&self, name: &str) -> Option<&Answer> {
        self.answers.get(name)
    }

    fn details(&self) -> Option<TokenDetails> {
        self.cache.token_details()
    }
}

/// The blocking cache. Calls are threads.
pub(super) struct Blocking {
    cache: BlockingTokenCache,
    pending: BTreeMap<String, (Receiver<Answer>, String)>,
    answers: BTreeMap<String, Answer>,
}

impl Face for Blocking {
    fn make(world: &World, setup: &Setup) -> Self {
        let cache = made!(BlockingTokenCache, world, setup);
        Self { cache, pending: BTreeMap::new(), answers: BTreeMap::new() }
    }

    fn start(&mut self, name: &str, call: Call, world: &World) {
        let (cache, (sender, answer), (tell, thread)) = (self.cache.clone(), channel(), channel());
        let source = |name| -> Arc<dyn ably_auth::BlockingTokenSource> { Arc::new(world.source(name, true)) };
        let work: Box<dyn FnOnce() -> Answer + Send> = match call {
            Call::Token => Box::new(move || cache.token()),
            Call::Renewed(refused) => Box::new(move || cache.renewed(refused)),
            Call::Authorize { params, source: name } => {
                let source = name.map(source);
                Box::new(move || cache.authorize(params.as_ref(), source))
            }
        };
        thread::spawn(move || {
            tell.send(thread_in_proc()).unwrap();
            run(work, &sender);
        });
        self.pending.insert(name.to_owned(), (answer, thread.recv().unwrap()));
    }

    fn abandon(&mut self, _: &str) -> bool {
        false
    }

    fn settle(&mut self, _: &World) {
        loop {
            let seen = self.sleepers();
            let answered = self.take_answers();
            // A thread that was asleep at both looks, with the same count, has not run between them. So all were asleep
            // at once.
            if !answered && seen.is_some() && seen == self.sleepers() {
                return;
            }
            thread::yield_now();
        }
    }

    fn answer(&self, name: &str) -> Option<&Answer> {
        self.answers.get(name)
    }

    fn details(&self) -> Option<TokenDetails> {
        self.cache.token_details()
    }
}

impl Blocking {
    /// Stores the answers that have arrived. True if there was one.
    fn take_answers(&mut self) -> bool {
        let before = self.answers.len();
        for (name, (answer, _)) in &self.pending {
            let answer = match answer.try_recv() {
                Ok(answer) => answer,
                Err(TryRecvError::Empty) => continue,
                Err(TryRecvError::Disconnected) => panic!("{name} panicked"),
            };
            self.answers.insert(name.clone(), answer);
        }
        self.pending.retain(|name, _| !self.answers.contains_key(name));
        self.answers.len() > before
    }

    /// Returns how often each thread has gone to sleep. `None` if one of them is awake.
    fn sleepers(&self) -> Option<Vec<u64>> {
        self.pending.values().map(|(_, thread)| sleeps(thread)).collect()
    }
}

fn run(work: Box<dyn FnOnce() -> Answer + Send>, answer: &Sender<Answer>) {
    answer.send(work()).unwrap();
}

/// Returns the path of the file with this thread's state, on Linux.
fn thread_in_proc() -> String {
    let link = fs::read_link("/proc/thread-self");
    link.map(|link| format!("/proc/{}/status", link.display())).unwrap_or_default()
}

/// Returns how often a sleeping thread has gone to sleep. `None` if it runs or has ended. Locks are held only briefly,
/// so a sleeping thread waits for a source or for another call.
fn sleeps(thread: &str) -> Option<u64> {
    if thread.is_empty() {
        // Without /proc, wait and assume that the thread is asleep by then.
        thread::sleep(Duration::from_millis(5));
        return Some(0);
    }
    let status = fs::read_to_string(thread).ok()?;
    let field = |name| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let is_asleep = field("State:")?.starts_with('S');
    is_asleep.then(|| field("voluntary_ctxt_switches:")?.parse().ok())?
}
