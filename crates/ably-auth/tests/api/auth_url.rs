//! The auth URL exchange, stepped by hand.

use ably_auth::exchange::{Exchange, QueryAuthUrl, Step, token_params_query};
use ably_auth::sources::AuthCallbackAnswer;
use ably_auth::{
    AuthMethod, AuthUrl, ClientId, Error, ErrorCode, ErrorKind, FaultKind, Nonce, Timestamp, TokenParams,
    TransportFault, Ttl,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, Response};

use super::support::answer;

const URL: &str = "https://auth.example.com/token";

fn url(text: &str) -> AuthUrl {
    AuthUrl::new(text).unwrap()
}

fn asked_with(auth_url: &AuthUrl, params: &TokenParams) -> Request<Bytes> {
    match QueryAuthUrl::new(auth_url, params).start() {
        Step::Send(request) => request,
        Step::Done(outcome) => panic!("no request was sent: {outcome:?}"),
    }
}

fn asked(auth_url: &AuthUrl) -> Request<Bytes> {
    asked_with(auth_url, &TokenParams::new())
}

fn got_from(answer: Result<Response<Bytes>, TransportFault>) -> Result<AuthCallbackAnswer, Error> {
    let mut exchange = QueryAuthUrl::new(&url(URL), &TokenParams::new());
    exchange.start();
    match exchange.answered(answer) {
        Step::Done(outcome) => outcome,
        Step::Send(request) => panic!("another request was sent: {}", request.uri()),
    }
}

fn got(content_type: &str, body: impl Into<Bytes>) -> Result<AuthCallbackAnswer, Error> {
    let mut answer = answer(200, body);
    answer.headers_mut().insert("content-type", content_type.parse().unwrap());
    got_from(Ok(answer))
}

fn token(got: Result<AuthCallbackAnswer, Error>) -> String {
    match got.unwrap() {
        AuthCallbackAnswer::Token(token) => token.expose().to_owned(),
        other => panic!("not a token: {other:?}"),
    }
}

fn all_params() -> TokenParams {
    let params = TokenParams::new().ttl(Ttl::from_millis(3_600_000).unwrap());
    let params = params.client_id("query client&co");
    params.capability(r#"{"ch":["publish"]}"#)
}

/// rest/unit/TK/token-params-to-query-string-0
#[test]
fn token_params_have_names_of_specification() {
    assert_eq!(token_params_query(&TokenParams::new()), []);
    let nonce = Nonce::parse("a-nonce-of-enough-characters").unwrap();
    let params = all_params().timestamp(Timestamp::from_millis(1_704_067_200_000)).nonce(nonce);
    let expected = [
        ("ttl", "3600000"),
        ("capability", r#"{"ch":["publish"]}"#),
        ("clientId", "query client&co"),
        ("timestamp", "1704067200000"),
        ("nonce", "a-nonce-of-enough-characters"),
    ];
    assert_eq!(token_params_query(&params), expected.map(|(name, value)| (name, value.to_owned())));
    let any = token_params_query(&TokenParams::new().client_id(ClientId::Any));
    assert_eq!(any, [("clientId", "*".to_owned())]);
}

/// rest/unit/RSA8c/authurl-invoked-for-auth-0
#[test]
fn request_is_get_without_credentials() {
    let request = asked(&url(URL));
    assert_eq!((request.method().as_str(), request.uri().to_string()), ("GET", URL.to_owned()));
    assert!(request.body().is_empty() && request.headers().get("authorization").is_none());
    let ours = request.headers().keys().filter(|name| name.as_str().contains("ably")).count();
    assert_eq!(ours, 0, "an auth URL is not an Ably service");
    let AuthCallbackAnswer::TokenDetails(details) =
        got("application/json", r#"{"token":"authurl-token","expires":1704067200000}"#).unwrap()
    else {
        panic!("not token details")
    };
    assert_eq!(details.token().expose(), "authurl-token");
    assert_eq!(details.expires(), Some(Timestamp::from_millis(1_704_067_200_000)));
}

/// rest/unit/RSA8c/authurl-query-params-3
#[test]
fn params_override_url_query_and_token_params_override_both() {
    let auth_params = [("client_id", "my-client"), ("scope", "publish:*"), ("clientId", "mallory"), ("b", "over")];
    let asked_for = url(&format!("{URL}?a=1%20x&b=own&ttl=5&t%74l=6&clientId=eve&flag")).auth_params(auth_params);
    let request = asked_with(&asked_for, &all_params());
    assert_eq!(
        request.uri().query().unwrap(),
        "a=1%20x&flag&client_id=my-client&scope=publish%3A%2A&b=over&ttl=3600000\
         &capability=%7B%22ch%22%3A%5B%22publish%22%5D%7D&clientId=query%20client%26co"
    );
    assert_eq!(asked(&url(&format!("{URL}?a=1&a=2"))).uri().query(), Some("a=1&a=2"), "the URL's query is unchanged");
    assert_eq!(asked(&url(URL).auth_params([("a", "1")]).auth_params([("b", "2")])).uri().query(), Some("b=2"));
    let spaced = url(&format!("{URL}?a+b=1&a%20b=2&a%2Bb=3")).auth_params([("a b", "over")]);
    assert_eq!(asked(&spaced).uri().query(), Some("a%2Bb=3&a%20b=over"));
    assert_eq!(asked(&url(URL).auth_params([("a", "1"), ("a", "2")])).uri().query(), Some("a=2"));
}

/// rest/unit/RSA8c/authurl-post-method-1
#[test]
fn post_sends_params_as_form_and_keeps_query() {
    let post = url(&format!("{URL}?ttl=5")).auth_method(AuthMethod::Post).auth_params([("a b", "ü"), ("ttl", "9")]);
    let request = asked_with(&post, &TokenParams::new().ttl(Ttl::from_millis(60_000).unwrap()));
    assert_eq!((request.method().as_str(), request.uri().to_string()), ("POST", format!("{URL}?ttl=5")));
    assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(request.body(), "a%20b=%C3%BC&ttl=60000");
}

/// rest/unit/RSA8c/authurl-custom-headers-2
#[test]
fn headers_are_sent_unchanged_and_are_sensitive() {
    let mut headers = HeaderMap::new();
    for (name, value) in [("x-custom-header", "custom-value"), ("x-api-key", "my-api-key"), ("accept", "text/plain")] {
        headers.append(HeaderName::from_static(name), value.parse().unwrap());
    }
    let request = asked(&url(URL).auth_headers(headers));
    for (name, value) in [("x-custom-header", "custom-value"), ("x-api-key", "my-api-key"), ("accept", "text/plain")] {
        assert_eq!(request.headers()[name], value);
        assert!(request.headers()[name].is_sensitive());
    }
}

/// rest/unit/RSA8c/authurl-returns-jwt-4
#[test]
fn text_answer_is_token() {
    let jwt = "eyJhbGciOiJIUzI1NiJ9.jwt-body.signature";
    for content_type in ["text/plain", "application/jwt", "Text/Plain; charset=utf-8", "application/jwt ;x=y"] {
        assert_eq!(token(got(content_type, jwt)), jwt, "{content_type}");
    }
    assert_eq!(token(got("text/plain", format!(" {jwt}\r\n"))), jwt, "servers may add a newline");
    assert_eq!(token(got("application/json", format!("\"{jwt}\""))), jwt, "servers may encode a token as JSON");
}

#[test]
fn token_request_keeps_its_signed_text() {
    let body =
        r#"{"keyName":"app.key","ttl":3600000,"capability":"{ \"b\":[\"*\"] }","timestamp":1,"nonce":"n","mac":"m"}"#;
    let AuthCallbackAnswer::TokenRequest(request) = got("application/json; charset=utf-8", body).unwrap() else {
        panic!("not a token request")
    };
    assert_eq!(request.key_name(), "app.key");
    assert_eq!(serde_json::to_value(&request).unwrap()["capability"], r#"{ "b":["*"] }"#);
}

fn is_40170(error: &Error, says: &str) {
    assert_eq!(error.kind(), ErrorKind::AuthUrl);
    assert_eq!((error.ably_code(), error.status_code()), (ErrorCode::AUTH_SOURCE_FAILED, 401), "{error}");
    assert!(error.to_string().contains(says), "`{says}` is not in: {error}");
    assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
    assert!(!error.is_token_error());
}

#[test]
fn invalid_answer_is_40170_with_reason() {
    for (content_type, body, says) in [
        ("text/html", "<html>hush", "content type `text/html`"),
        ("application/x-msgpack", "hush", "`application/x-msgpack`"),
        ("text/plain", "", "empty"),
        ("text/plain", " \n", "empty"),
        ("text/plain", "null", "not a token"),
        ("text/plain", "undefined", "not a token"),
        ("text/plain", r#"{"token":"hush"}"#, "`application/json`"),
        ("text/plain", "hush hush", "not a token"),
        ("application/jwt", "hush\u{7}", "not a token"),
        ("application/json", "hush", "line 1 column 1"),
        ("application/json", r#"{"token":5,"hush":1}"#, "token details"),
        ("application/json", r#"{"keyName":5,"hush":1}"#, "token request"),
        ("application/json", r#"{"hush":1}"#, "neither"),
        ("application/json", r#"["hush"]"#, "neither"),
        ("application/json", r#""""#, "empty"),
    ] {
        is_40170(&got(content_type, body).unwrap_err(), says);
    }
    is_40170(&got("text/plain", vec![0xff, 0xfe]).unwrap_err(), "not text");
    is_40170(&got_from(Ok(answer(200, "hush"))).unwrap_err(), "no content type");
}

#[test]
fn answer_over_128_kib_is_refused() {
    let most = "t".repeat(128 * 1024);
    assert_eq!(token(got("text/plain", most.clone())), most);
    is_40170(&got("text/plain", most + "t").unwrap_err(), "128 KiB");
}

/// rest/unit/RSA8c/authurl-error-propagated-5
#[test]
fn refusal_is_40170_and_403_stays_403() {
    let error = got_from(Ok(answer(500, r#"{"error":"Internal server error, hush"}"#))).unwrap_err();
    is_40170(&error, "the auth URL responded with status 500");
    assert!(error.is_transient(), "its server may recover");
    let error = got_from(Ok(answer(401, ""))).unwrap_err();
    is_40170(&error, "`auth_headers`");
    assert!(!error.is_transient());

    let body = r#"{"error":{"code":40142,"statusCode":401,"message":"the user is banned"}}"#;
    is_40170(&got_from(Ok(answer(401, body))).unwrap_err(), "the user is banned");
    for body in ["", r#"{"error":{"code":40300,"message":"no"}}"#] {
        let error = got_from(Ok(answer(403, body))).unwrap_err();
        assert_eq!((error.kind(), error.status_code()), (ErrorKind::AuthUrl, 403));
        assert_eq!(error.ably_code(), ErrorCode::FORBIDDEN);
    }
}

#[test]
fn redirect_is_refused() {
    for status in [301, 302, 303, 307, 308] {
        let mut redirect = answer(status, "");
        redirect.headers_mut().insert("location", "https://elsewhere.example.com/?hush".parse().unwrap());
        is_40170(&got_from(Ok(redirect)).unwrap_err(), "redirects are not followed");
    }
}

#[test]
fn transport_fault_is_40170() {
    for kind in [FaultKind::TimedOut, FaultKind::Unresolvable, FaultKind::Interrupted, FaultKind::TooLarge] {
        let error = got_from(Err(TransportFault::new(kind, "it failed"))).unwrap_err();
        is_40170(&error, "no response from the auth URL");
        assert_eq!(error.transport_fault().unwrap().kind(), kind);
    }
}

#[test]
fn url_of_other_scheme_or_with_credentials_is_refused() {
    for bad in ["", "/token", "auth.example.com/token", "ftp://a/b", "https://", "https://user:hush@a/b", "https://a b"]
    {
        let error = AuthUrl::new(bad).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{bad}");
        assert!(!error.to_string().contains("hush"));
    }
    let long = url(URL).auth_params([("a", "x".repeat(100_000))]);
    let Step::Done(Err(error)) = QueryAuthUrl::new(&long, &TokenParams::new()).start() else {
        panic!("a request was sent")
    };
    assert!(error.to_string().contains("POST"), "{error}");
    assert_eq!(asked(&long.auth_method(AuthMethod::Post)).body().len(), 100_002);
}
