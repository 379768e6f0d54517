//! Debug and error output contains no secret and no token.

use std::error::Error as StdError;
use std::sync::Arc;

use ably_auth::exchange::{
    AuthenticatedCall, Authorization, CallStep, Exchange, FallbackStep, HostFallback, Hosts, IssueToken, QueryAuthUrl,
    RequestToken, RevokeTokens, Step,
};
use ably_auth::sources::{
    AuthCallbackAnswer, AuthUrlSource, CallbackSource, ChainSource, FixedTokenSource, JwtSource, KeySigner, KeySource,
};
use ably_auth::{
    ApiKey, Async, Auth, AuthMethod, AuthOptions, AuthUrl, Blocking, BlockingAuth, BlockingTokenCache,
    BlockingTokenSource, CachedToken, ClientOptions, Credentials, Endpoint, Error, FallbackTransport, HttpSettings,
    ProxyEnv, RevokeTokensRequest, SystemRandom, Token, TokenCache, TokenDetails, TokenParams, TokenRequest,
    TransportFault,
};
use bytes::Bytes;
use http::{Request, Response};

use super::support::{VirtualTime, answer};

const SECRET: &str = "hush-secret";
const TOKEN: &str = "app.hush-token";

fn shows_nothing(what: &dyn std::fmt::Debug) {
    for shown in [format!("{what:?}"), format!("{what:#?}")] {
        let basic = "YXBwLmtleTpodXNoLXNlY3JldA";
        assert!(!shown.contains("hush") && !shown.contains(basic), "{shown}");
    }
}

fn error_shows_nothing(error: &(dyn StdError + 'static)) {
    let mut cause = Some(error);
    while let Some(error) = cause {
        assert!(!format!("{error} {error:?} {error:#?}").contains("hush"), "{error:?}");
        cause = error.source();
    }
}

async fn gives_the_token(_: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
    Ok(answer(201, format!(r#"{{"token":"{TOKEN}","issued":0,"expires":1000}}"#)))
}

fn key() -> ApiKey {
    ApiKey::parse(&format!("app.key:{SECRET}")).unwrap()
}

fn token() -> TokenDetails {
    TokenDetails::from_token(Token::new(TOKEN).unwrap())
}

#[tokio::test]
async fn debug_output_has_no_secret_and_no_token() {
    let endpoint = Endpoint::default();
    let source = KeySource::new(KeySigner::new(key()), endpoint.clone(), gives_the_token);
    shows_nothing(&source);
    let proxies: ProxyEnv = ProxyEnv::read(|name| name.ends_with("S_PROXY").then(|| "http://u:hush@proxy".into()));
    shows_nothing(&proxies);
    let request: TokenRequest = KeySigner::new(key()).create_token_request(&TokenParams::new()).unwrap();
    let mac = serde_json::to_value(&request).unwrap()["mac"].as_str().unwrap().to_owned();
    assert!(!format!("{request:?}").contains(&mac));
    shows_nothing(&FixedTokenSource::new(token()));
    shows_nothing(&AuthCallbackAnswer::from(token()));
    shows_nothing(&AuthCallbackAnswer::from(token().token().clone()));
    let callback = Arc::new(|_: TokenParams| async { Ok::<_, Error>(token()) });
    shows_nothing(&CallbackSource::new(callback, endpoint.clone(), gives_the_token));

    shows_nothing(&JwtSource::new(KeySigner::new(key())));
    shows_nothing(&BlockingTokenSource::token(&JwtSource::new(KeySigner::new(key())), &TokenParams::new()));
    let chain: ChainSource<dyn BlockingTokenSource> = ChainSource::new([Arc::new(FixedTokenSource::new(token())) as _]);
    shows_nothing(&chain);
    let mut issue = IssueToken::new(Arc::new(KeySigner::new(key())), endpoint.clone(), TokenParams::new());
    shows_nothing(&issue.start());
    shows_nothing(&issue);
    let auth_url = AuthUrl::new("https://example.com/auth?a=hush").unwrap().auth_method(AuthMethod::Post);
    let auth_url = auth_url.auth_params([("b", "hush")]).auth_headers(
        std::iter::once((http::HeaderName::from_static("x-session"), http::HeaderValue::from_static("hush"))).collect(),
    );
    shows_nothing(&auth_url);
    shows_nothing(&QueryAuthUrl::new(&auth_url, &TokenParams::new()));
    shows_nothing(&AuthUrlSource::new(auth_url.clone(), (), endpoint.clone(), ()));
    shows_nothing(&AuthOptions::<Async>::new().key(key()).token(token()).auth_url(auth_url));

    let options = || ClientOptions::<Async>::new().key(key()).token(token());
    shows_nothing(&options());
    let auth = Auth::new(options().use_token_auth(true), gives_the_token).unwrap();
    auth.authorize(&TokenParams::new()).await.unwrap();
    shows_nothing(&auth);
    shows_nothing(&auth.token_details());
    let credentials: Credentials = auth.credentials().await.unwrap();
    shows_nothing(&credentials);
    shows_nothing(&Auth::new(ClientOptions::new().key(key()), gives_the_token).unwrap().credentials().await.unwrap());
    let cache = TokenCache::new(Arc::new(source), TokenParams::new(), VirtualTime::default().clock());
    let cached: CachedToken = cache.token().await.unwrap();
    shows_nothing(&cached);
    shows_nothing(cached.authorization());
    shows_nothing(&cache);

    let sends = |_: Request<Bytes>| Err(TransportFault::new(ably_auth::FaultKind::Unreachable, "connection refused"));
    let blocking = ClientOptions::<Blocking>::new().key(key()).token(token());
    shows_nothing(&BlockingAuth::new(blocking, sends).unwrap());
    let fixed = Arc::new(FixedTokenSource::new(token()));
    let cache = BlockingTokenCache::new(fixed, TokenParams::new(), VirtualTime::default().clock());
    shows_nothing(&cache.token());
    shows_nothing(&cache);

    let mut headers = http::HeaderMap::new();
    headers.insert("x-session", "hush".parse().unwrap());
    let auth_url = AuthUrl::new("https://example.com/ably?session=hush").unwrap();
    let auth_url = auth_url.auth_headers(headers).auth_params([("session", "hush")]);
    shows_nothing(&auth_url);
    for method in [AuthMethod::Get, AuthMethod::Post] {
        let mut query = QueryAuthUrl::new(&auth_url.clone().auth_method(method), &TokenParams::new());
        shows_nothing(&query);
        shows_nothing(&query.start());
    }
    let settings = HttpSettings::default();
    let request = Request::get("https://main.realtime.ably.net/")
        .header("authorization", Authorization::basic(&key()).header().clone());
    let hosts: Hosts = Hosts::new(&endpoint, &settings).unwrap();
    let mut sent: HostFallback<'_> = hosts.request(request.body(Bytes::new()).unwrap(), std::time::Duration::ZERO);
    let step: FallbackStep = sent.start();
    shows_nothing(&(&settings, &hosts, &sent, &step));
    let (clock, random) = (VirtualTime::default().clock(), Arc::new(SystemRandom));
    let transport = FallbackTransport::new(auth_url, &endpoint, &settings, clock, random).unwrap();
    shows_nothing(&transport);

    shows_nothing(&Authorization::basic(&key()));
    shows_nothing(&Authorization::bearer(token().token()));
    let mut revocation = RevokeTokens::new(&endpoint, &key(), &RevokeTokensRequest::new([]));
    shows_nothing(&revocation);
    shows_nothing(&revocation.start());
    let mut call = AuthenticatedCall::new(Request::get("https://a/b").body(Bytes::new()).unwrap(), None);
    call.start();
    let step: CallStep = call.authorized(&Authorization::bearer(token().token()), None);
    shows_nothing(&step);
    shows_nothing(&call);
}

#[tokio::test]
async fn error_does_not_show_body_that_may_be_token() {
    let bodies = [
        format!(r#"{{"token":{{"{TOKEN}":1}}}}"#),
        format!(r#"{{"token":"{TOKEN}","expires":"{TOKEN}"}}"#),
        format!(r#"{{"token":"{TOKEN}","keyName":"{TOKEN} "}}"#),
        format!(r#"{{"token":"{TOKEN}","clientId":5}}"#),
        format!(r#"{{"token":"{TOKEN}"#),
        TOKEN.to_owned(),
    ];
    let request = KeySigner::new(key()).create_token_request(&TokenParams::new()).unwrap();
    for body in bodies {
        for status in [201, 302, 400, 500] {
            let mut exchange = RequestToken::new(&Endpoint::default(), &request);
            exchange.start();
            let Step::Done(Err(error)) = exchange.answered(Ok(answer(status, body.clone()))) else {
                panic!("{body} was accepted as a token");
            };
            error_shows_nothing(&error);
        }
    }
    for bad in
        [format!("app.key:{SECRET} "), format!("app.key:{SECRET}:"), SECRET.to_owned(), format!("a.b.{SECRET}:c")]
    {
        error_shows_nothing(&ApiKey::parse(&bad).unwrap_err());
        error_shows_nothing(&Error::from(ApiKey::parse(&bad).unwrap_err()));
    }
    error_shows_nothing(&Error::from(Token::new(&format!("{TOKEN} {TOKEN}")).unwrap_err()));
    error_shows_nothing(&Endpoint::parse(&format!("https://app.key:{SECRET}@host")).unwrap_err());
}

/// A signed token request can be exchanged by anybody who sees it, and the answer holds the token.
#[test]
fn step_does_not_show_body() {
    let endpoint = Endpoint::default();
    let request = KeySigner::new(key()).create_token_request(&TokenParams::new()).unwrap();
    let mac = serde_json::to_value(&request).unwrap()["mac"].as_str().unwrap().to_owned();
    let hides = |what: &dyn std::fmt::Debug| {
        shows_nothing(what);
        let shown = format!("{what:?} {what:#?}");
        assert!(!shown.contains(&mac) && !shown.contains(&mac[..8]), "{shown}");
    };
    let mut exchange = RequestToken::new(&endpoint, &request);
    hides(&exchange);
    let Step::Send(sent) = exchange.start() else { panic!("no request was sent") };
    let hosts = Hosts::new(&endpoint, &HttpSettings::default()).unwrap();
    let mut walk = hosts.request(sent.clone(), std::time::Duration::ZERO);
    hides(&walk);
    hides(&walk.start());
    let token = || answer(201, format!(r#"{{"token":"{TOKEN}"}}"#));
    hides(&walk.answered(Ok(token()), std::time::Duration::ZERO, &SystemRandom));
    let mut call = AuthenticatedCall::new(sent, None);
    hides(&call);
    call.start();
    hides(&call.authorized(&Authorization::basic(&key()), None));
    hides(&call.answered(Ok(token())));
}
