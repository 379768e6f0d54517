//! Token sources.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ably_auth::sources::{CallbackSource, ChainSource, FixedTokenSource, JwtSource, KeySigner};
use ably_auth::{
    ApiKey, Blocking, BlockingAuth, BlockingTokenSource, Capability, ClientOptions, Endpoint, Error, ErrorCode,
    ErrorKind, Timestamp, Token, TokenDetails, TokenParams, TransportFault,
};
use ably_auth_core::jwt::UnverifiedJwt;
use bytes::Bytes;
use http::{Request, Response};

use super::support::{answer, details};

fn key() -> ApiKey {
    ApiKey::parse("app.key:secret").unwrap()
}

fn exchanges(_: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
    Ok(answer(201, r#"{"token":"app.exchanged"}"#))
}

/// A source that returns a cached token request would look like a replay attack; the error names the mistake.
#[test]
fn reused_token_request_is_named_in_error() {
    let request = KeySigner::new(key()).create_token_request(&TokenParams::new()).unwrap();
    let cached = move |_: &TokenParams| Ok::<_, Error>(request.clone());
    let source = CallbackSource::new(Arc::new(cached), Endpoint::default(), exchanges);
    assert_eq!(source.token(&TokenParams::new()).unwrap().token().expose(), "app.exchanged");
    let error = source.token(&TokenParams::new()).unwrap_err();
    assert_eq!((error.kind(), error.ably_code()), (ErrorKind::AuthCallback, ErrorCode::AUTH_SOURCE_FAILED));
    assert!(error.to_string().contains("same nonce"), "{error}");
}

#[test]
fn refusal_of_nested_callback_is_kept() {
    let forbids = |_: &TokenParams| -> Result<Token, Error> {
        let inner = |_: &TokenParams| {
            let info = serde_json::json!({"code": 40300, "statusCode": 403, "message": "not for you"});
            Err::<Token, _>(serde_json::from_value::<ably_auth::ErrorInfo>(info).unwrap())
        };
        let source = CallbackSource::new(Arc::new(inner), Endpoint::default(), exchanges);
        source.token(&TokenParams::new()).map(|details| details.token().clone())
    };
    let source = CallbackSource::new(Arc::new(forbids), Endpoint::default(), exchanges);
    let error = source.token(&TokenParams::new()).unwrap_err();
    assert_eq!((error.ably_code(), error.status_code()), (ErrorCode::FORBIDDEN, 403));
}

#[test]
fn token_over_128_kib_is_refused() {
    let long = |_: &TokenParams| Token::new(&"x".repeat(128 * 1024));
    let source = CallbackSource::new(Arc::new(long), Endpoint::default(), exchanges);
    assert!(source.token(&TokenParams::new()).is_ok());
    let longer = |_: &TokenParams| Token::new(&"x".repeat(128 * 1024 + 1));
    let source = CallbackSource::new(Arc::new(longer), Endpoint::default(), exchanges);
    assert_eq!(source.token(&TokenParams::new()).unwrap_err().ably_code(), ErrorCode::AUTH_SOURCE_FAILED);
}

#[test]
fn minted_jwt_has_requested_claims_and_expiry() {
    let now = Timestamp::from_millis(1_700_000_000_000);
    let signer = KeySigner::new(key()).clock(Arc::new(move || now));
    let capability: Capability = r#"{"chat":["publish"]}"#.parse().unwrap();
    let params = TokenParams::new().client_id("bob").capability(capability.clone());
    let details = BlockingTokenSource::token(&JwtSource::new(signer), &params).unwrap();
    let jwt = UnverifiedJwt::parse(details.token().expose()).unwrap();
    let verified = jwt.verify(&key().signer(), now, std::time::Duration::ZERO).unwrap();
    assert_eq!(verified.claims().capability().unwrap().unwrap(), capability);
    assert_eq!(Some(verified.claims().expires()), details.expires());
    assert_eq!(verified.claims().client_id(), details.client_id());
}

#[test]
fn chain_uses_next_source_after_failure_or_end() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let fails_first = move |_: &TokenParams| -> Result<TokenDetails, Error> {
        match counted.fetch_add(1, Ordering::SeqCst) {
            0 => Err(Error::auth_callback("not yet")),
            _ => Ok(details("second")),
        }
    };
    let links: [Arc<dyn BlockingTokenSource>; 3] = [
        Arc::new(fails_first),
        Arc::new(FixedTokenSource::new(details("given"))),
        Arc::new(FixedTokenSource::new(details("spare"))),
    ];
    let chain: ChainSource<dyn BlockingTokenSource> = ChainSource::new(links);
    let next = || chain.token(&TokenParams::new()).map(|details| details.token().expose().to_owned());
    assert_eq!(next().unwrap(), "given");
    assert_eq!(next().unwrap(), "second");
    assert!(chain.can_renew());

    let spent: ChainSource<dyn BlockingTokenSource> =
        ChainSource::new([Arc::new(FixedTokenSource::new(details("only"))) as _]);
    assert!(spent.can_renew() && spent.token(&TokenParams::new()).is_ok() && !spent.can_renew());
    assert_eq!(spent.token(&TokenParams::new()).unwrap_err().ably_code(), ErrorCode::NO_MEANS_TO_RENEW);
}

#[test]
fn custom_source_serves_client() {
    let seen = |request: Request<Bytes>| Ok(answer(200, request.headers()["authorization"].as_bytes().to_vec()));
    let source = |_: &TokenParams| -> Result<TokenDetails, Error> { Ok(details("own")) };
    let auth = BlockingAuth::new(ClientOptions::<Blocking>::new().token_source(source), seen).unwrap();
    let answer = auth.request(Request::get("/stats").body(Bytes::new()).unwrap()).unwrap();
    assert_eq!(&answer.body()[..], b"Bearer own");
}
