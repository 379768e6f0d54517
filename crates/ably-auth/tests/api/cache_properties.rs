//! Properties of a cache that hold for every sequence of events.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ably_auth::{
    CachePolicy, CachedToken, Clock as _, Error, Generation, TokenCache, TokenDetails, TokenParams, TokenSource, Ttl,
};
use async_trait::async_trait;
use proptest::prelude::*;

use super::scenarios::world::{Outcome, World};
use super::support::VirtualTime;

type Answer = Result<CachedToken, Error>;
type Calling = Pin<Box<dyn Future<Output = Answer>>>;

fn poll<T>(future: &mut Pin<Box<dyn Future<Output = T> + '_>>) -> Poll<T> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

fn token(nth: usize, lifetime: u64) -> TokenDetails {
    let json = serde_json::json!({ "token": format!("t{nth}"), "issued": 5, "expires": 5 + lifetime });
    serde_json::from_value(json).unwrap()
}

#[derive(Clone, Debug)]
enum Event {
    Token,
    Renewed,
    Authorize(Option<u64>),
    Drop(usize),
    Gives(usize, u64),
    Fails(usize),
    Panics(usize),
    Wait(u64),
    Wall(i64),
}

fn event() -> impl Strategy<Value = Event> {
    let lifetime = prop_oneof![Just(0), 1..100_u64, 1_000..100_000_u64];
    prop_oneof![
        6 => Just(Event::Token),
        2 => Just(Event::Renewed),
        2 => proptest::option::of(1..3_u64).prop_map(Event::Authorize),
        2 => any::<usize>().prop_map(Event::Drop),
        6 => (any::<usize>(), lifetime).prop_map(|(which, lifetime)| Event::Gives(which, lifetime)),
        3 => any::<usize>().prop_map(Event::Fails),
        1 => any::<usize>().prop_map(Event::Panics),
        4 => prop_oneof![0..200_u64, 0..100_000_u64].prop_map(Event::Wait),
        1 => (-100_000..100_000_i64).prop_map(Event::Wall),
    ]
}

/// The moment at which a token was requested, by both clocks, and its lifetime, in ms.
#[derive(Clone, Copy)]
struct Life {
    wall: u64,
    steady: u64,
    lifetime: u64,
}

struct Model {
    world: World,
    cache: TokenCache,
    /// Pending calls, each with true for an explicit `authorize`, which returns its own token even if a newer one
    /// exists.
    calls: Vec<(bool, Calling)>,
    lives: Vec<Life>,
    is_open: Vec<bool>,
    newest: Generation,
    refused: Generation,
    last: Option<CachedToken>,
}

impl Model {
    fn new(chance: u8) -> Self {
        let world = World::new();
        world.chance.store(chance, Ordering::SeqCst);
        let cache = TokenCache::new(Arc::new(world.source("first", true)), TokenParams::new(), world.clocks.clone());
        let cache = cache.random(world.random());
        Self {
            world,
            cache,
            calls: Vec::new(),
            lives: Vec::new(),
            is_open: Vec::new(),
            newest: Generation::default(),
            refused: Generation::default(),
            last: None,
        }
    }

    fn clocks(&self) -> (u64, u64) {
        (self.world.clocks.now().as_millis(), u64::try_from(self.world.clocks.steady().as_millis()).unwrap())
    }

    fn take(&mut self, event: &Event) {
        let cache = self.cache.clone();
        match *event {
            Event::Token => self.calls.push((false, Box::pin(async move { cache.token().await }))),
            Event::Renewed => {
                if let Some(refused) = self.last.as_ref().map(CachedToken::generation) {
                    self.refused = self.refused.max(refused);
                    self.calls.push((false, Box::pin(async move { cache.renewed(refused).await })));
                }
            }
            Event::Authorize(ttl) => {
                let params = ttl.map(|ttl| TokenParams::new().ttl(Ttl::from_millis(ttl).unwrap()));
                self.calls.push((true, Box::pin(async move { cache.authorize(params.as_ref(), None).await })));
            }
            Event::Drop(which) if !self.calls.is_empty() => drop(self.calls.remove(which % self.calls.len())),
            Event::Drop(_) => {}
            Event::Gives(which, lifetime) => self.answer(which, lifetime, |nth| Outcome::Gives(token(nth, lifetime))),
            Event::Fails(which) => self.answer(which, 0, |_| Outcome::Fails),
            Event::Panics(which) => self.answer(which, 0, |_| Outcome::Panics),
            Event::Wait(millis) => self.world.clocks.advance(millis),
            Event::Wall(change) => {
                let wall = self.clocks().0.checked_add_signed(change).unwrap();
                self.world.clocks.wall.store(wall, Ordering::SeqCst);
            }
        }
        self.settle();
    }

    fn answer(&mut self, which: usize, lifetime: u64, outcome: impl Fn(usize) -> Outcome) {
        let open: Vec<usize> = (0..self.is_open.len()).filter(|at| self.is_open[*at]).collect();
        if let Some(at) = (!open.is_empty()).then(|| open[which % open.len()]) {
            self.is_open[at] = false;
            self.lives[at].lifetime = lifetime;
            self.world.desk.answer(at + 1, outcome(at + 1));
        }
    }

    /// Answers until no fetch is open. Some callers may have been cancelled.
    fn answer_all(&mut self) {
        for _ in 0..1_000 {
            if self.is_open.contains(&true) {
                self.take(&Event::Gives(0, 1_000_000));
            }
        }
    }

    /// Polls all calls until none makes progress, and checks every answer.
    fn settle(&mut self) {
        loop {
            let before = (self.calls.len(), self.world.desk.count());
            let mut answers = Vec::new();
            let mut calls = std::mem::take(&mut self.calls);
            calls.retain_mut(|(authorizes, call)| match poll(call) {
                Poll::Ready(answer) => {
                    answers.push((*authorizes, answer));
                    false
                }
                Poll::Pending => true,
            });
            self.calls = calls;
            let (wall, steady) = self.clocks();
            for _ in self.lives.len()..self.world.desk.count() {
                self.lives.push(Life { wall, steady, lifetime: 0 });
                self.is_open.push(true);
            }
            for (authorizes, answer) in answers {
                self.judge(authorizes, answer);
            }
            if before == (self.calls.len(), self.world.desk.count()) {
                return;
            }
        }
    }

    fn judge(&mut self, authorizes: bool, answer: Answer) {
        let Ok(token) = answer else { return };
        if authorizes {
            return;
        }
        assert!(token.generation() >= self.newest, "an older token than one that was returned before");
        assert!(token.generation() > self.refused, "a refused token");
        self.newest = token.generation();
        let nth: usize = token.details().token().expose()[1..].parse().unwrap();
        let (wall, steady) = self.clocks();
        let life = self.lives[nth - 1];
        assert!(wall < life.wall + life.lifetime && steady < life.steady + life.lifetime, "an expired token");
        self.last = Some(token);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The source itself checks that two equal fetches never run at once.
    #[test]
    fn token_is_never_older_refused_or_expired_and_no_call_hangs(
        chance in any::<u8>(),
        events in proptest::collection::vec(event(), 1..60),
    ) {
        let mut model = Model::new(chance);
        events.iter().for_each(|event| model.take(event));
        model.answer_all();
        prop_assert!(model.calls.is_empty(), "{} callers still wait", model.calls.len());
        model.take(&Event::Wait(10_000));
        model.take(&Event::Token);
        model.answer_all();
        prop_assert!(model.calls.is_empty() && model.last.is_some());
    }

    #[test]
    fn randomness_only_makes_renewal_earlier(chance in any::<u8>(), lifetime in 100..86_400_000_u64) {
        let mut model = Model::new(chance);
        let fetches = |model: &mut Model, millis| {
            model.take(&Event::Wait(millis));
            model.take(&Event::Token);
            model.world.desk.count()
        };
        fetches(&mut model, 0);
        model.take(&Event::Gives(0, lifetime));
        let margin = (lifetime / 10).min(300_000);
        let never_before = lifetime - margin - margin / 2 - 2;
        prop_assert_eq!(fetches(&mut model, never_before), 1);
        prop_assert_eq!(fetches(&mut model, lifetime - margin - never_before), 2);
    }

    /// Callers come at any time, and the source always fails.
    #[test]
    fn failing_source_is_called_no_more_often_than_backoff_allows(
        chance in any::<u8>(),
        waits in proptest::collection::vec(prop_oneof![0..50_u64, 0..20_000_u64], 1..60),
    ) {
        let mut model = Model::new(chance);
        let mut failed_at = 0;
        let mut failures = 0;
        for wait in waits {
            model.take(&Event::Wait(wait));
            model.take(&Event::Token);
            let fetches = model.world.desk.count();
            let (now, _) = model.clocks();
            if fetches > failures {
                let longest = if failures < 2 { 0 } else { 10_000.min(100_u64 << (failures - 2).min(20)) };
                prop_assert!(now - failed_at >= longest / 2, "asked again after {} ms, {failures} failures", now - failed_at);
                failures = fetches;
                failed_at = now;
                model.take(&Event::Fails(0));
            } else {
                prop_assert!(now - failed_at < 10_000, "no fetch for too long");
            }
            prop_assert!(model.calls.is_empty());
        }
    }
}

/// A source that gives a token at the fourth poll.
struct Slow(AtomicUsize);

#[async_trait]
impl TokenSource for Slow {
    async fn token(&self, _: &TokenParams) -> Result<TokenDetails, Error> {
        let nth = self.0.fetch_add(1, Ordering::SeqCst) + 1;
        let mut polls = 0;
        std::future::poll_fn(|context| {
            polls += 1;
            context.waker().wake_by_ref();
            if polls > 3 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        Ok(token(nth, 1_000))
    }
}

fn finish(call: &mut Calling) -> CachedToken {
    let outcome = (0..50).find_map(|_| match poll(call) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    });
    outcome.expect("a call hangs").unwrap()
}

/// There is no other call, or one that began before the dropped one, or one that began after it.
#[test]
fn future_can_be_dropped_at_any_await() {
    type Begin = fn(TokenCache, Option<Generation>) -> Calling;
    let begins: [Begin; 3] = [
        |cache, _| Box::pin(async move { cache.token().await }),
        |cache, refused| match refused {
            Some(refused) => Box::pin(async move { cache.renewed(refused).await }),
            None => Box::pin(async move { cache.token().await }),
        },
        |cache, _| Box::pin(async move { cache.authorize(None, None).await }),
    ];
    let mut dropped = 0;
    for (begin, is_warm, is_due, others, polls) in begins
        .into_iter()
        .flat_map(|begin| (0..2 * 2 * 3 * 12).map(move |n| (begin, n % 2 == 1, n / 2 % 2 == 1, n / 4 % 3, n / 12)))
    {
        let time = VirtualTime::default();
        let cache = TokenCache::new(Arc::new(Slow(AtomicUsize::new(0))), TokenParams::new(), time.clock());
        let cache = cache.policy(CachePolicy::new().early_refresh(Duration::from_millis(100)));
        let call =
            |begin: Begin, held: &Option<CachedToken>| begin(cache.clone(), held.as_ref().map(CachedToken::generation));
        let held = is_warm.then(|| finish(&mut call(begins[0], &None)));
        time.advance(if is_due { 950 } else { 0 });
        let mut other = call(begins[2], &held);
        if others == 1 {
            assert!(poll(&mut other).is_pending());
        }
        let mut leaving = call(begin, &held);
        let is_over = (0..polls).any(|_| poll(&mut leaving).is_ready());
        if others == 2 {
            assert!(poll(&mut other).is_pending());
        }
        drop(leaving);
        dropped += usize::from(!is_over);
        if others > 0 {
            finish(&mut other);
        }
        let last = finish(&mut call(begins[0], &None));
        assert!(finish(&mut call(begins[0], &None)).generation() >= last.generation());
        assert!(cache.token_details().is_some());
    }
    assert!(dropped > 100, "only {dropped} futures were dropped before they ended");
}
