//! What the clients and the libraries below them write to the `log` facade, with everything on.

use std::cell::RefCell;
use std::sync::Once;

use ably_auth::{AuthUrl, ClientOptions, Mode};
use log::{LevelFilter, Log, Metadata, Record};

use super::scripted::block_on;
use super::support::{TestService, key, message};

thread_local! {
    /// What this thread logs, if it listens.
    static HEARD: RefCell<Option<Vec<(String, String)>>> = const { RefCell::new(None) };
}

struct Listener;

impl Log for Listener {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        HEARD.with_borrow(Option::is_some)
    }

    fn log(&self, record: &Record<'_>) {
        // Some arguments ask whether a level is enabled when they are formatted.
        let heard = (record.target().to_owned(), record.args().to_string());
        HEARD.with_borrow_mut(|all| all.as_mut().map(|all| all.push(heard)));
    }

    fn flush(&self) {}
}

/// What is logged during a call, as targets and texts.
fn listen(call: impl FnOnce()) -> Vec<(String, String)> {
    static LISTENS: Once = Once::new();
    LISTENS.call_once(|| {
        log::set_logger(&Listener).unwrap();
        log::set_max_level(LevelFilter::Trace);
    });
    HEARD.set(Some(Vec::new()));
    call();
    HEARD.take().unwrap()
}

fn options<M: Mode>(service: &TestService) -> ClientOptions<M> {
    ClientOptions::new().endpoint(service.endpoint.clone()).key(key())
}

/// The texts that no log may have: a secret and a token, as they are, in base64, and as `ureq-proto` dumps bytes.
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
    // Rows of 16 bytes: 40 characters of digits and spaces, then the text.
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

/// ureq cannot be kept from it: the README says which targets to leave out.
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
    assert!(shows(&heard, &token), "ureq has become silent: say so in the README, and test for it here");
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
