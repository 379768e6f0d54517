//! The cases that concern only the options and the REST requests of a realtime client. They have no connection, so each has
//! one trial.

use std::cell::RefCell;

use ably_auth::{Async, Auth, ClientOptions, Error, ErrorCode, Token, TokenParams, TransportFault};
use bytes::Bytes;
use http::{Request, Response};
use libtest_mimic::{Failed, Trial};
use test_support::EventSubscriber;

const CASES: &[(&str, fn())] = &[
    ("realtime/unit/RSA4a1/non-renewable-token-logs-warning-0", token_alone_is_logged),
    ("realtime/unit/RSA4e/rest-callback-error-40170-0", callback_error_of_request_is_40170),
    ("realtime/unit/RTC12/constructor-string-detection-0", credentials_are_told_apart),
    ("realtime/unit/RTC12/invalid-arguments-error-1", options_without_credentials_are_refused),
];

/// Returns the trials of the cases.
pub(crate) fn all() -> Vec<Trial> {
    // The default of all threads, because tracing caches for each event whether any thread listens.
    let listener = EventSubscriber(|event| EVENTS.with_borrow_mut(|events| events.push(event)));
    tracing::subscriber::set_global_default(listener).unwrap();
    let trial = |&(id, case): &(&str, fn())| {
        Trial::test(id, move || {
            case();
            Ok::<(), Failed>(())
        })
    };
    CASES.iter().map(trial).collect()
}

thread_local! {
    /// The events of this thread since it began to listen.
    static EVENTS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

async fn unreachable(_: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
    panic!("nothing is sent")
}

fn auth(options: ClientOptions<Async>) -> Result<Auth<impl ably_auth::Transport + 'static>, Error> {
    Auth::new(options, unreachable)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn token_alone_is_logged() {
    let logs = |options| {
        EVENTS.take();
        auth(options).unwrap();
        let events = EVENTS.take();
        events.iter().any(|event| {
            event.starts_with("INFO ") && event.contains("40171") && event.contains("https://help.ably.io/error/40171")
        })
    };
    let options = || ClientOptions::<Async>::new().token(Token::new("non-renewable-token").unwrap());
    assert!(logs(options()));
    assert!(!logs(options().key("app.key:secret")), "a key renews the token");
}

fn callback_error_of_request_is_40170() {
    let callback = |_: TokenParams| async { Err::<Token, _>("the auth server cannot be reached") };
    let auth = auth(ClientOptions::<Async>::new().auth_callback(callback)).unwrap();
    let request = Request::get("/channels/test").body(Bytes::new()).unwrap();
    let error = block_on(auth.request(request)).unwrap_err();
    assert_eq!((error.ably_code(), error.status_code()), (ErrorCode::AUTH_SOURCE_FAILED, 401));
    assert!(!error.to_string().is_empty());
}

fn credentials_are_told_apart() {
    let params = |options| {
        let credentials = block_on(async { auth(options)?.credentials().await })?;
        Ok::<_, Error>(credentials.query_params().collect::<Vec<_>>())
    };
    assert_eq!(params(ClientOptions::new().key("app.key:secret")).unwrap(), [("key", "app.key:secret".to_owned())]);
    assert_eq!(params(ClientOptions::new().token("a-token")).unwrap(), [("accessToken", "a-token".to_owned())]);
    // Each setter refuses the text of the other kind, and an empty one.
    for refused in [ClientOptions::new().key("a-token"), ClientOptions::new().key(""), ClientOptions::new().token("")] {
        params(refused).unwrap_err();
    }
}

fn options_without_credentials_are_refused() {
    let Err(error) = auth(ClientOptions::new()) else { panic!("options without credentials were accepted") };
    assert_eq!(error.ably_code().as_u32(), 40_106);
}
