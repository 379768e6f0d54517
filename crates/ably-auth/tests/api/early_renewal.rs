//! Early renewals: of tokens of any form, and by callers that give up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use ably_auth::{BlockingTokenCache, CachedToken, Error, Token, TokenCache, TokenDetails, TokenParams};
use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};

use super::support::{VirtualTime, details};

fn part(json: &str) -> String {
    URL_SAFE_NO_PAD.encode(json)
}

/// Returns a JWT with an invalid signature, which the cache does not check.
fn jwt(header: &str, payload: &str) -> String {
    format!("{}.{}.c2lnbmF0dXJl", part(header), part(payload))
}

const HS256: &str = r#"{"alg":"HS256","typ":"JWT","kid":"app.key"}"#;
const TIMES: &str = r#""iat":1700000000,"exp":1700001000"#;

/// Returns true if a token with the text `token` is renewed early, at 995 of its 1000 seconds.
fn is_renewed_early(token: &str) -> bool {
    let (asked, time) = (Arc::new(AtomicUsize::new(0)), VirtualTime::default());
    time.advance(1_700_000_000_000);
    let (counted, text) = (Arc::clone(&asked), token.to_owned());
    let source = move |_: &TokenParams| {
        counted.fetch_add(1, Ordering::SeqCst);
        Ok::<_, Error>(TokenDetails::from_token(Token::new(&text)?))
    };
    let cache = BlockingTokenCache::new(Arc::new(source), TokenParams::new(), time.clock());
    cache.token().unwrap();
    time.advance(500_000);
    cache.token().unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 1, "renewed at half its lifetime");
    time.advance(495_000);
    cache.token().unwrap();
    asked.load(Ordering::SeqCst) == 2
}

#[test]
fn token_of_any_readable_form_is_renewed_early() {
    let payload = format!("{{{TIMES}}}");
    let inner = jwt(HS256, &payload);
    let outer = |more: &str| format!(r#"{{"iat":1700000000,"exp":1700009000,"x-ably-token":"{more}"}}"#);
    let rs256 = r#"{"alg":"RS256","kid":"my-own-key"}"#;
    let native = format!(r#"{{{TIMES},"x-ably-token":"xVLyHw.Dtxd9tuz"}}"#);
    let in_header = format!(r#"{{"alg":"RS256","x-ably-token":"{inner}"}}"#);
    let encrypted = format!(r#"{{"alg":"dir","enc":"A256GCM","x-ably-token":"{inner}"}}"#);
    let padded = URL_SAFE.encode(&payload);
    for (what, text) in [
        ("usual", inner.clone()),
        ("null clientId", jwt(HS256, &format!(r#"{{{TIMES},"x-ably-clientId":null}}"#))),
        ("null capability", jwt(HS256, &format!(r#"{{{TIMES},"x-ably-capability":null}}"#))),
        ("capability as an object", jwt(HS256, &format!(r#"{{{TIMES},"x-ably-capability":{{"a":["*"]}}}}"#))),
        ("empty clientId", jwt(HS256, &format!(r#"{{{TIMES},"x-ably-clientId":""}}"#))),
        ("exponent", jwt(HS256, r#"{"iat":1.7e9,"exp":1.700001e9}"#)),
        ("no iat", jwt(HS256, r#"{"exp":1700001000}"#)),
        ("a claim twice", jwt(HS256, &format!(r#"{{{TIMES},"a":1,"a":2,"nbf":"x"}}"#))),
        ("at+jwt", jwt(r#"{"alg":"HS256","typ":"at+jwt","kid":"app.key"}"#, &payload)),
        ("no kid", jwt(r#"{"alg":"HS256"}"#, &payload)),
        ("crit", jwt(r#"{"alg":"HS256","kid":"app.key","crit":["x"]}"#, &payload)),
        ("another algorithm", jwt(rs256, &payload)),
        ("outer of a native token", jwt(rs256, &native)),
        ("outer that lives longer", jwt(rs256, &outer(&inner))),
        ("inner in the header", jwt(&in_header, "{}")),
        ("encrypted", format!("{}.a.b.c.d", part(&encrypted))),
        ("padding", format!("{}.{padded}.c2ln", part(HS256))),
    ] {
        assert!(is_renewed_early(&text), "{what}");
    }
    for (what, text) in [
        ("native", "xVLyHw.Dtxd9tuz".to_owned()),
        ("milliseconds", jwt(HS256, r#"{"iat":1700000000000,"exp":1700001000000}"#)),
        ("no end", jwt(HS256, r#"{"iat":1700000000}"#)),
        ("not JSON", jwt(HS256, "exp")),
    ] {
        assert!(!is_renewed_early(&text), "{what}");
    }
}

fn poll(future: std::pin::Pin<&mut impl Future<Output = Result<CachedToken, Error>>>) -> Poll<String> {
    let polled = future.poll(&mut Context::from_waker(Waker::noop()));
    polled.map(|token| token.unwrap().details().token().expose().to_owned())
}

/// Returns a cache whose source gives the first token at once and never answers again.
fn slow_afterwards() -> (TokenCache, VirtualTime, Arc<AtomicUsize>) {
    let (asked, time) = (Arc::new(AtomicUsize::new(0)), VirtualTime::default());
    let counted = Arc::clone(&asked);
    let source = move |_: TokenParams| {
        let nth = counted.fetch_add(1, Ordering::SeqCst);
        async move { if nth == 0 { Ok(details("first")) } else { std::future::pending().await } }
    };
    (TokenCache::new(Arc::new(source), TokenParams::new(), time.clock()), time, asked)
}

fn served(cache: &TokenCache) -> Poll<String> {
    poll(std::pin::pin!(cache.token()))
}

#[test]
fn abandoned_early_renewal_serves_others_good_token() {
    let (cache, time, asked) = slow_afterwards();
    let good = || Poll::Ready("first".to_owned());
    assert_eq!(served(&cache), good());
    time.advance(900);
    // This caller starts a renewal and gives up.
    assert_eq!(served(&cache), Poll::Pending);
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    for _ in 0..10 {
        assert_eq!(served(&cache), good(), "the source is not asked during the backoff");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[test]
fn renewal_that_others_wait_for_is_not_abandoned() {
    let (cache, time, asked) = slow_afterwards();
    served(&cache).is_ready().then_some(()).unwrap();
    time.advance(900);
    let mut renews = Box::pin(cache.token());
    assert_eq!(poll(renews.as_mut()), Poll::Pending);
    assert_eq!(served(&cache), Poll::Ready("first".to_owned()));
    drop(renews);
    // After the expiry, a token is fetched even though a renewal was abandoned.
    time.advance(200);
    assert_eq!(served(&cache), Poll::Pending);
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[test]
fn renewal_that_is_dropped_unpolled_has_no_effect() {
    let (cache, time, asked) = slow_afterwards();
    served(&cache).is_ready().then_some(()).unwrap();
    time.advance(900);
    drop(cache.token());
    assert_eq!(served(&cache), Poll::Pending);
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[test]
fn cache_may_be_dropped_before_its_renewal() {
    let (cache, time, _) = slow_afterwards();
    served(&cache).is_ready().then_some(()).unwrap();
    time.advance(900);
    let other = cache.clone();
    let mut renews = Box::pin(async move { other.token().await });
    assert_eq!(poll(renews.as_mut()), Poll::Pending);
    drop(cache);
    drop(renews);
}
