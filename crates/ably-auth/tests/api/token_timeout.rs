//! The timeout for a token, which also ends the wait of a source that waits for itself.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use ably_auth::{
    Async, Auth, Blocking, BlockingAuth, BlockingTokenCache, ClientOptions, Error, ErrorCode, ErrorKind, Sleep, Token,
    TokenCache, TokenDetails, TokenParams, Transport, TransportFault,
};
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};

use super::support::{VirtualTime, details};

const MOMENT: Duration = Duration::from_millis(50);

/// A transport that answers every request, and has tokio's timer.
struct WithTimer;

#[async_trait]
impl Transport for WithTimer {
    async fn send(&self, _: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
        Ok(Response::new(Bytes::new()))
    }

    fn sleep(&self, duration: Duration) -> Option<Sleep> {
        tokio_sleep(duration)
    }
}

fn tokio_sleep(duration: Duration) -> Option<Sleep> {
    Some(Box::pin(tokio::time::sleep(duration)))
}

fn stats() -> Request<Bytes> {
    Request::get("/stats").body(Bytes::new()).unwrap()
}

fn has_timed_out(error: &Error) {
    assert_eq!((error.kind(), error.ably_code()), (ErrorKind::TokenTimedOut, ErrorCode::AUTH_SOURCE_FAILED), "{error}");
    assert!(error.to_string().contains("waits for itself") && error.to_string().contains("token_timeout"), "{error}");
}

#[tokio::test]
async fn async_callback_that_calls_its_client_in_task_times_out() {
    let client: Arc<OnceLock<Auth<WithTimer>>> = Arc::default();
    let own = Arc::clone(&client);
    let callback = move |_: TokenParams| {
        let own = Arc::clone(&own);
        async move {
            let asks = tokio::spawn(async move { own.get().unwrap().request(stats()).await.map(drop) });
            asks.await.unwrap()?;
            Ok::<_, Error>(Token::new("app.t")?)
        }
    };
    let options = ClientOptions::<Async>::new().auth_callback(callback).token_timeout(MOMENT);
    let auth = client.get_or_init(|| Auth::new(options, WithTimer).unwrap());
    has_timed_out(&auth.request(stats()).await.unwrap_err());
    has_timed_out(&auth.authorize(None).await.unwrap_err());
}

#[test]
fn blocking_callback_that_calls_its_client_in_thread_times_out() {
    type Nothing = fn(Request<Bytes>) -> Result<Response<Bytes>, TransportFault>;
    let client: Arc<OnceLock<BlockingAuth<Nothing>>> = Arc::default();
    let own = Arc::clone(&client);
    let callback = move |_: &TokenParams| {
        let own = Arc::clone(&own);
        let asks = thread::spawn(move || own.get().unwrap().request(stats()).map(drop));
        asks.join().unwrap()?;
        Ok::<_, Error>(Token::new("app.t")?)
    };
    let options = ClientOptions::<Blocking>::new().auth_callback(callback).token_timeout(MOMENT);
    let nothing: Nothing = |_| Ok(Response::new(Bytes::new()));
    let auth = client.get_or_init(|| BlockingAuth::new(options, nothing).unwrap());
    let error = auth.request(stats()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AuthCallback);
    has_timed_out(std::error::Error::source(&error).unwrap().downcast_ref().unwrap());
}

/// A caller that has waited too long gives up the fetch. The next caller begins another, whose token a late result of the
/// first does not replace.
#[test]
fn hung_blocking_fetch_is_replaced() {
    let (begun, begins) = std::sync::mpsc::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let (released, calls) = (std::sync::Mutex::new(released), AtomicUsize::new(0));
    let source = move |_: &TokenParams| {
        if calls.fetch_add(1, Ordering::SeqCst) > 0 {
            return Ok(details("fresh"));
        }
        begun.send(()).unwrap();
        let _ = released.lock().unwrap().recv();
        Ok(details("late"))
    };
    let cache = BlockingTokenCache::new(Arc::new(source), TokenParams::new(), VirtualTime::default().clock());
    let cache = cache.timeout(MOMENT);
    let maker = thread::spawn({
        let cache = cache.clone();
        move || cache.token().map(drop)
    });
    begins.recv().unwrap();
    has_timed_out(&cache.authorize(None, None).unwrap_err());
    assert_eq!(cache.token().unwrap().details().token().expose(), "fresh");
    drop(release);
    maker.join().unwrap().unwrap();
    assert_eq!(cache.token().unwrap().details().token().expose(), "fresh");
}

#[tokio::test]
async fn hung_async_fetch_is_replaced_while_others_wait() {
    let calls = Arc::new(AtomicUsize::new(0));
    let source = move |_: TokenParams| {
        let nth = calls.fetch_add(1, Ordering::SeqCst);
        async move { if nth == 0 { std::future::pending().await } else { Ok(details("fresh")) } }
    };
    let cache = TokenCache::new(Arc::new(source), TokenParams::new(), VirtualTime::default().clock());
    let cache = cache.timeout(MOMENT, tokio_sleep);
    let (first, second) = (cache.clone(), cache.clone());
    let second = tokio::spawn(async move {
        tokio::time::sleep(MOMENT / 2).await;
        second.token().await.map(drop)
    });
    has_timed_out(&first.token().await.unwrap_err());
    assert_eq!(cache.token().await.unwrap().details().token().expose(), "fresh");
    second.await.unwrap().unwrap();
}

#[tokio::test]
async fn slow_early_renewal_serves_current_token() {
    let (asked, time) = (Arc::new(AtomicUsize::new(0)), VirtualTime::default());
    let counted = Arc::clone(&asked);
    let source = move |_: TokenParams| {
        let nth = counted.fetch_add(1, Ordering::SeqCst);
        async move { if nth == 0 { Ok(details("first")) } else { std::future::pending().await } }
    };
    let cache = TokenCache::new(Arc::new(source), TokenParams::new(), time.clock()).timeout(MOMENT, tokio_sleep);
    cache.token().await.unwrap();
    time.advance(900);
    assert_eq!(cache.token().await.unwrap().details().token().expose(), "first");
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    time.advance(100);
    has_timed_out(&cache.token().await.unwrap_err());
}

/// Without a runtime there is no timer, and a token that is available at once needs none.
#[test]
fn token_available_at_once_needs_no_timer() {
    let source = |_: TokenParams| async { Ok::<TokenDetails, Error>(details("t")) };
    let no_timer = |_: Duration| -> Option<Sleep> { panic!("no timer is needed") };
    let cache = TokenCache::new(Arc::new(source), TokenParams::new(), VirtualTime::default().clock());
    let cache = cache.timeout(MOMENT, no_timer);
    let mut token = std::pin::pin!(cache.token());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(token.as_mut().poll(&mut context).is_ready());
}

#[test]
fn token_timeout_of_zero_is_refused() {
    let options = ClientOptions::<Blocking>::new().token("app.t").token_timeout(Duration::ZERO);
    let nothing = |_: Request<Bytes>| Ok(Response::new(Bytes::new()));
    assert_eq!(BlockingAuth::new(options, nothing).unwrap_err().kind(), ErrorKind::Configuration);
}
