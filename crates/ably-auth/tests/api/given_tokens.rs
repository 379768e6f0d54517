//! Tokens and token requests as options, and texts that are refused as tokens.

use std::sync::{Arc, Mutex};

use ably_auth::sources::KeySigner;
use ably_auth::{
    ApiKey, AuthOptions, AuthUrl, Blocking, BlockingAuth, ClientOptions, Error, ErrorCode, ErrorKind, Token,
    TokenParams, TokenRequest, TransportFault,
};
use bytes::Bytes;
use http::{Request, Response};

use super::support::{answer, refusal};

fn key() -> ApiKey {
    ApiKey::parse("app.key:hush-secret").unwrap()
}

fn token_request() -> TokenRequest {
    KeySigner::new(key()).create_token_request(&TokenParams::new()).unwrap()
}

/// A service that numbers its tokens, refuses requests with the first one, and logs the requested paths.
#[derive(Clone, Default)]
struct Service(Arc<Mutex<Vec<String>>>);

impl Service {
    fn send(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let mut asked = self.0.lock().unwrap();
        asked.push(request.uri().path().to_owned());
        let issued = asked.iter().filter(|path| path.ends_with("/requestToken")).count();
        if request.uri().path().ends_with("/requestToken") {
            return answer(201, format!(r#"{{"token":"app.t{issued}"}}"#));
        }
        let refuses = request.headers()["authorization"] == "Bearer app.t1" && asked.len() > 2;
        if refuses { refusal(401, 40142) } else { answer(200, "[]") }
    }

    fn auth(&self, options: ClientOptions<Blocking>) -> BlockingAuth<impl ably_auth::BlockingTransport + use<>> {
        let service = self.clone();
        let over = move |request: Request<Bytes>| -> Result<_, TransportFault> { Ok(service.send(&request)) };
        BlockingAuth::new(options, over).unwrap()
    }

    fn exchanges(&self) -> usize {
        self.0.lock().unwrap().iter().filter(|path| path.ends_with("/requestToken")).count()
    }
}

fn stats() -> Request<Bytes> {
    Request::get("/stats").body(Bytes::new()).unwrap()
}

/// The specification's `TO3j2`.
#[test]
fn token_request_is_exchanged_once() {
    let service = Service::default();
    let auth = service.auth(ClientOptions::new().token(token_request()));
    assert!(auth.token_details().is_none());
    auth.request(stats()).unwrap();
    assert_eq!(auth.token_details().unwrap().token().expose(), "app.t1");
    let error = auth.request(stats()).unwrap_err();
    assert_eq!((error.kind(), error.ably_code()), (ErrorKind::NoMeansToRenew, ErrorCode::NO_MEANS_TO_RENEW));
    assert_eq!(auth.authorize(None).unwrap_err().kind(), ErrorKind::NoMeansToRenew);
    assert_eq!(service.exchanges(), 1);
}

#[test]
fn key_next_to_token_request_gives_later_tokens() {
    let service = Service::default();
    let other = ApiKey::parse("app.other:hush-secret").unwrap();
    let auth = service.auth(ClientOptions::new().token(token_request()).key(other));
    auth.request(stats()).unwrap();
    auth.request(stats()).unwrap();
    let exchanged: Vec<_> = service.0.lock().unwrap().iter().filter(|it| it.contains("keys")).cloned().collect();
    assert_eq!(exchanged, ["/keys/app.key/requestToken", "/keys/app.other/requestToken"]);
    assert_eq!(auth.token_details().unwrap().token().expose(), "app.t2");
}

#[test]
fn authorize_takes_token_request() {
    let service = Service::default();
    let auth = service.auth(ClientOptions::new().token("app.t0"));
    let details = auth.authorize_with(None, AuthOptions::new().token(token_request())).unwrap();
    assert_eq!((details.token().expose(), service.exchanges()), ("app.t1", 1));
    let auth = service.auth(ClientOptions::new().token(token_request()));
    assert_eq!(auth.authorize(None).unwrap().token().expose(), "app.t2");
}

#[tokio::test]
async fn async_client_exchanges_token_request() {
    let service = Service::default();
    let (over, options) = (service.clone(), ClientOptions::new().token(token_request()));
    let over = move |request: Request<Bytes>| {
        let answer = over.send(&request);
        async move { Ok::<_, TransportFault>(answer) }
    };
    let auth = ably_auth::Auth::new(options, over).unwrap();
    auth.request(stats()).await.unwrap();
    assert_eq!(auth.request(stats()).await.unwrap_err().kind(), ErrorKind::NoMeansToRenew);
    assert_eq!(service.exchanges(), 1);
}

/// Texts that are not tokens, each with a word that its error must contain.
const MISPLACED: [(&str, &str); 6] = [
    ("app.key:hush-secret", "API key"),
    (r#""eyJh.hush.hush""#, "quotes"),
    ("'eyJh.hush.hush'", "quotes"),
    (r#"app.hush""#, "quotes"),
    (r#"{"token":"app.hush"}"#, "JSON"),
    (r#"["app.hush"]"#, "JSON"),
];

fn names(error: &Error, word: &str) {
    assert!(error.to_string().contains(word) && !format!("{error} {error:?}").contains("hush"), "{word}: {error:?}");
}

#[test]
fn key_quotes_and_json_as_token_option_are_refused() {
    let nothing = || |_: Request<Bytes>| Ok(Response::new(Bytes::new()));
    for (text, word) in MISPLACED {
        let token = Token::new(text).unwrap();
        let error = BlockingAuth::new(ClientOptions::<Blocking>::new().token(token.clone()), nothing()).unwrap_err();
        assert_eq!((error.kind(), error.ably_code()), (ErrorKind::Configuration, ErrorCode::INVALID_CREDENTIAL));
        names(&error, word);
        let auth = BlockingAuth::new(ClientOptions::<Blocking>::new().key(key()), nothing()).unwrap();
        names(&auth.authorize_with(None, AuthOptions::new().token(token)).unwrap_err(), word);
    }
    for good in ["xVLyHw.Dtxd9tuz", "eyJh.eyJh.c2ln", "xVLyHw.a:b:c", "no-dot"] {
        assert!(BlockingAuth::new(ClientOptions::<Blocking>::new().token(good), nothing()).is_ok());
    }
}

#[test]
fn key_quotes_and_json_of_callback_or_url_are_refused() {
    for (text, word) in MISPLACED {
        let callback = move |_: &TokenParams| Ok::<_, Error>(Token::new(text)?);
        let nothing = |_: Request<Bytes>| Ok(Response::new(Bytes::new()));
        let auth = BlockingAuth::new(ClientOptions::<Blocking>::new().auth_callback(callback), nothing).unwrap();
        let error = auth.authorize(None).unwrap_err();
        assert_eq!((error.kind(), error.ably_code()), (ErrorKind::AuthCallback, ErrorCode::AUTH_SOURCE_FAILED));
        names(&error, word);

        let over = move |_: Request<Bytes>| {
            let answer = Response::builder().header("content-type", "text/plain");
            Ok(answer.body(Bytes::from_static(text.as_bytes())).unwrap())
        };
        let url = AuthUrl::new("https://example.com/ably").unwrap();
        let auth = BlockingAuth::new(ClientOptions::<Blocking>::new().auth_url(url), over).unwrap();
        let error = auth.authorize(None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AuthUrl);
        names(&error, word);
    }
}
