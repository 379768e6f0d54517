//! Client options: valid, contradictory and refused ones.

use ably_auth::sources::FixedTokenSource;
use ably_auth::{
    ApiKey, Async, Auth, AuthUrl, ClientId, ClientOptions, Endpoint, Error, ErrorCode, ErrorKind, RevokeTokensRequest,
    Token, TokenDetails, TokenParams, TokenRequest, TokenRevocationTargetSpecifier, TransportFault, Ttl,
};
use bytes::Bytes;
use http::{Request, Response};

use super::support::{answer, details, refusal};

type Options = ClientOptions<Async>;

fn key() -> ApiKey {
    ApiKey::parse("app.key:secret").unwrap()
}

async fn nothing_is_sent(request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
    panic!("{} {} was sent", request.method(), request.uri())
}

fn refused(options: Options) -> ErrorCode {
    let error = Auth::new(options, nothing_is_sent).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    error.ably_code()
}

fn of_alice() -> TokenDetails {
    serde_json::from_str(r#"{"token":"t","clientId":"alice"}"#).unwrap()
}

/// rest/unit/RSC1b/no-auth-method-error-0
#[test]
fn client_without_credentials_is_refused() {
    assert_eq!(refused(Options::new()), ErrorCode::UNABLE_TO_AUTHENTICATE);
}

/// The client must not silently ignore one of two contradictory options.
#[test]
fn contradictory_options_are_refused() {
    let token = || Token::new("app.t").unwrap();
    let callback = |_: TokenParams| async { Ok::<_, Error>(of_alice()) };
    let url = || AuthUrl::new("https://example.com/auth").unwrap();
    let source = || FixedTokenSource::new(of_alice());
    let contradictory = [
        Options::new().token(token()).mint_jwt(true),
        Options::new().token(token()).use_token_auth(false),
        Options::new().auth_callback(callback).use_token_auth(false),
        Options::new().token_source(source()).auth_callback(callback),
        Options::new().token_source(source()).auth_url(url()),
        Options::new().key(key()).auth_url(url()).mint_jwt(true),
    ];
    for options in contradictory {
        assert_eq!(refused(options), ErrorCode::UNABLE_TO_AUTHENTICATE);
    }
    let of = |name| TokenParams::new().client_id(name);
    let bob = || Options::new().key(key()).client_id("bob");
    assert_eq!(refused(bob().default_token_params(of("alice"))), ErrorCode::INVALID_CLIENT_ID);
    assert!(Auth::new(bob().default_token_params(of("bob")), nothing_is_sent).is_ok());
    assert!(Auth::new(Options::new().auth_callback(callback).auth_url(url()), nothing_is_sent).is_ok());
}

/// rest/unit/RSC18/basic-auth-over-http-rejected-1
#[test]
fn key_without_tls_is_refused_except_on_loopback_if_allowed() {
    let at = |endpoint: &str| Options::new().key(key()).endpoint(endpoint);
    assert_eq!(refused(at("http://127.0.0.1:1")), ErrorCode::BASIC_AUTH_WITHOUT_TLS);
    assert_eq!(refused(at("http://ably.example.com").allow_basic_on_loopback(true)), ErrorCode::BASIC_AUTH_WITHOUT_TLS);
    for this_machine in ["http://127.0.0.1:1", "http://127.8.9.1", "http://localhost", "http://[::1]:8"] {
        assert!(Auth::new(at(this_machine).allow_basic_on_loopback(true), nothing_is_sent).is_ok(), "{this_machine}");
    }
    assert!(Auth::new(at("https://ably.example.com"), nothing_is_sent).is_ok());
}

/// rest/unit/RSC18/token-auth-over-non-tls-0
#[tokio::test]
async fn token_is_sent_without_tls() {
    async fn wants_bearer(request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
        assert_eq!(request.headers()["authorization"], "Bearer app.t");
        assert_eq!(request.uri(), "http://ably.example.com/channels/c?limit=1");
        Ok(answer(200, "{}"))
    }
    let options = Options::new().token("app.t");
    let options = options.endpoint("http://ably.example.com");
    let auth = Auth::new(options, wants_bearer).unwrap();
    let request = Request::get("/channels/c?limit=1").body(Bytes::new()).unwrap();
    assert!(auth.request(request).await.is_ok());
}

/// rest/unit/RSA15a/token-clientid-must-match-0
/// rest/unit/RSA15b/wildcard-token-permits-any-0
#[test]
fn token_of_other_identity_is_refused() {
    let bob = || Options::new().client_id("bob");
    assert_eq!(refused(bob().token(of_alice())), ErrorCode::INCOMPATIBLE_CREDENTIALS);
    let wildcard: TokenDetails = serde_json::from_str(r#"{"token":"t","clientId":"*"}"#).unwrap();
    assert!(Auth::new(bob().token(wildcard), nothing_is_sent).is_ok());
    assert!(Auth::new(bob().token(details("t")), nothing_is_sent).is_ok(), "a token of unknown identity is accepted");
    let any = Options::new().key(key()).client_id(ClientId::Any);
    assert_eq!(refused(any), ErrorCode::INVALID_CLIENT_ID);
}

/// rest/unit/RSA15c/incompatible-clientid-error-0
#[tokio::test]
async fn fetched_token_of_other_identity_is_not_sent() {
    let callback = |_: TokenParams| async { Ok::<_, Error>(of_alice()) };
    let options = Options::new().client_id("bob").auth_callback(callback);
    let auth = Auth::new(options, nothing_is_sent).unwrap();
    let error = auth.request(Request::get("/stats").body(Bytes::new()).unwrap()).await.unwrap_err();
    assert_eq!(error.ably_code(), ErrorCode::INCOMPATIBLE_CREDENTIALS);
}

/// A client that requests another identity is refused, and keeps its own token.
#[tokio::test]
async fn client_works_after_failed_authorize() {
    async fn goes_through(request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
        assert_eq!(request.headers()["authorization"], "Bearer of-bob");
        Ok(answer(200, "{}"))
    }
    let callback = |params: TokenParams| async move {
        let client_id = params.get_client_id().as_str().unwrap_or_default().to_owned();
        let token = serde_json::json!({ "token": format!("of-{client_id}"), "clientId": client_id });
        serde_json::from_value::<TokenDetails>(token)
    };
    let options = Options::new().client_id("bob").auth_callback(callback);
    let auth = Auth::new(options, goes_through).unwrap();
    let request = || Request::get("/stats").body(Bytes::new()).unwrap();
    auth.request(request()).await.unwrap();
    let as_alice = TokenParams::new().client_id("alice");
    let error = auth.authorize(&as_alice).await.unwrap_err();
    assert_eq!(error.ably_code(), ErrorCode::INCOMPATIBLE_CREDENTIALS);
    auth.request(request()).await.unwrap();
    assert_eq!(auth.token_details().unwrap().token().expose(), "of-bob");
}

#[tokio::test]
async fn credentials_are_not_sent_to_other_host() {
    let auth = Auth::new(Options::new().key(key()), nothing_is_sent).unwrap();
    for elsewhere in ["https://evil.example/stats", "http://main.realtime.ably.net:81/stats"] {
        let error = auth.request(Request::get(elsewhere).body(Bytes::new()).unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
    }
}

/// rest/unit/RSA17d/token-auth-revoke-rejected-0
/// rest/unit/RSA17d/use-token-auth-revoke-rejected-1
#[tokio::test]
async fn revocation_with_token_auth_is_refused_unsent() {
    for options in [Options::new().token("app.t"), Options::new().key(key()).use_token_auth(true)] {
        let auth = Auth::new(options, nothing_is_sent).unwrap();
        let request = RevokeTokensRequest::new([TokenRevocationTargetSpecifier::client_id("bob")]);
        let error = auth.revoke_tokens(&request).await.unwrap_err();
        assert_eq!(error.ably_code(), ErrorCode::BASIC_AUTH_NEEDED);
    }
}

/// rest/unit/RSA5/ttl-null-when-unspecified-0
/// rest/unit/RSA5c/ttl-from-default-params-0
/// rest/unit/RSA5d/explicit-ttl-overrides-default-0
/// rest/unit/RSA6/capability-null-when-unspecified-0
/// rest/unit/RSA6c/capability-from-default-params-0
/// rest/unit/RSA6d/explicit-capability-overrides-default-0
#[tokio::test]
async fn token_request_uses_params_of_call_then_defaults() {
    let json = async |options: Options, params: Option<&TokenParams>| {
        let auth = Auth::new(options.key(key()), nothing_is_sent).unwrap();
        let request: TokenRequest = auth.create_token_request(params).await.unwrap();
        assert!(request.verify(&key()).is_ok());
        serde_json::to_value(request).unwrap()
    };
    let ttl = |millis| Ttl::from_millis(millis).unwrap();
    let none = json(Options::new(), None).await;
    assert!(none.get("ttl").is_none() && none.get("capability").is_none() && none.get("clientId").is_none());

    let defaults = TokenParams::new().ttl(ttl(1)).capability(r#"{"a":["publish"]}"#);
    let client = || Options::new().default_token_params(defaults.clone()).client_id("bob");
    let defaulted = json(client(), None).await;
    assert_eq!((&defaulted["ttl"], &defaulted["capability"]), (&1.into(), &r#"{"a":["publish"]}"#.into()));
    assert_eq!(defaulted["clientId"], "bob");

    let said = TokenParams::new().ttl(ttl(2)).capability(r#"{"b":["*"]}"#).client_id(ClientId::Any);
    let said = json(client(), Some(&said)).await;
    assert_eq!((&said["ttl"], &said["capability"]), (&2.into(), &r#"{"b":["*"]}"#.into()));
    assert_eq!(said["clientId"], "*");
    let said = json(client(), Some(&TokenParams::new())).await;
    assert!(said.get("ttl").is_none() && said.get("capability").is_none(), "params of a call replace all defaults");
}

/// rest/unit/REC1a/default-primary-domain-0
/// rest/unit/REC1b2/explicit-hostname-with-period-0
/// rest/unit/REC1b2/endpoint-localhost-1
/// rest/unit/REC1b2/endpoint-ipv6-address-2
/// rest/unit/REC1b3/nonprod-routing-policy-0
/// rest/unit/REC1b4/production-routing-policy-0
#[test]
fn endpoint_is_policy_or_host() {
    let cases = [
        ("main", "https://main.realtime.ably.net"),
        ("acme", "https://acme.realtime.ably.net"),
        ("nonprod:sandbox", "https://sandbox.realtime.ably-nonprod.net"),
        ("foo.example.com", "https://foo.example.com"),
        ("localhost", "https://localhost"),
        ("::1", "https://[::1]"),
        ("http://127.0.0.1:8484", "http://127.0.0.1:8484"),
        ("https://ably.example.com/", "https://ably.example.com"),
    ];
    assert_eq!(Endpoint::default().to_string(), "https://main.realtime.ably.net");
    for (text, url) in cases {
        assert_eq!(Endpoint::parse(text).unwrap().to_string(), url);
    }
    for bad in [
        "",
        "nonprod:",
        "ftp://a",
        "http://",
        "http://a/b",
        "http://a?b",
        "http://user:hush@a",
        "a b",
        "a/b",
        "a:1",
        "a.b:hush",
        "http://a:99999",
        "http://:80",
        "hush@a.b",
    ] {
        let error = Endpoint::parse(bad).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{bad}");
        assert!(!error.to_string().contains("hush"));
    }
}

/// The error that there is no renewal has as its source the refusal that made one necessary.
#[tokio::test]
async fn error_without_renewal_has_refusal_as_source() {
    async fn revoked(_: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
        Ok(refusal(401, 40141))
    }
    let auth = Auth::new(Options::new().token("app.t"), revoked).unwrap();
    let error = auth.request(Request::get("/stats").body(Bytes::new()).unwrap()).await.unwrap_err();
    assert_eq!(error.ably_code(), ErrorCode::NO_MEANS_TO_RENEW);
    let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<Error>()).unwrap();
    assert_eq!(cause.ably_code(), ErrorCode::TOKEN_REVOKED);
}

/// The first invalid value of a setter is reported when the client is created, also if a valid one is set later.
#[test]
fn invalid_values_are_reported_at_creation() {
    let error = |options: Options| Auth::new(options, nothing_is_sent).unwrap_err().to_string();
    for (options, problem) in [
        (Options::new().key("app.key"), "key has no `:`"),
        (Options::new().key("app.key").key("app.key:secret"), "key has no `:`"),
        (Options::new().key(key()).client_id(""), "clientId is empty"),
        (Options::new().key(key()).endpoint("ftp://a"), "endpoint is not an `http` or `https` URL"),
        (Options::new().auth_url("example.com"), "invalid auth URL"),
        (Options::new().token("app t"), "token has a character"),
        (Options::new().key(key()).default_token_params(TokenParams::new().ttl("2 hours")), "ttl is not a duration"),
    ] {
        assert!(error(options).starts_with(problem), "{problem}");
    }
}

/// A call with invalid params is refused before anything is sent, and options are checked as those of the client.
#[tokio::test]
async fn invalid_values_of_a_call_are_refused() {
    let auth = Auth::new(Options::new().key(key()), nothing_is_sent).unwrap();
    let params = TokenParams::new().capability("{");
    assert_eq!(auth.request_token(&params).await.unwrap_err().ably_code(), ErrorCode::BAD_REQUEST);
    assert_eq!(auth.authorize(&params).await.unwrap_err().ably_code(), ErrorCode::BAD_REQUEST);
    assert_eq!(auth.create_token_request(&params).await.unwrap_err().ably_code(), ErrorCode::BAD_REQUEST);
    let options = ably_auth::AuthOptions::new().key("app.key");
    assert_eq!(auth.request_token_with(None, options).await.unwrap_err().ably_code(), ErrorCode::INVALID_CREDENTIAL);
}

/// A clone of a client has the same token, and what one of them changes applies to both.
#[tokio::test]
async fn clones_share_tokens() {
    let options = Options::new().key(key()).mint_jwt(true);
    let auth = Auth::new(options.clone(), nothing_is_sent).unwrap();
    let clone = auth.clone();
    let details = auth.authorize(&TokenParams::new().client_id("bob")).await.unwrap();
    assert_eq!(clone.token_details(), Some(details));
    assert!(clone.client_id().permits("bob"));
    assert!(Auth::new(options, nothing_is_sent).unwrap().token_details().is_none());
}
