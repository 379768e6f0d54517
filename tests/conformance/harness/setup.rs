//! Client options of a case, independent of the client.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ably_auth::sources::AuthCallbackAnswer;
use ably_auth::{Token, TokenDetails, TokenParams};

type Callback = dyn Fn(&TokenParams) -> Result<AuthCallbackAnswer, String> + Send + Sync;

/// An auth callback that records the params of its calls.
#[derive(Clone)]
pub(crate) struct AuthCallback {
    asked: Arc<Mutex<Vec<TokenParams>>>,
    answer: Arc<Callback>,
}

impl AuthCallback {
    /// Creates a callback that answers by the number of the call, which starts at 1.
    pub(crate) fn new<A: Into<AuthCallbackAnswer>>(
        answer: impl Fn(usize, &TokenParams) -> Result<A, String> + Send + Sync + 'static,
    ) -> Self {
        let asked: Arc<Mutex<Vec<TokenParams>>> = Arc::default();
        let log = Arc::clone(&asked);
        let answer = move |params: &TokenParams| {
            let number = {
                let mut log = log.lock().unwrap();
                log.push(params.clone());
                log.len()
            };
            answer(number, params).map(Into::into)
        };
        Self { asked, answer: Arc::new(answer) }
    }

    /// Creates a callback that always gives this token.
    pub(crate) fn giving(details: TokenDetails) -> Self {
        Self::new(move |_, _| Ok(details.clone()))
    }

    pub(crate) fn asked(&self) -> Vec<TokenParams> {
        self.asked.lock().unwrap().clone()
    }

    pub(super) fn call(&self, params: &TokenParams) -> Result<AuthCallbackAnswer, String> {
        (self.answer)(params)
    }
}

/// The specification's AuthOptions.
#[derive(Clone, Default)]
pub(crate) struct AuthSetup {
    pub(super) key: Option<String>,
    pub(super) token: Option<TokenDetails>,
    pub(super) callback: Option<AuthCallback>,
    pub(super) auth_url: Option<AuthUrlSetup>,
    pub(super) use_token_auth: Option<bool>,
    pub(super) query_time: bool,
}

#[derive(Clone, Default)]
pub(crate) struct AuthUrlSetup {
    pub(super) url: String,
    pub(super) post: bool,
    pub(super) headers: Vec<(String, String)>,
    pub(super) params: Vec<(String, String)>,
}

/// The specification's ClientOptions.
#[derive(Clone, Default)]
pub(crate) struct Setup {
    pub(super) auth: AuthSetup,
    pub(super) client_id: Option<String>,
    pub(super) default_token_params: Option<TokenParams>,
    pub(super) endpoint: Option<String>,
    pub(super) no_tls: bool,
    pub(super) basic_on_loopback: bool,
    pub(super) fallback_hosts: Option<Vec<String>>,
    pub(super) max_retries: Option<usize>,
    pub(super) request_timeout: Option<Duration>,
    pub(super) open_timeout: Option<Duration>,
    pub(super) fallback_retry_timeout: Option<Duration>,
    pub(super) add_request_ids: bool,
    pub(super) by_system_clock: bool,
    pub(super) by_proxy: bool,
    pub(super) follows_redirects: bool,
}

pub(crate) fn token(text: &str) -> Token {
    Token::new(text).unwrap()
}

impl AuthUrlSetup {
    pub(crate) fn new(url: &str) -> Self {
        Self { url: url.into(), ..Self::default() }
    }

    pub(crate) fn post(mut self) -> Self {
        self.post = true;
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn param(mut self, name: &str, value: &str) -> Self {
        self.params.push((name.into(), value.into()));
        self
    }
}

impl AuthSetup {
    pub(crate) fn key(mut self, key: &str) -> Self {
        self.key = Some(key.into());
        self
    }

    pub(crate) fn token(mut self, token: impl Into<TokenDetails>) -> Self {
        self.token = Some(token.into());
        self
    }

    pub(crate) fn callback(mut self, callback: &AuthCallback) -> Self {
        self.callback = Some(callback.clone());
        self
    }

    pub(crate) fn auth_url(mut self, auth_url: AuthUrlSetup) -> Self {
        self.auth_url = Some(auth_url);
        self
    }

    pub(crate) fn use_token_auth(mut self, use_token_auth: bool) -> Self {
        self.use_token_auth = Some(use_token_auth);
        self
    }

    pub(crate) fn query_time(mut self) -> Self {
        self.query_time = true;
        self
    }
}

macro_rules! setters {
    ($($name:ident: $type:ty),* $(,)?) => {
        $(pub(crate) fn $name(mut self, $name: $type) -> Self {
            self.$name = Some($name.into());
            self
        })*
    };
}

impl Setup {
    setters!(
        client_id: &str,
        default_token_params: TokenParams,
        endpoint: &str,
        max_retries: usize,
        request_timeout: Duration,
        open_timeout: Duration,
        fallback_retry_timeout: Duration,
    );

    pub(crate) fn key(key: &str) -> Self {
        AuthSetup::default().key(key).into()
    }

    pub(crate) fn token(token: impl Into<TokenDetails>) -> Self {
        AuthSetup::default().token(token).into()
    }

    pub(crate) fn callback(callback: &AuthCallback) -> Self {
        AuthSetup::default().callback(callback).into()
    }

    pub(crate) fn auth_url(auth_url: AuthUrlSetup) -> Self {
        AuthSetup::default().auth_url(auth_url).into()
    }

    pub(crate) fn fallback_hosts(mut self, hosts: &[&str]) -> Self {
        self.fallback_hosts = Some(hosts.iter().map(ToString::to_string).collect());
        self
    }

    pub(crate) fn no_tls(mut self) -> Self {
        self.no_tls = true;
        self
    }

    pub(crate) fn basic_on_loopback(mut self) -> Self {
        self.basic_on_loopback = true;
        self
    }

    pub(crate) fn add_request_ids(mut self) -> Self {
        self.add_request_ids = true;
        self
    }

    /// Uses the system's clock, for services with the real time.
    pub(crate) fn by_system_clock(mut self) -> Self {
        self.by_system_clock = true;
        self
    }

    /// Uses the scripted server as a proxy, for hosts that are addresses, which are not resolved.
    pub(crate) fn by_proxy(mut self) -> Self {
        self.by_proxy = true;
        self
    }

    /// Lets the HTTP library follow redirects, if the client does not prevent that.
    pub(crate) fn follows_redirects(mut self) -> Self {
        self.follows_redirects = true;
        self
    }
}

impl From<AuthSetup> for Setup {
    fn from(auth: AuthSetup) -> Self {
        Self { auth, ..Self::default() }
    }
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").finish_non_exhaustive()
    }
}
