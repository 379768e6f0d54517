//! `Retry-After`: a service that asks clients to wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ably_auth::{
    AuthUrl, Blocking, BlockingAuth, BlockingTokenCache, BlockingTokenSource, CachePolicy, CachedToken, ClientOptions,
    Error, Generation, Token, TokenCache, TokenDetails, TokenParams, TokenSource, TransportFault,
};
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};

use super::support::block_on;
use super::support::{VirtualTime, refusal};

fn busy(status: u16, headers: &[(&str, &str)]) -> Response<Bytes> {
    let mut answer = refusal(status, u32::from(status) * 100);
    for (name, value) in headers {
        let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        answer.headers_mut().insert(name, value.parse().unwrap());
    }
    answer
}

/// Returns the error of a request with this answer.
fn refused(status: u16, headers: &'static [(&str, &str)]) -> Error {
    let over = move |_: Request<Bytes>| -> Result<Response<Bytes>, TransportFault> { Ok(busy(status, headers)) };
    let options = ClientOptions::<Blocking>::new().token("app.t").fallback_hosts([""; 0]);
    let request = Request::get("/stats").body(Bytes::new()).unwrap();
    BlockingAuth::new(options, over).unwrap().request(request).unwrap_err()
}

#[test]
fn error_of_429_and_503_carries_retry_after() {
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    for (value, expected) in [
        (&[("retry-after", "7")][..], seconds(7)),
        (&[("retry-after", " 0 ")], seconds(0)),
        (&[("retry-after", "99999999999999999999999")], seconds(86_400)),
        (&[("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT"), ("date", "Sun, 06 Nov 1994 08:49:37 GMT")], seconds(30)),
        (&[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT"), ("date", "Sun, 06 Nov 1994 08:49:37 GMT")], seconds(0)),
        (
            &[("retry-after", "Sat, 06 Nov 2094 08:50:07 GMT"), ("date", "Sun, 06 Nov 1994 08:49:37 GMT")],
            seconds(86_400),
        ),
        (&[("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT")], None),
        (&[("retry-after", "-1")], None),
        (&[("retry-after", "+1")], None),
        (&[("retry-after", "soon")], None),
        (&[("retry-after", "")], None),
        (&[], None),
    ] {
        for status in [429, 503] {
            assert_eq!(refused(status, value).retry_after(), expected, "{status} {value:?}");
        }
        assert_eq!(refused(500, value).retry_after(), None, "{value:?}");
    }
}

#[test]
fn errors_of_callback_and_auth_url_have_retry_after() {
    let callback = |_: &TokenParams| -> Result<Token, Error> { Err(refused(429, &[("retry-after", "7")])) };
    let nothing = |_: Request<Bytes>| Ok(Response::new(Bytes::new()));
    let auth = BlockingAuth::new(ClientOptions::<Blocking>::new().auth_callback(callback), nothing).unwrap();
    assert_eq!(auth.authorize(None).unwrap_err().retry_after(), Some(Duration::from_secs(7)));

    let over = |_: Request<Bytes>| Ok(busy(503, &[("retry-after", "9")]));
    let url = AuthUrl::new("https://example.com/ably").unwrap();
    let auth = BlockingAuth::new(ClientOptions::<Blocking>::new().auth_url(url), over).unwrap();
    assert_eq!(auth.authorize(None).unwrap_err().retry_after(), Some(Duration::from_secs(9)));
}

/// A source that gives one token with a lifetime of 1000 s, and then fails with `retry_after`.
struct BusyAfterwards {
    asked: Arc<AtomicUsize>,
    retry_after: &'static [(&'static str, &'static str)],
}

impl BusyAfterwards {
    fn answer(&self) -> Result<TokenDetails, Error> {
        match self.asked.fetch_add(1, Ordering::SeqCst) {
            0 => Ok(serde_json::from_str(r#"{"token":"first","issued":0,"expires":1000000}"#).unwrap()),
            _ => Err(refused(503, self.retry_after)),
        }
    }
}

impl BlockingTokenSource for BusyAfterwards {
    fn token(&self, _: &TokenParams) -> Result<TokenDetails, Error> {
        self.answer()
    }
}

#[async_trait]
impl TokenSource for BusyAfterwards {
    async fn token(&self, _: &TokenParams) -> Result<TokenDetails, Error> {
        self.answer()
    }
}

enum Cache {
    Blocking(BlockingTokenCache),
    Async(TokenCache),
}

impl Cache {
    fn token(&self) -> Result<CachedToken, Error> {
        match self {
            Self::Blocking(cache) => cache.token(),
            Self::Async(cache) => block_on(cache.token()),
        }
    }

    fn renewed(&self, generation: Generation) -> Result<CachedToken, Error> {
        match self {
            Self::Blocking(cache) => cache.renewed(generation),
            Self::Async(cache) => block_on(cache.renewed(generation)),
        }
    }
}

/// Returns a blocking and an async cache over a [`BusyAfterwards`] each, with its clock and its number of fetches.
fn busy_afterwards(
    retry_after: &'static [(&str, &str)],
    policy: CachePolicy,
) -> [(Cache, VirtualTime, Arc<AtomicUsize>); 2] {
    [false, true].map(|is_async| {
        let (asked, time) = (Arc::<AtomicUsize>::default(), VirtualTime::default());
        let source = Arc::new(BusyAfterwards { asked: Arc::clone(&asked), retry_after });
        let (params, random) = (TokenParams::new(), Arc::new(|| [0; 16]));
        let cache = if is_async {
            Cache::Async(TokenCache::new(source, params, time.clock()).random(random).policy(policy))
        } else {
            Cache::Blocking(BlockingTokenCache::new(source, params, time.clock()).random(random).policy(policy))
        };
        (cache, time, asked)
    })
}

#[test]
fn early_renewal_waits_for_retry_after() {
    for (header, limit, wait) in [("30", None, 30), ("86400", None, 60), ("86400", Some(40), 40), ("0", None, 1)] {
        let headers: &'static [(&str, &str)] = Box::leak(Box::new([("retry-after", header)]));
        let policy = CachePolicy::new();
        let policy = limit.map_or(policy, |limit| policy.retry_after_limit(Duration::from_secs(limit)));
        for (cache, time, asked) in busy_afterwards(headers, policy) {
            cache.token().unwrap();
            time.advance(900_000);
            cache.token().unwrap();
            assert_eq!(asked.load(Ordering::SeqCst), 2, "it is due");
            time.advance(wait * 1000 - 1);
            cache.token().unwrap();
            assert_eq!(asked.load(Ordering::SeqCst), 2, "{header}: the service is left alone");
            time.advance(1);
            cache.token().unwrap();
            assert_eq!(asked.load(Ordering::SeqCst), 3, "{header}");
        }
    }
}

#[test]
fn token_that_expires_during_wait_is_renewed_at_expiry() {
    for (cache, time, asked) in busy_afterwards(&[("retry-after", "60")], CachePolicy::new()) {
        cache.token().unwrap();
        time.advance(990_000);
        cache.token().unwrap();
        time.advance(10_000);
        cache.token().unwrap_err();
        assert_eq!(asked.load(Ordering::SeqCst), 3);
    }
}

#[test]
fn retry_after_of_first_failure_delays_next_fetch() {
    for (cache, time, asked) in busy_afterwards(&[("retry-after", "20")], CachePolicy::new()) {
        let first = cache.token().unwrap();
        for after in [0, 19_999] {
            time.advance(after);
            let error = cache.renewed(first.generation()).unwrap_err();
            assert_eq!((asked.load(Ordering::SeqCst), error.status_code()), (2, 503), "{after}");
        }
        time.advance(1);
        cache.renewed(first.generation()).unwrap_err();
        assert_eq!(asked.load(Ordering::SeqCst), 3);
    }
}
