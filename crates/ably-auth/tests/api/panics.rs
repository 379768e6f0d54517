//! Sources that panic, and runtimes that end during a fetch.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ably_auth::{
    Async, Auth, Blocking, BlockingAuth, BlockingTokenCache, ClientOptions, Error, ErrorKind, Token, TokenCache,
    TokenDetails, TokenParams, TransportFault,
};
use bytes::Bytes;
use http::{Request, Response};

use super::support::{VirtualTime, answer, block_on, details};

fn never(_: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
    unreachable!("no request must be sent")
}

/// Panics without the panic hook, so that the expected panic is not printed.
fn panics() -> ! {
    std::panic::resume_unwind(Box::new("a bug"))
}

#[test]
fn panic_of_callback_is_same_error_for_both_clients() {
    let options =
        ClientOptions::<Blocking>::new().auth_callback(|_: &TokenParams| -> Result<Token, Error> { panics() });
    let blocking = BlockingAuth::new(options, never).unwrap();
    let blocking = [
        blocking.authorize(None).unwrap_err(),
        blocking.credentials().unwrap_err(),
        blocking.request_token(None).unwrap_err(),
    ];
    let options = ClientOptions::<Async>::new().auth_callback(|_: TokenParams| async {
        if true {
            panics()
        }
        Ok::<Token, Error>(Token::new("t")?)
    });
    let auth = Auth::new(options, |_: Request<Bytes>| std::future::ready(Ok(answer(200, "")))).unwrap();
    let asynchronous = block_on(async {
        [
            auth.authorize(None).await.unwrap_err(),
            auth.credentials().await.unwrap_err(),
            auth.request_token(None).await.unwrap_err(),
        ]
    });
    for (ours, theirs) in blocking.iter().zip(&asynchronous) {
        assert_eq!(ours.kind(), ErrorKind::AuthCallback, "{ours:?}");
        assert_eq!((ours.to_string(), ours.kind()), (theirs.to_string(), theirs.kind()));
        assert!(std::error::Error::source(ours).unwrap().to_string().contains("panicked"));
    }
}

#[test]
fn panic_of_source_is_same_error_for_both_caches() {
    let first = |asked: &AtomicUsize| asked.fetch_add(1, Ordering::SeqCst) == 0;
    let (asked, time) = (AtomicUsize::new(0), VirtualTime::default());
    let source = move |_: &TokenParams| -> Result<TokenDetails, Error> {
        if first(&asked) { panics() } else { Ok(details("t")) }
    };
    let cache = BlockingTokenCache::new(Arc::new(source), TokenParams::new(), time.clock());
    let blocking = cache.token().unwrap_err();
    assert!(cache.token().is_ok());
    let asked = Arc::new(AtomicUsize::new(0));
    let source = move |_: TokenParams| {
        let is_first = first(&asked);
        async move { if is_first { panics() } else { Ok(details("t")) } }
    };
    let cache = TokenCache::new(Arc::new(source), TokenParams::new(), time.clock());
    let asynchronous = block_on(cache.token()).unwrap_err();
    assert!(block_on(cache.token()).is_ok());
    assert_eq!((blocking.kind(), blocking.to_string()), (asynchronous.kind(), asynchronous.to_string()));
    assert!(blocking.kind() != ErrorKind::AuthCallback && !blocking.to_string().contains("callback"), "{blocking}");
}

/// The timer in the fetch belongs to the runtime that started the fetch.
#[test]
fn end_of_runtime_during_fetch_is_not_a_callback_panic() {
    let source = |_: TokenParams| async {
        tokio::time::sleep(Duration::from_secs(3600)).await;
        Ok(details("t"))
    };
    let cache = TokenCache::new(Arc::new(source), TokenParams::new(), VirtualTime::default().clock());
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let gone = runtime();
    let mut begins = Box::pin(cache.token());
    gone.block_on(async {
        std::future::poll_fn(|context| {
            assert!(begins.as_mut().poll(context).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
    });
    // The next caller waits on another runtime.
    drop(gone);
    let error = runtime().block_on(cache.token()).unwrap_err();
    assert!(error.kind() == ErrorKind::Transport && error.is_transient(), "{error:?}");
    assert!(error.to_string().contains("runtime"), "{error}");
}

/// If a member occurs twice, one reader would use the first and another the last.
#[test]
fn duplicate_member_of_auth_url_answer_is_refused() {
    for body in [
        r#"{"token":"app.a","token":"app.b"}"#,
        r#"{"token":"app.a","expires":1,"expires":9}"#,
        r#"{"token":"app.a","clientId":"bob","client\u0049d":"eve"}"#,
        r#"{"keyName":"app.key","nonce":"0123456789abcdef","nonce":"0123456789abcdeg","timestamp":1,"mac":"bWFj"}"#,
    ] {
        let over = move |_: Request<Bytes>| {
            let answer = Response::builder().header("content-type", "application/json");
            Ok(answer.body(Bytes::from_static(body.as_bytes())).unwrap())
        };
        let options = ClientOptions::<Blocking>::new().auth_url("https://example.com/ably");
        let error = BlockingAuth::new(options, over).unwrap().authorize(None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AuthUrl, "{body}: {error}");
    }
}
