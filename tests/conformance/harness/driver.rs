//! One interface for both clients, so that each case is written once.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ably_auth::{
    BatchResult, ClientId, Error, RevokeTokensRequest, Timestamp, TokenDetails, TokenParams, TokenRequest,
    TokenRevocationResult,
};
use bytes::Bytes;
use http::{Request, Response};
use reqwest::redirect::Policy;
use tokio::runtime::{Builder, Handle, Runtime};

use super::options::{auth_options, client_options};
use super::setup::{AuthSetup, Setup};
use super::tls;
use super::world::World;

/// The client and the runtime that a case runs with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// The async client, in a runtime of one thread.
    Reqwest,
    /// The async client, in a runtime of several threads.
    ReqwestMultiThread,
    Blocking,
    /// The blocking client, called inside a task of an async runtime.
    BlockingInTask,
}

type Answered<T> = Result<T, Error>;

pub(crate) trait Client: Send + Sync {
    fn time(&self) -> Answered<Timestamp>;
    fn request(&self, request: Request<Bytes>) -> Answered<Response<Bytes>>;
    fn authorize(&self, params: Option<&TokenParams>) -> Answered<TokenDetails>;
    fn authorize_with(&self, params: Option<&TokenParams>, auth: &AuthSetup) -> Answered<TokenDetails>;
    fn request_token(&self, params: Option<&TokenParams>) -> Answered<TokenDetails>;
    fn create_token_request(&self, params: Option<&TokenParams>) -> Answered<TokenRequest>;
    fn revoke_tokens(&self, request: &RevokeTokensRequest) -> Answered<BatchResult<TokenRevocationResult>>;
    fn token_details(&self) -> Option<TokenDetails>;
    fn client_id(&self) -> ClientId;
    /// Requests credentials from this many concurrent callers, and returns how many got them.
    fn stampede(&self, callers: usize) -> usize;

    fn get(&self, path: &str) -> Answered<Response<Bytes>> {
        self.request(Request::get(path).body(Bytes::new()).unwrap())
    }
}

impl Kind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Reqwest => "reqwest",
            Self::ReqwestMultiThread => "reqwest, several threads",
            Self::Blocking => "blocking",
            Self::BlockingInTask => "blocking, in a task",
        }
    }

    pub(crate) fn try_connect(self, world: &World, setup: &Setup) -> Answered<Arc<dyn Client>> {
        match self {
            Self::Reqwest => asynchronous(Builder::new_current_thread(), world, setup),
            Self::ReqwestMultiThread => asynchronous(Builder::new_multi_thread(), world, setup),
            Self::Blocking => blocking(None, world, setup),
            Self::BlockingInTask => {
                let runtime = Builder::new_current_thread().enable_all().build().unwrap();
                blocking(Some(runtime), world, setup)
            }
        }
    }

    pub(crate) fn connect(self, world: &World, setup: &Setup) -> Arc<dyn Client> {
        self.try_connect(world, setup).expect("options that work")
    }
}

struct Asynchronous {
    runtime: Runtime,
    client: Arc<ably_auth_reqwest::Client>,
}

fn asynchronous(mut runtime: Builder, world: &World, setup: &Setup) -> Answered<Arc<dyn Client>> {
    let runtime = runtime.enable_all().build().unwrap();
    let mut http = reqwest::Client::builder()
        .no_proxy()
        .dns_resolver(world.network.clone())
        .redirect(if setup.follows_redirects { Policy::default() } else { Policy::none() })
        .tls_backend_preconfigured(tls::client());
    if let Some(timeout) = setup.request_timeout {
        http = http.timeout(timeout);
    }
    if let Some(timeout) = setup.open_timeout {
        http = http.connect_timeout(timeout);
    }
    if setup.by_proxy {
        http = http.proxy(reqwest::Proxy::all(format!("http://{}", world.address())).unwrap());
    }
    let http = http.build().unwrap();
    let client = Arc::new(ably_auth_reqwest::Client::with_http(client_options(world, setup), http)?);
    Ok(Arc::new(Asynchronous { runtime, client }))
}

impl Asynchronous {
    fn wait<T: Send>(&self, work: impl Future<Output = T> + Send) -> T {
        if Handle::try_current().is_err() {
            return self.runtime.block_on(work);
        }
        // Another client's auth callback calls this one. A thread inside a runtime must not block on another, so use a
        // new thread.
        std::thread::scope(|scope| scope.spawn(|| self.runtime.block_on(work)).join().unwrap())
    }
}

impl Client for Asynchronous {
    fn time(&self) -> Answered<Timestamp> {
        self.wait(self.client.time())
    }

    fn request(&self, request: Request<Bytes>) -> Answered<Response<Bytes>> {
        self.wait(self.client.request(request))
    }

    fn authorize(&self, params: Option<&TokenParams>) -> Answered<TokenDetails> {
        self.wait(self.client.auth().authorize(params))
    }

    fn authorize_with(&self, params: Option<&TokenParams>, auth: &AuthSetup) -> Answered<TokenDetails> {
        self.wait(self.client.auth().authorize_with(params, auth_options(auth)))
    }

    fn request_token(&self, params: Option<&TokenParams>) -> Answered<TokenDetails> {
        self.wait(self.client.auth().request_token(params))
    }

    fn create_token_request(&self, params: Option<&TokenParams>) -> Answered<TokenRequest> {
        self.wait(self.client.auth().create_token_request(params))
    }

    fn revoke_tokens(&self, request: &RevokeTokensRequest) -> Answered<BatchResult<TokenRevocationResult>> {
        self.wait(self.client.auth().revoke_tokens(request))
    }

    fn token_details(&self) -> Option<TokenDetails> {
        self.client.auth().token_details()
    }

    fn client_id(&self) -> ClientId {
        self.client.auth().client_id()
    }

    fn stampede(&self, callers: usize) -> usize {
        self.wait(async {
            let calls: Vec<_> = (0..callers)
                .map(|_| {
                    let client = Arc::clone(&self.client);
                    tokio::spawn(async move { client.auth().credentials().await.is_ok() })
                })
                .collect();
            let mut served = 0;
            for call in calls {
                served += usize::from(call.await.unwrap());
            }
            served
        })
    }
}

struct Blocking {
    in_task_of: Option<Runtime>,
    client: Arc<ably_auth_blocking::Client>,
}

fn blocking(in_task_of: Option<Runtime>, world: &World, setup: &Setup) -> Answered<Arc<dyn Client>> {
    use ureq::tls::{Certificate, RootCerts, TlsConfig};

    let roots = RootCerts::new_with_certs(&[Certificate::from_der(tls::authority())]);
    let config = ureq::Agent::config_builder()
        .proxy(None)
        .max_redirects(if setup.follows_redirects { 5 } else { 0 })
        .timeout_global(setup.request_timeout.or(Some(Duration::from_secs(10))))
        .timeout_connect(setup.open_timeout)
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .build();
    let connector = ureq::unversioned::transport::DefaultConnector::default();
    let agent = ureq::Agent::with_parts(config, connector, world.network.clone());
    let client = Arc::new(ably_auth_blocking::Client::with_agent(client_options(world, setup), agent)?);
    Ok(Arc::new(Blocking { in_task_of, client }))
}

impl Blocking {
    fn wait<T>(&self, work: impl FnOnce() -> T) -> T {
        match &self.in_task_of {
            Some(runtime) if Handle::try_current().is_err() => runtime.block_on(async { work() }),
            _ => work(),
        }
    }
}

impl Client for Blocking {
    fn time(&self) -> Answered<Timestamp> {
        self.wait(|| self.client.time())
    }

    fn request(&self, request: Request<Bytes>) -> Answered<Response<Bytes>> {
        self.wait(|| self.client.request(request))
    }

    fn authorize(&self, params: Option<&TokenParams>) -> Answered<TokenDetails> {
        self.wait(|| self.client.auth().authorize(params))
    }

    fn authorize_with(&self, params: Option<&TokenParams>, auth: &AuthSetup) -> Answered<TokenDetails> {
        self.wait(|| self.client.auth().authorize_with(params, auth_options(auth)))
    }

    fn request_token(&self, params: Option<&TokenParams>) -> Answered<TokenDetails> {
        self.wait(|| self.client.auth().request_token(params))
    }

    fn create_token_request(&self, params: Option<&TokenParams>) -> Answered<TokenRequest> {
        self.wait(|| self.client.auth().create_token_request(params))
    }

    fn revoke_tokens(&self, request: &RevokeTokensRequest) -> Answered<BatchResult<TokenRevocationResult>> {
        self.wait(|| self.client.auth().revoke_tokens(request))
    }

    fn token_details(&self) -> Option<TokenDetails> {
        self.client.auth().token_details()
    }

    fn client_id(&self) -> ClientId {
        self.client.auth().client_id()
    }

    fn stampede(&self, callers: usize) -> usize {
        let all_there = std::sync::Barrier::new(callers);
        std::thread::scope(|scope| {
            let calls: Vec<_> = (0..callers)
                .map(|_| {
                    scope.spawn(|| {
                        all_there.wait();
                        self.client.auth().credentials().is_ok()
                    })
                })
                .collect();
            calls.into_iter().map(|call| usize::from(call.join().unwrap())).sum()
        })
    }
}
