//! Exchanges of one request, stepped by hand.

use ably_auth::exchange::{Exchange, RequestToken, RevokeTokens, ServerTime, Step};
use ably_auth::{
    ApiKey, Endpoint, Error, ErrorCode, ErrorInfo, ErrorKind, FaultKind, Nonce, RevokeTokensRequest, Timestamp,
    TokenParams, TokenRequest, TokenRevocationResult, TokenRevocationTargetSpecifier, TransportFault,
};
use bytes::Bytes;
use http::{Request, Response};

use super::support::{answer, refusal};

fn sent<T>(step: Step<T>) -> Request<Bytes> {
    match step {
        Step::Send(request) => request,
        Step::Done(_) => panic!("the exchange ended without a request"),
    }
}

fn done<T>(step: Step<T>) -> Result<T, Error> {
    match step {
        Step::Done(outcome) => outcome,
        Step::Send(_) => panic!("the exchange sent another request"),
    }
}

fn key() -> ApiKey {
    ApiKey::parse("app.key:secret").unwrap()
}

fn signed() -> TokenRequest {
    let (now, nonce) = (Timestamp::from_millis(1_449_746_287_318), Nonce::from_random(&[1; 16]));
    TokenRequest::sign(&key(), &TokenParams::new(), now, nonce).unwrap()
}

fn time_of(response: Response<Bytes>) -> Result<Timestamp, Error> {
    let mut exchange = ServerTime::new(&Endpoint::default());
    sent(exchange.start());
    done(exchange.answered(Ok(response)))
}

/// rest/unit/RSC16/returns-server-time-0
#[test]
fn time_is_parsed_from_answer() {
    assert_eq!(time_of(answer(200, "[1704067200000]")).unwrap(), Timestamp::from_millis(1_704_067_200_000));
    for other in ["[]", "[1,2]", "{}", "1704067200000", "[-1]", "[1.5]", "[\"soon\"]", ""] {
        assert_eq!(time_of(answer(200, other)).unwrap_err().kind(), ErrorKind::Answer, "{other}");
    }
}

/// rest/unit/RSC16/request-format-get-time-1
/// rest/unit/RSC16/no-auth-required-2
/// rest/unit/RSC7e/ably-version-header-0
#[test]
fn time_request_has_no_credentials() {
    let request = sent(ServerTime::new(&Endpoint::parse("http://localhost:1").unwrap()).start());
    assert_eq!((request.method().as_str(), request.uri().to_string()), ("GET", "http://localhost:1/time".into()));
    assert!(request.headers().get("authorization").is_none());
    assert_eq!(request.headers()["x-ably-version"], "6");
}

/// rest/unit/RSC7d/ably-agent-header-format-0
#[test]
fn request_names_agent_and_version() {
    let request = sent(ServerTime::new(&Endpoint::default()).start());
    let agent = request.headers()["ably-agent"].to_str().unwrap();
    let (name, version) = agent.split_once('/').unwrap();
    assert_eq!(name, "ably-auth-rust");
    assert!(version.split('.').all(|part| part.parse::<u32>().is_ok()), "{version}");
}

/// rest/unit/RSC16/error-propagated-4
#[test]
fn error_of_service_is_passed_on() {
    let error = time_of(refusal(500, 50000)).unwrap_err();
    assert_eq!((error.kind(), error.ably_code()), (ErrorKind::Refused, ErrorCode::INTERNAL));
    assert!(error.is_transient());
    assert_eq!(error.error_info().unwrap().status_code(), 500);
}

#[test]
fn error_without_body_is_read_from_headers_or_status() {
    let mut response = answer(401, "<html>");
    response.headers_mut().insert("x-ably-errorcode", "40142".parse().unwrap());
    response.headers_mut().insert("x-ably-errormessage", "token expired".parse().unwrap());
    let error = time_of(response).unwrap_err();
    assert_eq!(error.ably_code(), ErrorCode::TOKEN_EXPIRED);
    assert_eq!(error.error_info().unwrap().message(), "token expired");

    let error = time_of(answer(503, "<html>")).unwrap_err();
    assert_eq!((error.ably_code().as_u32(), error.is_transient()), (50300, true));
}

#[test]
fn transport_fault_is_passed_on() {
    let mut exchange = ServerTime::new(&Endpoint::default());
    sent(exchange.start());
    let error = done(exchange.answered(Err(TransportFault::new(FaultKind::TimedOut, "10 s")))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transport);
    assert_eq!(error.transport_fault().unwrap().kind(), FaultKind::TimedOut);
    assert!(error.is_transient());
}

/// rest/unit/RSA8d/callback-returns-token-request-2
#[test]
fn token_request_is_posted_unchanged_to_its_key() {
    let token_request = signed();
    let mut exchange = RequestToken::new(&Endpoint::default(), &token_request);
    let request = sent(exchange.start());
    assert_eq!(request.method(), "POST");
    assert_eq!(request.uri(), "https://main.realtime.ably.net/keys/app.key/requestToken");
    assert_eq!(request.headers()["content-type"], "application/json");
    assert!(request.headers().get("authorization").is_none(), "the mac authenticates the request");
    assert_eq!(serde_json::from_slice::<TokenRequest>(request.body()).unwrap(), token_request);
    let details = done(exchange.answered(Ok(answer(201, r#"{"token":"app.t","expires":"5"}"#)))).unwrap();
    assert_eq!((details.token().expose(), details.expires()), ("app.t", Some(Timestamp::from_millis(5))));
}

#[test]
fn token_request_with_invalid_key_name_is_not_sent() {
    let foreign: TokenRequest = serde_json::from_str(r#"{"keyName":"../../evil","nonce":"n","mac":"m"}"#).unwrap();
    let error = done(RequestToken::new(&Endpoint::default(), &foreign).start()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

#[test]
fn invalid_answer_is_error_that_does_not_quote_it() {
    for body in [r#"{"token":5,"x":"hush-hush"}"#, r#"["hush-hush"]"#, r#""hush-hush""#, "hush-hush", "{", ""] {
        let mut exchange = RequestToken::new(&Endpoint::default(), &signed());
        sent(exchange.start());
        let error = done(exchange.answered(Ok(answer(201, body)))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Answer);
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("hush"), "{shown}");
    }
}

/// Returns an answer with the token and the given members, in JSON and in MessagePack.
fn answers_with(members: &[(&str, serde_json::Value)]) -> [Response<Bytes>; 2] {
    let token = ("token", serde_json::json!("app.hush"));
    let members: Vec<_> = [&token].into_iter().chain(members).collect();
    let json: Vec<_> = members.iter().map(|(name, value)| format!("{name:?}:{value}")).collect();
    let mut packed = vec![0x80 | u8::try_from(members.len()).unwrap()];
    for (name, value) in members {
        packed.extend(rmp_serde::to_vec(name).unwrap());
        packed.extend(rmp_serde::to_vec(value).unwrap());
    }
    let mut of_pack = answer(201, packed);
    of_pack.headers_mut().insert("content-type", "application/x-msgpack".parse().unwrap());
    [answer(201, format!("{{{}}}", json.join(","))), of_pack]
}

/// Other parsers keep the first or the last of two equal members, so the client could believe another value than a
/// proxy that checked the answer.
#[test]
fn repeated_member_of_token_is_error() {
    let outcome = |response: Response<Bytes>| {
        let mut exchange = RequestToken::new(&Endpoint::default(), &signed());
        sent(exchange.start());
        done(exchange.answered(Ok(response)))
    };
    for (name, one, other) in [
        ("token", "app.hush".into(), "app.hush-hush".into()),
        ("keyName", "app.key".into(), "app.other".into()),
        ("issued", 1.into(), 2.into()),
        ("expires", 1_000.into(), 2_000.into()),
        ("capability", r#"{"a":["publish"]}"#.into(), r#"{"*":["*"]}"#.into()),
        ("clientId", "hush-bob".into(), "hush-alice".into()),
        ("clientId", "hush-bob".into(), serde_json::Value::Null),
        ("clientId", serde_json::Value::Null, "hush-bob".into()),
    ] {
        for second in [&one, &other] {
            for response in answers_with(&[(name, one.clone()), (name, second.clone())]) {
                let error = outcome(response).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Answer, "{name}");
                let shown = format!("{error} {error:?}");
                assert!(!shown.contains("hush"), "{shown}");
            }
        }
        if name != "token" {
            for response in answers_with(&[(name, one)]) {
                assert_eq!(outcome(response).unwrap().token().expose(), "app.hush", "{name}");
            }
        }
    }
}

/// rest/unit/RSA17g/sends-post-correct-path-0
/// rest/unit/RSA17b/multiple-specifier-types-1
/// rest/unit/RSA17/request-uses-basic-auth-0
/// rest/unit/RSA17e/issued-before-omitted-1
/// rest/unit/RSA17f/reauth-margin-omitted-1
#[test]
fn revocation_is_posted_with_targets_and_key() {
    let targets = ["clientId:bob", "revocationKey:group1", "channel:foo:*"];
    let specifiers = targets.map(|target| TokenRevocationTargetSpecifier::parse(target).unwrap());
    let request = RevokeTokensRequest::new(specifiers);
    let request = sent(RevokeTokens::new(&Endpoint::default(), &key(), &request).start());
    assert_eq!(request.method(), "POST");
    assert_eq!(request.uri().path(), "/keys/app.key/revokeTokens");
    assert_eq!(request.headers()["authorization"], "Basic YXBwLmtleTpzZWNyZXQ=");
    assert!(request.headers()["authorization"].is_sensitive());
    let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
    assert_eq!(body, serde_json::json!({ "targets": targets }));
}

/// rest/unit/RSA17e/issued-before-included-0
/// rest/unit/RSA17f/reauth-margin-included-0
/// rest/unit/RSA17f/both-options-together-2
#[test]
fn revocation_sends_issued_before_and_margin() {
    let request = RevokeTokensRequest::new([TokenRevocationTargetSpecifier::client_id("bob")])
        .issued_before(Timestamp::from_millis(1_704_067_200_000))
        .allow_reauth_margin(true);
    let request = sent(RevokeTokens::new(&Endpoint::default(), &key(), &request).start());
    let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
    assert_eq!(body["issuedBefore"], 1_704_067_200_000_u64);
    assert_eq!(body["allowReauthMargin"], true);
}

/// rest/unit/RSA17c/mixed-success-failure-1
/// rest/unit/TRS2/success-result-attributes-0
/// rest/unit/TRF2/failure-result-attributes-0
#[test]
fn revocation_has_one_result_for_each_target() {
    let request = RevokeTokensRequest::new([TokenRevocationTargetSpecifier::client_id("bob")]);
    let mut exchange = RevokeTokens::new(&Endpoint::default(), &key(), &request);
    sent(exchange.start());
    let body = r#"{"successCount":1,"failureCount":1,"results":[
        {"target":"clientId:bob","issuedBefore":1,"appliesAt":2},
        {"target":"invalidType:abc","error":{"code":40000,"statusCode":400,"message":"invalid target type"}}]}"#;
    let batch = done(exchange.answered(Ok(answer(201, body)))).unwrap();
    assert_eq!((batch.success_count, batch.failure_count), (1, 1));
    let [TokenRevocationResult::Success(success), TokenRevocationResult::Failure(failure)] = &batch.results[..] else {
        panic!("{:?}", batch.results);
    };
    assert_eq!(success.target.as_str(), "clientId:bob");
    assert_eq!((success.issued_before.as_millis(), success.applies_at.as_millis()), (1, 2));
    assert_eq!((failure.target.as_str(), failure.error.code()), ("invalidType:abc", ErrorCode::BAD_REQUEST));
}

/// rest/unit/RSA17/server-error-propagated-0
#[test]
fn refused_revocation_is_error() {
    let request = RevokeTokensRequest::new([TokenRevocationTargetSpecifier::client_id("bob")]);
    let mut exchange = RevokeTokens::new(&Endpoint::default(), &key(), &request);
    sent(exchange.start());
    let error = done(exchange.answered(Ok(refusal(401, 40163)))).unwrap_err();
    assert_eq!(error.ably_code(), ErrorCode::TOKENS_NOT_REVOCABLE);
    assert!(!error.is_token_error() && !error.is_transient());
}

#[test]
fn second_start_of_exchange_is_error() {
    let mut exchange = ServerTime::new(&Endpoint::default());
    sent(exchange.start());
    assert_eq!(done(exchange.start()).unwrap_err().kind(), ErrorKind::Configuration);
}

#[test]
fn error_of_auth_callback_is_transient_if_its_cause_is() {
    let fault = || TransportFault::new(FaultKind::Unreachable, "connection refused");
    assert!(Error::auth_callback(Error::from(fault())).is_transient());
    assert!(Error::auth_callback(ErrorInfo::new(ErrorCode::new(42910), "slow down").with_status(429)).is_transient());
    assert!(!Error::auth_callback(ErrorInfo::new(ErrorCode::FORBIDDEN, "no").with_status(403)).is_transient());
    assert!(!Error::auth_callback("the user is logged out").is_transient());
}
