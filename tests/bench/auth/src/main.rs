//! Time to get a token from a warm cache, compared with its lower bounds: one read of shared state, and a read of both
//! clocks.

#[allow(dead_code, reason = "other benchmarks use the rest")]
#[path = "../../ratios/src/clock.rs"]
mod clock;
#[allow(dead_code, reason = "other benchmarks use the rest")]
#[path = "../../ratios/src/table.rs"]
mod table;

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use ably_auth::{
    BlockingTokenCache, CachedToken, Clock as _, Error, Moment, SystemClock, TimeOffset, TokenCache, TokenDetails,
    TokenParams,
};

use crate::clock::Work;
use crate::table::{Reach, Row};

fn main() {
    table::print_header();
    for row in [asynchronous(), asynchronous_with_offset(), blocking()] {
        row.measure_and_print();
    }
    println!("(medians of alternating rounds; the ratio is our time to the floor)");
}

/// Returns a token with a long lifetime, so that it is not renewed during the benchmark.
fn token() -> TokenDetails {
    let json = serde_json::json!({ "token": "app.token", "issued": 0, "expires": 86_400_000 });
    serde_json::from_value(json).unwrap()
}

fn async_cache() -> TokenCache {
    let source = |_: TokenParams| async { Ok::<_, Error>(token()) };
    TokenCache::new(Arc::new(source), TokenParams::new(), Arc::new(SystemClock))
}

fn poll(cache: &TokenCache) -> CachedToken {
    match pin!(cache.token()).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(token) => token.unwrap(),
        Poll::Pending => unreachable!("the source does not wait"),
    }
}

fn row(work: &'static str, ours: Work) -> Row {
    let shared: &'static AtomicU64 = Box::leak(Box::default());
    let locked: &'static Mutex<Arc<u64>> = Box::leak(Box::default());
    let load = move || shared.load(Ordering::Acquire);
    let moment = || SystemClock.moment();
    Row {
        work,
        ours,
        others: vec![
            (Work::new("atomic load, both clocks", move || (load(), moment())), Reach::Floor(None)),
            (
                Work::new("lock, clone an Arc, both clocks", move || (Arc::clone(&locked.lock().unwrap()), moment())),
                Reach::Floor(None),
            ),
            (Work::new("atomic load", load), Reach::Floor(None)),
        ],
    }
}

fn asynchronous() -> Row {
    let cache = async_cache();
    poll(&cache);
    row("a token from a warm cache, async", Work::new("", move || poll(&cache)))
}

fn asynchronous_with_offset() -> Row {
    let offset = Arc::new(TimeOffset::new());
    let now: Moment = SystemClock.moment();
    offset.set(now.wall(), now);
    // By the service's clock, a token issued at the epoch would be expired, so this one has no times.
    let source = |_: TokenParams| async { Ok::<_, Error>(ably_auth::Token::new("app.token")?.into()) };
    let cache = TokenCache::new(Arc::new(source), TokenParams::new(), Arc::new(SystemClock)).time_offset(offset);
    poll(&cache);
    row("the same, with the service's time", Work::new("", move || poll(&cache)))
}

fn blocking() -> Row {
    let source = |_: &TokenParams| Ok::<_, Error>(token());
    let cache = BlockingTokenCache::new(Arc::new(source), TokenParams::new(), Arc::new(SystemClock));
    cache.token().unwrap();
    row("a token from a warm cache, blocking", Work::new("", move || cache.token()))
}
