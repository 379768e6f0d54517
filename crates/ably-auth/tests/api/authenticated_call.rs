//! A call with credentials, stepped by hand.

use ably_auth::exchange::{AuthenticatedCall, Authorization, CallStep};
use ably_auth::{ApiKey, CachedToken, Error, ErrorCode, FaultKind, Generation, Identity, Token, TransportFault};
use bytes::Bytes;
use http::{Request, Response};

use super::support::{answer, refusal};

fn call() -> AuthenticatedCall {
    let request = Request::post("http://localhost/channels/c/messages").body(Bytes::from_static(b"{}")).unwrap();
    AuthenticatedCall::new(request, None)
}

fn bearer(token: &str) -> Authorization {
    Authorization::bearer(&Token::new(token).unwrap())
}

/// Returns a generation, which only a cache can create.
fn generation() -> Generation {
    let source = |_: &ably_auth::TokenParams| Ok::<_, Error>(super::support::details("t"));
    let time = super::support::VirtualTime::default();
    let cache = ably_auth::BlockingTokenCache::new(std::sync::Arc::new(source), Default::default(), time.clock());
    cache.token().as_ref().map(CachedToken::generation).unwrap()
}

fn wants_credentials(step: CallStep) -> Option<Generation> {
    match step {
        CallStep::Authorize { rejected } => rejected,
        other => panic!("no credentials were requested: {other:?}"),
    }
}

fn sends(step: CallStep) -> Request<Bytes> {
    match step {
        CallStep::Send(request) => request,
        other => panic!("no request was sent: {other:?}"),
    }
}

fn ends(step: CallStep) -> Result<Response<Bytes>, Error> {
    match step {
        CallStep::Done(outcome) => outcome,
        other => panic!("the call did not end: {other:?}"),
    }
}

/// rest/unit/RSC10/request-retried-after-renewal-0
/// rest/unit/RSA4b/renewal-on-40140-1
/// rest/unit/RSA4b/renewal-on-40142-0
#[test]
fn token_error_leads_to_one_renewal_and_resend() {
    for code in 40140..=40149 {
        let (mut call, first) = (call(), generation());
        assert_eq!(wants_credentials(call.start()), None);
        let sent = sends(call.authorized(&bearer("first"), Some(first)));
        assert_eq!(wants_credentials(call.answered(Ok(refusal(401, code)))), Some(first));
        let again = sends(call.authorized(&bearer("second"), Some(first)));
        assert_eq!(again.headers()["authorization"], "Bearer second");
        assert_eq!((again.method(), again.uri(), again.body()), (sent.method(), sent.uri(), sent.body()));
        assert_eq!(ends(call.answered(Ok(answer(201, "done")))).unwrap().body(), "done");
    }
}

/// rest/unit/RSA4b/renewal-limit-no-loop-3
#[test]
fn refusal_of_renewed_token_ends_call() {
    let mut call = call();
    call.start();
    sends(call.authorized(&bearer("first"), Some(generation())));
    wants_credentials(call.answered(Ok(refusal(401, 40142))));
    sends(call.authorized(&bearer("second"), Some(generation())));
    let error = ends(call.answered(Ok(refusal(401, 40142)))).unwrap_err();
    assert_eq!(error.ably_code(), ErrorCode::TOKEN_EXPIRED);
}

/// rest/unit/RSC10b/non-token-401-no-renewal-0
#[test]
fn other_refusal_leads_to_no_renewal() {
    for (status, code) in
        [(401, 40100), (401, 40101), (401, 40139), (401, 40150), (401, 40160), (403, 40142), (500, 50000)]
    {
        let mut call = call();
        call.start();
        sends(call.authorized(&bearer("first"), Some(generation())));
        let error = ends(call.answered(Ok(refusal(status, code)))).unwrap_err();
        assert_eq!(error.ably_code().as_u32(), code);
    }
}

#[test]
fn key_is_not_renewed() {
    let mut call = call();
    call.start();
    let key = ApiKey::parse("app.key:secret").unwrap();
    let sent = sends(call.authorized(&Authorization::basic(&key), None));
    assert!(sent.headers()["authorization"].is_sensitive());
    assert!(ends(call.answered(Ok(refusal(401, 40142)))).is_err());
}

#[test]
fn transport_fault_ends_call() {
    let mut call = call();
    call.start();
    sends(call.authorized(&bearer("first"), Some(generation())));
    let error = ends(call.answered(Err(TransportFault::new(FaultKind::Interrupted, "reset")))).unwrap_err();
    assert!(error.transport_fault().is_some());
}

#[test]
fn assumed_identity_is_sent_as_base64() {
    let request = Request::get("http://localhost/").body(Bytes::new()).unwrap();
    let mut call = AuthenticatedCall::new(request, Some(&Identity::new("üser").unwrap()));
    call.start();
    let sent = sends(call.authorized(&bearer("t"), Some(generation())));
    assert_eq!(sent.headers()["x-ably-clientid"], "w7xzZXI=");
}
