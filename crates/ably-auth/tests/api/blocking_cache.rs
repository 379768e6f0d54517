//! The blocking cache: concurrent calls share one fetch.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use ably_auth::{BlockingTokenCache, Error, ErrorCode, TokenParams};

use super::support::{VirtualTime, details};

#[test]
fn concurrent_first_calls_share_one_fetch() {
    const THREADS: usize = 200;
    let fetches = Arc::new(AtomicUsize::new(0));
    let source = {
        let fetches = Arc::clone(&fetches);
        move |_: &TokenParams| {
            fetches.fetch_add(1, Ordering::SeqCst);
            // Long enough for the other threads to arrive and wait.
            thread::sleep(Duration::from_millis(50));
            Ok::<_, Error>(details("only"))
        }
    };
    let cache = BlockingTokenCache::new(Arc::new(source), TokenParams::new(), VirtualTime::default().clock());
    let together = Arc::new(Barrier::new(THREADS));
    let callers: Vec<_> = (0..THREADS)
        .map(|_| {
            let (cache, together) = (cache.clone(), Arc::clone(&together));
            thread::spawn(move || {
                together.wait();
                cache.token().unwrap().details().token().expose().to_owned()
            })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.join().unwrap(), "only");
    }
    assert_eq!(fetches.load(Ordering::SeqCst), 1);
}

#[test]
fn failure_is_returned_and_not_cached() {
    let fetches = AtomicUsize::new(0);
    let source = move |_: &TokenParams| match fetches.fetch_add(1, Ordering::SeqCst) {
        0 => Err(Error::auth_callback("not today")),
        _ => Ok(details("second")),
    };
    let cache = BlockingTokenCache::new(Arc::new(source), TokenParams::new(), VirtualTime::default().clock());
    assert_eq!(cache.token().unwrap_err().ably_code(), ErrorCode::AUTH_SOURCE_FAILED);
    assert_eq!(cache.token().unwrap().details().token().expose(), "second");
}

#[test]
fn panic_of_source_leaves_no_caller_waiting() {
    let fetches = Arc::new(AtomicUsize::new(0));
    let entered = Arc::new(Barrier::new(2));
    let source = {
        let (fetches, entered) = (Arc::clone(&fetches), Arc::clone(&entered));
        move |_: &TokenParams| match fetches.fetch_add(1, Ordering::SeqCst) {
            0 => {
                entered.wait();
                thread::sleep(Duration::from_millis(50));
                panic!("the source is broken")
            }
            _ => Ok::<_, Error>(details("second")),
        }
    };
    let cache = BlockingTokenCache::new(Arc::new(source), TokenParams::new(), VirtualTime::default().clock());
    let broken = thread::spawn({
        let cache = cache.clone();
        move || cache.token()
    });
    entered.wait();
    let waiting = cache.token();
    let broken = broken.join().expect("no caller panics");
    assert_eq!(broken.map(drop).unwrap_err().ably_code(), ErrorCode::INTERNAL);
    // The second caller waited and got the error, or was late and fetched a new token.
    assert!(waiting.is_ok() || waiting.unwrap_err().ably_code() == ErrorCode::INTERNAL);
    assert_eq!(cache.token().unwrap().details().token().expose(), "second");
}

#[test]
fn refused_and_expired_tokens_are_each_renewed_once() {
    let (fetches, time) = (AtomicUsize::new(0), VirtualTime::default());
    let source = move |_: &TokenParams| {
        Ok::<_, Error>(details(&format!("token-{}", fetches.fetch_add(1, Ordering::SeqCst) + 1)))
    };
    let cache = BlockingTokenCache::new(Arc::new(source), TokenParams::new(), time.clock());
    let stale = cache.token().unwrap().generation();
    assert_eq!(cache.renewed(stale).unwrap().details().token().expose(), "token-2");
    assert_eq!(cache.renewed(stale).unwrap().details().token().expose(), "token-2");
    time.advance(1_000);
    assert_eq!(cache.token().unwrap().details().token().expose(), "token-3");
    assert_eq!(cache.authorize(None, None).unwrap().details().token().expose(), "token-4");
}

/// A source calls its own cache, for example an auth callback that sends a request with the client's credentials.
#[test]
fn source_that_calls_its_own_cache_gets_error() {
    let caches = Arc::new(std::sync::OnceLock::<BlockingTokenCache>::new());
    let source = {
        let caches = Arc::clone(&caches);
        move |_: &TokenParams| {
            let cache = caches.get().unwrap();
            cache.authorize(None, None).unwrap_err();
            Ok(cache.token()?.details().clone())
        }
    };
    let cache = BlockingTokenCache::new(Arc::new(source), TokenParams::new(), VirtualTime::default().clock());
    let cache = caches.get_or_init(|| cache);
    for error in [cache.token().unwrap_err(), cache.authorize(None, None).unwrap_err()] {
        assert!(error.to_string().contains("waited for itself"), "{error}");
    }
    // The source of one `authorize` call may use the cache's current token.
    let in_use = BlockingTokenCache::new(
        Arc::new(|_: &TokenParams| Ok(details("old"))),
        TokenParams::new(),
        VirtualTime::default().clock(),
    );
    let over = {
        let in_use = in_use.clone();
        move |_: &TokenParams| in_use.token().map(|_| details("new"))
    };
    assert_eq!(in_use.authorize(None, Some(Arc::new(over))).unwrap().details().token().expose(), "new");
}
