//! The blocking cache, in every order in which its threads can take turns. A thread that waits for ever fails the model.
#![cfg(loom)]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use ably_auth::{
    BlockingTokenCache, BlockingTokenSource, CachedToken, Error, Timestamp, TokenDetails, TokenParams, Ttl,
};
use loom::thread;

/// Time stands but where a test moves it. These do not take part in the model: it has no business with them.
#[derive(Clone, Default)]
struct World {
    now: Arc<AtomicU64>,
    fetches: Arc<AtomicUsize>,
    is_asked: Arc<AtomicBool>,
}

impl World {
    /// Tokens that live for a second.
    fn cache(&self, outcome: fn(usize) -> Result<(), Error>) -> BlockingTokenCache {
        let now = Arc::clone(&self.now);
        let clock = move || Timestamp::from_millis(now.load(Ordering::SeqCst));
        let cache = BlockingTokenCache::new(self.source(outcome), TokenParams::new(), Arc::new(clock));
        cache.with_random(Arc::new(|| [0; 16]))
    }

    fn source(&self, outcome: fn(usize) -> Result<(), Error>) -> Arc<dyn BlockingTokenSource> {
        let world = self.clone();
        Arc::new(move |_: &TokenParams| {
            assert!(!world.is_asked.swap(true, Ordering::SeqCst), "two fetches at once");
            let nth = world.fetches.fetch_add(1, Ordering::SeqCst) + 1;
            // Whoever else can run does so now.
            thread::yield_now();
            world.is_asked.store(false, Ordering::SeqCst);
            outcome(nth).map(|()| token(nth))
        })
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

fn token(nth: usize) -> TokenDetails {
    let json = serde_json::json!({ "token": format!("t{nth}"), "issued": 0, "expires": 1000 });
    serde_json::from_value(json).unwrap()
}

fn name(token: &CachedToken) -> &str {
    token.details().token().expose()
}

fn always(_: usize) -> Result<(), Error> {
    Ok(())
}

fn in_all_orders(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    // More switches than these have never found a fault that fewer do not, and take hours.
    builder.preemption_bound = Some(3);
    builder.check(model);
}

fn beside<T: 'static>(
    cache: &BlockingTokenCache,
    work: impl FnOnce(BlockingTokenCache) -> T + 'static,
) -> thread::JoinHandle<T> {
    let cache = cache.clone();
    thread::spawn(move || work(cache))
}

#[test]
fn cold_callers_make_one_fetch() {
    in_all_orders(|| {
        let world = World::default();
        let cache = world.cache(always);
        let others = [0, 1].map(|_| beside(&cache, |cache| cache.token().unwrap()));
        assert_eq!(name(&cache.token().unwrap()), "t1");
        others.into_iter().for_each(|other| assert_eq!(name(&other.join().unwrap()), "t1"));
        assert_eq!(world.fetches(), 1);
    });
}

#[test]
fn callers_who_saw_the_same_token_refused_make_one_fetch() {
    in_all_orders(|| {
        let world = World::default();
        let cache = world.cache(always);
        let refused = cache.token().unwrap().generation();
        let other = beside(&cache, move |cache| cache.renewed(refused).unwrap());
        let late = beside(&cache, |cache| cache.token().unwrap());
        assert_eq!(name(&cache.renewed(refused).unwrap()), "t2");
        assert_eq!(name(&other.join().unwrap()), "t2");
        late.join().unwrap();
        assert_eq!(world.fetches(), 2);
    });
}

#[test]
fn a_token_that_is_due_is_renewed_by_one() {
    in_all_orders(|| {
        let world = World::default();
        let cache = world.cache(always);
        cache.token().unwrap();
        world.now.store(900, Ordering::SeqCst);
        let other = beside(&cache, |cache| cache.token().unwrap());
        let (mine, others) = (cache.token().unwrap(), other.join().unwrap());
        assert!([name(&mine), name(&others)].contains(&"t2"), "one of them renews it");
        assert_eq!(world.fetches(), 2);
        assert_eq!(name(&cache.token().unwrap()), "t2");
    });
}

#[test]
fn a_failure_leaves_nobody_waiting() {
    in_all_orders(|| {
        let world = World::default();
        let cache = world.cache(|nth| if nth == 1 { Err(Error::auth_callback("not today")) } else { Ok(()) });
        let other = beside(&cache, |cache| cache.token().is_ok());
        let (mine, others) = (cache.token().is_ok(), other.join().unwrap());
        assert!(!(mine && others), "somebody is told of the failure");
        assert_eq!(world.fetches(), if mine || others { 2 } else { 1 });
        assert!(cache.token().is_ok());
    });
}

#[test]
fn a_panic_leaves_nobody_waiting() {
    in_all_orders(|| {
        let world = World::default();
        let cache = world.cache(|nth| if nth == 1 { resume_unwind(Box::new("broken")) } else { Ok(()) });
        let token =
            |cache: BlockingTokenCache| catch_unwind(AssertUnwindSafe(|| cache.token().is_ok())).unwrap_or(false);
        let other = beside(&cache, token);
        let mine = token(cache.clone());
        assert!(!(mine && other.join().unwrap()));
        assert!(cache.token().is_ok());
    });
}

#[test]
fn authorize_never_takes_what_was_under_way_before() {
    in_all_orders(|| {
        let world = World::default();
        let cache = world.cache(always);
        let other = beside(&cache, |cache| cache.token().unwrap());
        let before = world.fetches();
        let authorized = cache.authorize(None, None).unwrap();
        assert_ne!(name(&authorized), format!("t{before}"), "it was asked for before");
        let others = other.join().unwrap();
        assert!(world.fetches() <= 2);
        let last = cache.token().unwrap();
        assert!(last.generation() >= authorized.generation() && last.generation() >= others.generation());
    });
}

#[test]
fn params_that_were_authorized_last_stay() {
    in_all_orders(|| {
        let world = World::default();
        // With other params it may be asked at the same time, so this source does not mind.
        let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
        let source = {
            let (asked, fetches) = (Arc::clone(&asked), Arc::clone(&world.fetches));
            move |params: &TokenParams| {
                asked.lock().unwrap().push(params.ttl);
                thread::yield_now();
                Ok::<_, Error>(token(fetches.fetch_add(1, Ordering::SeqCst) + 1))
            }
        };
        let clock = Arc::new(|| Timestamp::from_millis(0));
        let cache = BlockingTokenCache::new(Arc::new(source), TokenParams::new(), clock);
        let other = beside(&cache, |cache| cache.token().unwrap().generation());
        let ttl = Ttl::from_millis(7).unwrap();
        let authorized = cache.authorize(Some(&TokenParams::new().ttl(ttl)), None).unwrap();
        let others = other.join().unwrap();
        assert!(cache.token().unwrap() == authorized, "what was asked before displaces nothing");
        assert!(others <= authorized.generation());
        cache.renewed(authorized.generation()).unwrap();
        assert_eq!(asked.lock().unwrap().last(), Some(&Some(ttl)));
    });
}
