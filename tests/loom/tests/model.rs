//! A model of the blocking cache in every interleaving of its threads. A thread that never ends fails the model.
#![cfg(loom)]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use ably_auth::{
    BlockingTokenCache, BlockingTokenSource, CachedToken, Error, Timestamp, TokenDetails, TokenParams, Ttl,
};
use loom::thread;

/// The clock and the state of a token source. These are not loom types, because the model does not need to explore
/// them. The time changes only when a test sets it.
#[derive(Clone, Default)]
struct World {
    now: Arc<AtomicU64>,
    fetches: Arc<AtomicUsize>,
    is_fetching: Arc<AtomicBool>,
}

impl World {
    /// Returns a cache of tokens that live for one second.
    fn cache(&self, outcome: fn(usize) -> Result<(), Error>) -> BlockingTokenCache {
        let now = Arc::clone(&self.now);
        let clock = move || Timestamp::from_millis(now.load(Ordering::SeqCst));
        let cache = BlockingTokenCache::new(self.source(outcome), TokenParams::new(), Arc::new(clock));
        cache.random(Arc::new(|| [0; 16]))
    }

    fn source(&self, outcome: fn(usize) -> Result<(), Error>) -> Arc<dyn BlockingTokenSource> {
        let world = self.clone();
        Arc::new(move |_: &TokenParams| {
            assert!(!world.is_fetching.swap(true, Ordering::SeqCst), "two fetches at once");
            let nth = world.fetches.fetch_add(1, Ordering::SeqCst) + 1;
            // Lets any other thread run now.
            thread::yield_now();
            world.is_fetching.store(false, Ordering::SeqCst);
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

fn succeed(_: usize) -> Result<(), Error> {
    Ok(())
}

fn in_every_interleaving(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    // A higher bound takes hours, and has never found a fault that this one does not find.
    builder.preemption_bound = Some(3);
    builder.check(model);
}

fn spawn<T: 'static>(
    cache: &BlockingTokenCache,
    work: impl FnOnce(BlockingTokenCache) -> T + 'static,
) -> thread::JoinHandle<T> {
    let cache = cache.clone();
    thread::spawn(move || work(cache))
}

#[test]
fn initial_callers_share_one_fetch() {
    in_every_interleaving(|| {
        let world = World::default();
        let cache = world.cache(succeed);
        let others = [0, 1].map(|_| spawn(&cache, |cache| cache.token().unwrap()));
        assert_eq!(name(&cache.token().unwrap()), "t1");
        others.into_iter().for_each(|other| assert_eq!(name(&other.join().unwrap()), "t1"));
        assert_eq!(world.fetches(), 1);
    });
}

#[test]
fn callers_with_same_refused_token_share_one_fetch() {
    in_every_interleaving(|| {
        let world = World::default();
        let cache = world.cache(succeed);
        let refused = cache.token().unwrap().generation();
        let other = spawn(&cache, move |cache| cache.renewed(refused).unwrap());
        let late = spawn(&cache, |cache| cache.token().unwrap());
        assert_eq!(name(&cache.renewed(refused).unwrap()), "t2");
        assert_eq!(name(&other.join().unwrap()), "t2");
        late.join().unwrap();
        assert_eq!(world.fetches(), 2);
    });
}

#[test]
fn due_token_is_renewed_by_one_caller() {
    in_every_interleaving(|| {
        let world = World::default();
        let cache = world.cache(succeed);
        cache.token().unwrap();
        world.now.store(900, Ordering::SeqCst);
        let other = spawn(&cache, |cache| cache.token().unwrap());
        let (mine, others) = (cache.token().unwrap(), other.join().unwrap());
        assert!([name(&mine), name(&others)].contains(&"t2"), "one of the callers renews it");
        assert_eq!(world.fetches(), 2);
        assert_eq!(name(&cache.token().unwrap()), "t2");
    });
}

#[test]
fn failure_leaves_no_caller_waiting() {
    in_every_interleaving(|| {
        let world = World::default();
        let cache = world.cache(|nth| if nth == 1 { Err(Error::auth_callback("not today")) } else { Ok(()) });
        let other = spawn(&cache, |cache| cache.token().is_ok());
        let (mine, others) = (cache.token().is_ok(), other.join().unwrap());
        assert!(!(mine && others), "one of the callers gets the error");
        assert_eq!(world.fetches(), if mine || others { 2 } else { 1 });
        assert!(cache.token().is_ok());
    });
}

#[test]
fn panic_leaves_no_caller_waiting() {
    in_every_interleaving(|| {
        let world = World::default();
        let cache = world.cache(|nth| if nth == 1 { resume_unwind(Box::new("broken")) } else { Ok(()) });
        let token =
            |cache: BlockingTokenCache| catch_unwind(AssertUnwindSafe(|| cache.token().is_ok())).unwrap_or(false);
        let other = spawn(&cache, token);
        let mine = token(cache.clone());
        assert!(!(mine && other.join().unwrap()));
        assert!(cache.token().is_ok());
    });
}

#[test]
fn authorize_does_not_use_earlier_fetch() {
    in_every_interleaving(|| {
        let world = World::default();
        let cache = world.cache(succeed);
        let other = spawn(&cache, |cache| cache.token().unwrap());
        let before = world.fetches();
        let authorized = cache.authorize(None, None).unwrap();
        assert_ne!(name(&authorized), format!("t{before}"), "the token is from an earlier fetch");
        let others = other.join().unwrap();
        assert!(world.fetches() <= 2);
        let last = cache.token().unwrap();
        assert!(last.generation() >= authorized.generation() && last.generation() >= others.generation());
    });
}

#[test]
fn last_authorized_params_are_used() {
    in_every_interleaving(|| {
        let world = World::default();
        // Fetches with other params may run at the same time, so this source does not check for that.
        let requested = Arc::new(std::sync::Mutex::new(Vec::new()));
        let source = {
            let (requested, fetches) = (Arc::clone(&requested), Arc::clone(&world.fetches));
            move |params: &TokenParams| {
                requested.lock().unwrap().push(params.get_ttl());
                thread::yield_now();
                Ok::<_, Error>(token(fetches.fetch_add(1, Ordering::SeqCst) + 1))
            }
        };
        let clock = Arc::new(|| Timestamp::from_millis(0));
        let cache = BlockingTokenCache::new(Arc::new(source), TokenParams::new(), clock);
        let other = spawn(&cache, |cache| cache.token().unwrap().generation());
        let ttl = Ttl::from_millis(7).unwrap();
        let authorized = cache.authorize(Some(&TokenParams::new().ttl(ttl)), None).unwrap();
        let others = other.join().unwrap();
        assert!(cache.token().unwrap() == authorized, "an earlier fetch does not replace the token");
        assert!(others <= authorized.generation());
        cache.renewed(authorized.generation()).unwrap();
        assert_eq!(requested.lock().unwrap().last(), Some(&Some(ttl)));
    });
}
