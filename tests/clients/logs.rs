//! Log records of the clients and of the libraries they use, at every level of the `log` facade.

use std::cell::RefCell;
use std::sync::Once;

use ably_auth::{AuthUrl, ClientOptions, Mode};
use log::{LevelFilter, Log, Metadata, Record};

use super::scripted::block_on;
use super::support::{TestService, key, message};

thread_local! {
    /// The targets and texts that this thread has logged since it began to listen.
    static RECORDS: RefCell<Option<Vec<(String, String)>>> = const { RefCell::new(None) };
}

struct Listener;

impl Log for Listener {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        RECORDS.with_borrow(Option::is_some)
    }

    fn log(&self, record: &Record<'_>) {
        // Format before the mutable borrow: some arguments call `enabled`, which borrows `RECORDS` too.
        let heard = (record.target().to_owned(), record.args().to_string());
        RECORDS.with_borrow_mut(|all| all.as_mut().map(|all| all.push(heard)));
    }

    fn flush(&self) {}
}

/// Returns the targets and texts that are logged during `call`.
fn listen(call: impl FnOnce()) -> Vec<(String, String)> {
    static LISTENS: Once = Once::new();
    LISTENS.call_once(|| {
        log::set_logger(&Listener).unwrap();
        log::set_max_level(LevelFilter::Trace);
    });
    RECORDS.set(Some(Vec::new()));
    call();
    RECORDS.take().unwrap()
}

fn options<M: Mode>(service: &TestService) -> ClientOptions<M> {
    ClientOptions::new().endpoint(service.endpoint.clone()).key(key())
}

/// Returns the texts that no log may contain: the key's secret, the token, the key in base64, and a query of the auth
/// URL.
fn secrets(token: &str) -> Vec<String> {
    let basic = ably_auth::exchange::Authorization::basic(&key());
    let basic = basic.header().to_str().unwrap().strip_prefix("Basic ").unwrap().to_owned();
    vec![key().secret().expose().to_owned(), token.to_owned(), basic, "a-query-of-the-url".to_owned()]
}

fn auth_url(service: &TestService) -> AuthUrl {
    AuthUrl::new(&format!("{}/none?session=a-query-of-the-url", service.endpoint)).unwrap()
}

fn shows(heard: &[(String, String)], token: &str) -> bool {
    let all: String = heard.iter().map(|(_, text)| text.as_str()).collect();
    // `ureq-proto` dumps bytes in rows of 16: 40 characters of hex digits and spaces, then the text.
    let rows = heard.iter().filter(|(target, _)| target.ends_with("::util")).filter_map(|(_, text)| text.get(..40));
    let hex: String = rows.flat_map(str::chars).filter(char::is_ascii_hexdigit).collect();
    secrets(token).iter().any(|secret| {
        let dumped: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        all.contains(secret) || hex.contains(&dumped)
    })
}

#[test]
fn async_client_logs_no_credential() {
    let service = TestService::start();
    let mut token = String::new();
    let heard = listen(|| {
        block_on(async {
            let basic = ably_auth_reqwest::Client::new(options(&service).allow_basic_on_loopback(true)).unwrap();
            basic.request(message()).await.unwrap();
            let client = ably_auth_reqwest::Client::new(options(&service).use_token_auth(true)).unwrap();
            client.request(message()).await.unwrap();
            token = client.auth().token_details().unwrap().token().expose().to_owned();
            let by_url = ably_auth_reqwest::Client::new(
                ClientOptions::new().endpoint(service.endpoint.clone()).auth_url(auth_url(&service)),
            );
            by_url.unwrap().request(message()).await.unwrap_err();
        });
    });
    assert!(!shows(&heard, &token), "{heard:?}");
}

/// We cannot stop ureq from logging credentials, so the README says which targets to disable.
#[test]
fn blocking_client_logs_credentials_only_under_documented_targets() {
    let service = TestService::start();
    let mut token = String::new();
    let heard = listen(|| {
        let basic = ably_auth_blocking::Client::new(options(&service).allow_basic_on_loopback(true)).unwrap();
        basic.request(message()).unwrap();
        let client = ably_auth_blocking::Client::new(options(&service).use_token_auth(true)).unwrap();
        client.request(message()).unwrap();
        token = client.auth().token_details().unwrap().token().expose().to_owned();
        let by_url = ably_auth_blocking::Client::new(
            ClientOptions::new().endpoint(service.endpoint.clone()).auth_url(auth_url(&service)),
        );
        by_url.unwrap().request(message()).unwrap_err();
    });
    assert!(shows(&heard, &token), "ureq no longer logs credentials: say so in the README, and test for it here");
    let is_documented = |target: &str| {
        ["ureq", "ureq_proto"].iter().any(|crate_name| {
            target.strip_prefix(crate_name).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        })
    };
    let others: Vec<_> = heard.into_iter().filter(|(target, _)| !is_documented(target)).collect();
    assert!(!shows(&others, &token), "{others:?}");
    let readme = include_str!("../../crates/ably-auth-blocking/README.md");
    assert!(readme.contains("`ureq`") && readme.contains("`ureq_proto`"));
}

/// We cannot stop tungstenite from logging credentials, so the README says which target to disable.
#[test]
fn connection_logs_credentials_only_under_documented_target() {
    use ably_auth_websocket::{Connection, ConnectionOptions};

    let service = TestService::start();
    let mut token = String::new();
    let heard = listen(|| {
        block_on(async {
            let client = ably_auth_reqwest::Client::new(options(&service).use_token_auth(true)).unwrap();
            let (connection, _events) = Connection::open(ConnectionOptions::new(client.auth())).unwrap();
            connection.connect().await.unwrap();
            token = client.auth().token_details().unwrap().token().expose().to_owned();
            // Sends AUTH.
            connection.authorize(None).await.unwrap();
            connection.close().await;
        });
    });
    assert!(
        shows(&heard, &token),
        "tungstenite no longer logs credentials: say so in the README, and test for it here"
    );
    let is_documented = |target: &str| target == "tungstenite" || target.starts_with("tungstenite::");
    let others: Vec<_> = heard.into_iter().filter(|(target, _)| !is_documented(target)).collect();
    assert!(!shows(&others, &token), "{others:?}");
    assert!(include_str!("../../crates/ably-auth-websocket/README.md").contains("`trace,tungstenite=info`"));
}
