//! The blocking cache: one fetch for all threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use ably_auth::{BlockingTokenCache, Error, ErrorCode, TokenParams};

use super::support::{VirtualTime, details};

#[test]
fn many_cold_threads_make_one_fetch() {
    const THREADS: usize = 200;
    let fetches = Arc::new(AtomicUsize::new(0));
    let source = {
        let fetches = Arc::clone(&fetches);
        move |_: &TokenParams| {
            fetches.fetch_add(1, Ordering::SeqCst);
            // Long enough for the others to come and wait.
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
fn a_failure_is_told_and_then_forgotten() {
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
fn a_source_that_panics_leaves_nobody_waiting() {
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
    // Whoever waited is told, or came late enough to fetch anew.
    assert!(waiting.is_ok() || waiting.unwrap_err().ably_code() == ErrorCode::INTERNAL);
    assert_eq!(cache.token().unwrap().details().token().expose(), "second");
}

#[test]
fn a_refused_token_is_renewed_once_and_an_expired_one_too() {
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

/// Such as an auth callback that sends a request with the client's own credentials.
#[test]
fn a_source_that_asks_its_own_cache_is_told_rather_than_left_waiting() {
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
    // Another source may well use the tokens that there are.
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
