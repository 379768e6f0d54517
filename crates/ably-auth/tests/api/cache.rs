//! The async cache: concurrent calls share one fetch, even if some of them are cancelled.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ably_auth::{
    CachePolicy, Error, ErrorCode, Nonce, Timestamp, TokenCache, TokenDetails, TokenParams, TokenSource, Ttl,
};
use async_trait::async_trait;
use tokio::sync::{Mutex, Semaphore};

use super::support::{VirtualTime, details};

/// Without early renewals, whose moment is random.
const ONLY_WHEN_OVER: CachePolicy = CachePolicy::new().early_refresh(Duration::ZERO);

/// A source that counts its fetches. Each of them waits for a permit.
#[derive(Clone)]
struct Gate {
    fetches: Arc<AtomicUsize>,
    open: Arc<Semaphore>,
    asked: Arc<Mutex<Vec<TokenParams>>>,
    fails: Arc<AtomicUsize>,
    renewable: bool,
}

impl Gate {
    fn new() -> Self {
        Self {
            fetches: Arc::default(),
            open: Arc::new(Semaphore::new(0)),
            asked: Arc::default(),
            fails: Arc::default(),
            renewable: true,
        }
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    fn cache(&self, time: &VirtualTime) -> TokenCache {
        TokenCache::new(Arc::new(self.clone()), TokenParams::new(), time.clock()).policy(ONLY_WHEN_OVER)
    }
}

#[async_trait]
impl TokenSource for Gate {
    async fn token(&self, params: &TokenParams) -> Result<TokenDetails, Error> {
        let nth = self.fetches.fetch_add(1, Ordering::SeqCst) + 1;
        self.asked.lock().await.push(params.clone());
        self.open.acquire().await.unwrap().forget();
        if self.fails.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |fails| fails.checked_sub(1)).is_ok() {
            return Err(Error::auth_callback("not today"));
        }
        Ok(details(&format!("token-{nth}")))
    }

    fn can_renew(&self) -> bool {
        self.renewable
    }
}

async fn settle() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn concurrent_first_calls_share_one_fetch() {
    let (gate, time) = (Gate::new(), VirtualTime::default());
    let cache = gate.cache(&time);
    let callers: Vec<_> = (0..10_000)
        .map(|_| {
            let cache = cache.clone();
            tokio::spawn(async move { cache.token().await.unwrap().details().token().clone() })
        })
        .collect();
    settle().await;
    gate.open.add_permits(10_000);
    for caller in callers {
        assert_eq!(caller.await.unwrap().expose(), "token-1");
    }
    assert_eq!(gate.fetches(), 1);
}

#[tokio::test]
async fn cancelled_call_does_not_cancel_fetch_for_others() {
    let (gate, time) = (Gate::new(), VirtualTime::default());
    let cache = gate.cache(&time);
    let [first, second] = [cache.clone(), cache.clone()].map(|cache| tokio::spawn(async move { cache.token().await }));
    settle().await;
    first.abort();
    settle().await;
    gate.open.add_permits(1);
    assert_eq!(second.await.unwrap().unwrap().details().token().expose(), "token-1");
    assert_eq!(gate.fetches(), 1);
}

#[tokio::test]
async fn call_after_all_others_were_cancelled_gets_token() {
    let (gate, time) = (Gate::new(), VirtualTime::default());
    let cache = gate.cache(&time);
    let lonely = tokio::spawn({
        let cache = cache.clone();
        async move { cache.token().await }
    });
    settle().await;
    lonely.abort();
    settle().await;
    gate.open.add_permits(1);
    assert_eq!(cache.token().await.unwrap().details().token().expose(), "token-2");
}

#[tokio::test]
async fn failure_is_returned_to_all_and_not_cached() {
    let (gate, time) = (Gate::new(), VirtualTime::default());
    gate.fails.store(1, Ordering::SeqCst);
    let cache = gate.cache(&time);
    let [first, second] = [cache.clone(), cache.clone()].map(|cache| tokio::spawn(async move { cache.token().await }));
    settle().await;
    gate.open.add_permits(2);
    for caller in [first, second] {
        assert_eq!(caller.await.unwrap().unwrap_err().ably_code(), ErrorCode::AUTH_SOURCE_FAILED);
    }
    assert_eq!(gate.fetches(), 1);
    assert!(cache.token().await.is_ok());
}

/// rest/unit/RSA16a/preserved-across-requests-0
#[tokio::test]
async fn token_is_served_until_it_expires_by_local_clock() {
    let (gate, time) = (Gate::new(), VirtualTime::default());
    gate.open.add_permits(9);
    time.advance(5_000_000);
    let cache = gate.cache(&time);
    let first = cache.token().await.unwrap();
    time.advance(999);
    assert_eq!(cache.token().await.unwrap(), first);
    time.advance(1);
    assert_eq!(cache.token().await.unwrap().details().token().expose(), "token-2");
}

#[tokio::test]
async fn refused_token_is_renewed_once_for_all_callers() {
    let (gate, time) = (Gate::new(), VirtualTime::default());
    gate.open.add_permits(9);
    let cache = gate.cache(&time);
    let stale = cache.token().await.unwrap().generation();
    for _ in 0..5 {
        assert_eq!(cache.renewed(stale).await.unwrap().details().token().expose(), "token-2");
    }
    assert_eq!(gate.fetches(), 2);
}

/// rest/unit/RSA4a2/no-renewal-without-callback-0
#[tokio::test]
async fn fixed_token_that_was_refused_is_40171() {
    let (mut gate, time) = (Gate::new(), VirtualTime::default());
    gate.renewable = false;
    let cache = TokenCache::with_token(Arc::new(gate.clone()), TokenParams::new(), time.clock(), details("given"));
    let given = cache.token().await.unwrap();
    let error = cache.renewed(given.generation()).await.unwrap_err();
    assert_eq!(error.ably_code(), ErrorCode::NO_MEANS_TO_RENEW);
    assert_eq!(gate.fetches(), 0);
}

/// rest/unit/RSA10e/authorize-saves-params-0
/// rest/unit/RSA10j/authorize-replaces-existing-token-0
#[tokio::test]
async fn authorize_fetches_and_keeps_params_except_one_shot_ones() {
    let (gate, time) = (Gate::new(), VirtualTime::default());
    gate.open.add_permits(9);
    let cache = gate.cache(&time);
    cache.token().await.unwrap();
    let lasting = TokenParams::new().ttl(Ttl::from_millis(7).unwrap());
    let once = lasting.clone().timestamp(Timestamp::from_millis(1)).nonce(Nonce::from_random(&[1; 16]));
    assert_eq!(cache.authorize(Some(&once), None).await.unwrap().details().token().expose(), "token-2");
    time.advance(2_000);
    assert_eq!(cache.token().await.unwrap().details().token().expose(), "token-3");
    assert_eq!(*gate.asked.lock().await, [TokenParams::new(), once, lasting]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn panic_of_source_is_error_for_all_and_not_cached() {
    let fetches = Arc::new(AtomicUsize::new(0));
    let source = {
        let fetches = Arc::clone(&fetches);
        move |_: TokenParams| {
            let nth = fetches.fetch_add(1, Ordering::SeqCst);
            async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                assert!(nth > 0, "the source is broken");
                Ok::<_, Error>(details("second"))
            }
        }
    };
    let cache = TokenCache::new(Arc::new(source), TokenParams::new(), VirtualTime::default().clock());
    let callers: Vec<_> = (0..16)
        .map(|_| {
            let cache = cache.clone();
            tokio::spawn(async move { cache.token().await })
        })
        .collect();
    for caller in callers {
        let outcome = tokio::time::timeout(Duration::from_secs(5), caller).await.expect("a caller still waits");
        let outcome = outcome.expect("a caller panicked");
        // A late caller has fetched a new token.
        assert!(outcome.is_ok() || outcome.unwrap_err().ably_code() == ErrorCode::INTERNAL);
    }
    assert_eq!(cache.token().await.unwrap().details().token().expose(), "second");
}

/// rest/unit/RSA10l/authorize-error-propagated-0
#[tokio::test]
async fn failed_authorize_keeps_token_and_params() {
    let (gate, time) = (Gate::new(), VirtualTime::default());
    gate.open.add_permits(9);
    let cache = gate.cache(&time);
    let before = cache.token().await.unwrap();
    gate.fails.store(1, Ordering::SeqCst);
    let other = TokenParams::new().ttl(Ttl::from_millis(7).unwrap());
    assert!(cache.authorize(Some(&other), None).await.is_err());
    assert_eq!(cache.token().await.unwrap(), before);
    time.advance(1_000);
    cache.token().await.unwrap();
    assert_eq!(*gate.asked.lock().await, [TokenParams::new(), other, TokenParams::new()]);
}

#[tokio::test]
async fn authorize_does_not_return_fixed_token_as_new() {
    let (mut gate, time) = (Gate::new(), VirtualTime::default());
    gate.renewable = false;
    let error = gate.cache(&time).authorize(None, None).await.unwrap_err();
    assert_eq!((error.ably_code(), gate.fetches()), (ErrorCode::NO_MEANS_TO_RENEW, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn callers_on_many_threads_share_one_fetch() {
    let (gate, time) = (Gate::new(), VirtualTime::default());
    let cache = gate.cache(&time);
    let callers: Vec<_> = (0..64)
        .map(|_| {
            let cache = cache.clone();
            tokio::spawn(async move { cache.token().await.unwrap().generation() })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(20)).await;
    gate.open.add_permits(64);
    let mut generations = Vec::new();
    for caller in callers {
        generations.push(caller.await.unwrap());
    }
    generations.dedup();
    assert_eq!((generations.len(), gate.fetches()), (1, 1));
}

/// A source calls its own cache, for example an auth callback that sends a request with the client's credentials.
#[tokio::test]
async fn source_that_calls_its_own_cache_gets_error() {
    let caches = Arc::new(std::sync::OnceLock::<TokenCache>::new());
    let source = {
        let caches = Arc::clone(&caches);
        move |_: TokenParams| {
            let caches = Arc::clone(&caches);
            async move {
                let cache = caches.get().unwrap();
                tokio::task::yield_now().await;
                cache.authorize(None, None).await.unwrap_err();
                Ok(cache.token().await?.details().clone())
            }
        }
    };
    let cache = TokenCache::new(Arc::new(source), TokenParams::new(), VirtualTime::default().clock());
    let cache = caches.get_or_init(|| cache);
    for error in [cache.token().await.unwrap_err(), cache.authorize(None, None).await.unwrap_err()] {
        assert!(error.to_string().contains("waited for itself"), "{error}");
    }
    // The source of one `authorize` call may use the cache's current token.
    let gives = |token: &'static str| async move { Ok(details(token)) };
    let source = Arc::new(move |_: TokenParams| gives("old"));
    let in_use = TokenCache::new(source, TokenParams::new(), VirtualTime::default().clock());
    let over = {
        let in_use = in_use.clone();
        move |_: TokenParams| {
            let in_use = in_use.clone();
            async move { in_use.token().await.map(|_| details("new")) }
        }
    };
    assert_eq!(in_use.authorize(None, Some(Arc::new(over))).await.unwrap().details().token().expose(), "new");
}
