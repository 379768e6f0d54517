//! Trace events of a cache, which contain no token.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ably_auth::sources::KeySigner;
use ably_auth::{
    ApiKey, Async, Auth, Blocking, BlockingAuth, BlockingTokenCache, CachePolicy, ClientOptions, Error, Token,
    TokenParams,
};
use bytes::Bytes;
use http::{Request, Response};
use test_support::{RecordedEvents, run_in_separate_process};

use super::support::{VirtualTime, details};

#[test]
fn events_give_reason_of_fetch_and_no_token() {
    // tracing caches whether anybody listens to an event; a thread without a subscriber could disable it for good.
    let path = concat!(module_path!(), "::events_give_reason_of_fetch_and_no_token");
    run_in_separate_process(path, check_events);
}

fn check_events() {
    let (notes, time, fetches) = (RecordedEvents::default(), VirtualTime::default(), AtomicUsize::new(0));
    let source = move |_: &TokenParams| match fetches.fetch_add(1, Ordering::SeqCst) + 1 {
        nth @ (1..=5) => Ok(details(&format!("hush-{nth}"))),
        _ => Err(Error::auth_callback("hush")),
    };
    let cache = BlockingTokenCache::new(Arc::new(source), TokenParams::new(), time.clock());
    let cache = cache.random(Arc::new(|| [0; 16])).policy(CachePolicy::new());
    tracing::subscriber::with_default(notes.subscriber(), || {
        cache.token().unwrap();
        time.advance(900);
        cache.token().unwrap();
        time.advance(1_000);
        let third = cache.token().unwrap();
        cache.renewed(third.generation()).unwrap();
        let fifth = cache.authorize(None, None).unwrap();
        for _ in 0..3 {
            cache.renewed(fifth.generation()).unwrap_err();
        }
    });
    let notes = notes.lines();
    let reasons =
        notes.iter().filter(|note| note.contains("fetch started")).map(|note| note.split('"').nth(1).unwrap());
    let expected = ["first", "early", "expired", "refused", "authorize", "refused", "refused"];
    assert_eq!(reasons.collect::<Vec<_>>(), expected);
    let has = |what: &str| notes.iter().any(|note| note.contains(what));
    assert!(has("code=40170") && has("failures=2 wait_ms=100") && has("during backoff"), "{notes:#?}");
    assert!(!has("hush"), "{notes:#?}");
}

/// `RSA4a1`
#[test]
fn client_with_token_alone_reports_40171() {
    let path = concat!(module_path!(), "::client_with_token_alone_reports_40171");
    run_in_separate_process(path, token_alone_is_reported);
}

fn token_alone_is_reported() {
    fn nothing(_: Request<Bytes>) -> Result<Response<Bytes>, ably_auth::TransportFault> {
        Ok(Response::new(Bytes::new()))
    }
    let key = || ApiKey::parse("app.key:hush").unwrap();
    let token = || Token::new("app.hush").unwrap();
    let made = |options: ClientOptions<Blocking>| {
        let notes = RecordedEvents::default();
        tracing::subscriber::with_default(notes.subscriber(), || BlockingAuth::new(options, nothing).unwrap());
        let notes = notes.lines();
        assert!(notes.iter().all(|note| !note.contains("hush")), "{notes:#?}");
        notes
            .iter()
            .any(|note| note.starts_with("INFO ") && note.contains("code=40171") && note.contains("help.ably.io"))
    };
    assert!(made(ClientOptions::new().token(token())));
    let request = KeySigner::new(key()).create_token_request(&TokenParams::new()).unwrap();
    assert!(made(ClientOptions::new().token(request)));
    assert!(!made(ClientOptions::new().token(token()).key(key())));
    assert!(!made(ClientOptions::new().key(key())));
    let callback = move |_: &TokenParams| Ok::<_, Error>(Token::new("app.hush")?);
    assert!(!made(ClientOptions::<Blocking>::new().token(token()).auth_callback(callback)));

    let notes = RecordedEvents::default();
    let nothing = |_: Request<Bytes>| async { Ok::<_, ably_auth::TransportFault>(Response::new(Bytes::new())) };
    tracing::subscriber::with_default(notes.subscriber(), || {
        Auth::new(ClientOptions::<Async>::new().token(token()), nothing).unwrap();
    });
    assert!(notes.lines().iter().any(|note| note.contains("code=40171")));
}
