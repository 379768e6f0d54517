//! The environment of a connection in a scenario: clocks that move on command, and a token source that answers on
//! command.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use ably_auth::sources::{AuthCallback, AuthCallbackAnswer};
use ably_auth::{
    Clock, Error, ErrorCode, ErrorInfo, Moment, Timestamp, Token, TokenDetails, TokenParams, Transport, TransportFault,
    async_trait,
};
use bytes::Bytes;
use http::{Request, Response};
use tokio::time::{Instant, sleep};

/// The beginning of each token, key and connection key. Scenarios leave it out. No output may show it.
pub(crate) const SECRET: &str = "secret-";

/// Returns the text of a secret in a scenario.
pub(crate) fn secret(name: &str) -> String {
    format!("{SECRET}{name}")
}

/// The time on the wall clock at the start of a scenario.
const START: Duration = Duration::from_millis(1_449_746_287_318);

/// A wall clock and a steady clock that move on command, or with tokio's time.
#[derive(Debug)]
pub(crate) struct Clocks(Mutex<Times>);

#[derive(Clone, Copy, Debug)]
struct Times {
    wall: Duration,
    steady: Duration,
    /// The start of tokio's time, if the clocks follow it.
    tokio: Option<Instant>,
}

impl Clocks {
    /// Lets both clocks follow the time of the current tokio runtime.
    pub(crate) fn follow_tokio(&self) {
        self.0.lock().unwrap().tokio = Some(tokio_now());
    }

    /// Advances both clocks.
    pub(crate) fn advance(&self, span: Duration) {
        let mut times = self.0.lock().unwrap();
        times.wall += span;
        times.steady += span;
    }

    /// Advances the wall clock alone.
    pub(crate) fn set_forward(&self, span: Duration) {
        self.0.lock().unwrap().wall += span;
    }

    /// Sets the wall clock back.
    pub(crate) fn set_back(&self, span: Duration) {
        self.0.lock().unwrap().wall -= span;
    }
}

fn tokio_now() -> Instant {
    sleep(Duration::ZERO).deadline()
}

impl Clock for Clocks {
    fn now(&self) -> Timestamp {
        self.moment().wall()
    }

    fn steady(&self) -> Duration {
        self.moment().steady()
    }

    fn moment(&self) -> Moment {
        let Times { wall, steady, tokio } = *self.0.lock().unwrap();
        let passed = tokio.map_or(Duration::ZERO, |start| tokio_now() - start);
        Moment::new(Timestamp::from_millis(u64::try_from((wall + passed).as_millis()).unwrap()), steady + passed)
    }
}

/// An answer of the token source.
#[derive(Clone, Debug)]
pub(crate) enum TokenAnswer {
    Gives { name: String, client_id: Option<String>, ttl: Duration },
    GivesAgain,
    GivesText(String),
    Fails { code: u32, status: u16 },
}

/// A call of the token source that has not ended.
struct Call {
    number: usize,
    answer: Option<Result<AuthCallbackAnswer, ErrorInfo>>,
    waker: Option<Waker>,
}

#[derive(Default)]
struct Calls {
    count: usize,
    open: Vec<Call>,
    /// Calls that are not reported yet, as text of a scenario.
    unreported: Vec<String>,
    last_given: Option<TokenDetails>,
}

/// Everything around a connection that a scenario changes.
pub(crate) struct World {
    pub(crate) clocks: Arc<Clocks>,
    calls: Mutex<Calls>,
}

impl World {
    pub(crate) fn new() -> Arc<Self> {
        let times = Times { wall: START, steady: Duration::from_secs(77), tokio: None };
        let clocks = Arc::new(Clocks(Mutex::new(times)));
        Arc::new(Self { clocks, calls: Mutex::default() })
    }

    /// Returns the calls of the token source since the last time, such as `fetch clientId=bob`.
    pub(crate) fn take_fetches(&self) -> Vec<String> {
        std::mem::take(&mut self.calls.lock().unwrap().unreported)
    }

    /// Returns the number of calls of the token source so far.
    pub(crate) fn count_fetches(&self) -> usize {
        self.calls.lock().unwrap().count
    }

    /// Returns the number of calls that have not ended.
    pub(crate) fn open_calls(&self) -> usize {
        self.calls.lock().unwrap().open.len()
    }

    /// Ends the first open call of the token source.
    pub(crate) fn answer(&self, answer: &TokenAnswer) -> Result<(), String> {
        let mut calls = self.calls.lock().unwrap();
        let result = match answer {
            TokenAnswer::Gives { name, client_id, ttl } => {
                let details = self.details(name, client_id.as_deref(), *ttl);
                calls.last_given = Some(details.clone());
                Ok(details.into())
            }
            TokenAnswer::GivesAgain => Ok(calls.last_given.clone().ok_or("no token was given before")?.into()),
            TokenAnswer::GivesText(text) => Token::new(text).map(Into::into).map_err(|error| {
                // The error of the callback itself, which converts the text.
                ErrorInfo::new(error.ably_code(), error.to_string())
            }),
            TokenAnswer::Fails { code, status } => {
                Err(ErrorInfo::new(ErrorCode::new(*code), "the callback fails").with_status(*status))
            }
        };
        let call = calls.open.iter_mut().find(|call| call.answer.is_none()).ok_or("the token source is not asked")?;
        call.answer = Some(result);
        call.waker.take().into_iter().for_each(Waker::wake);
        Ok(())
    }

    fn details(&self, name: &str, client_id: Option<&str>, ttl: Duration) -> TokenDetails {
        let issued = self.clocks.now().as_millis();
        let expires = issued + u64::try_from(ttl.as_millis()).unwrap();
        let mut json = serde_json::json!({ "token": secret(name), "issued": issued, "expires": expires });
        if let Some(client_id) = client_id {
            json["clientId"] = client_id.into();
        }
        serde_json::from_value(json).unwrap()
    }

    /// Asks the token source of the scenario, as `clientId`, and waits for its answer.
    async fn ask(&self, client_id: Option<&str>) -> Result<AuthCallbackAnswer, ErrorInfo> {
        let number = {
            let mut calls = self.calls.lock().unwrap();
            let client_id = client_id.map(|id| format!(" clientId={id}"));
            calls.unreported.push(format!("fetch{}", client_id.unwrap_or_default()));
            calls.count += 1;
            let number = calls.count;
            calls.open.push(Call { number, answer: None, waker: None });
            number
        };
        let _end = EndOfCall(self, number);
        let answer = poll_fn(|context| {
            let mut calls = self.calls.lock().unwrap();
            let call = calls.open.iter_mut().find(|call| call.number == number).unwrap();
            call.waker = Some(context.waker().clone());
            call.answer.take().map_or(Poll::Pending, Poll::Ready)
        });
        answer.await
    }
}

/// Ends a call on drop, so that a cancelled call is ended too.
struct EndOfCall<'a>(&'a World, usize);

impl Drop for EndOfCall<'_> {
    fn drop(&mut self) {
        if let Ok(mut calls) = self.0.calls.lock() {
            calls.open.retain(|call| call.number != self.1);
        }
    }
}

/// The token source of a scenario as an auth callback.
pub(crate) struct Source(pub(crate) Arc<World>);

#[async_trait]
impl AuthCallback for Source {
    async fn call(&self, params: &TokenParams) -> Result<AuthCallbackAnswer, Error> {
        self.0.ask(params.get_client_id().as_str()).await.map_err(Error::auth_callback)
    }
}

/// The token source of a scenario as the server of an auth URL, and as the service that exchanges token requests.
pub(crate) struct TokenServer(pub(crate) Arc<World>);

#[async_trait]
impl Transport for TokenServer {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportFault> {
        let token_request: serde_json::Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let query = form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
        let of_query = query.into_owned().find(|(name, _)| name == "clientId").map(|(_, value)| value);
        let client_id = token_request["clientId"].as_str().map(str::to_owned).or(of_query);
        let (status, body) = match self.0.ask(client_id.as_deref()).await {
            Ok(AuthCallbackAnswer::TokenDetails(details)) => (200, serde_json::to_vec(&details)),
            Ok(_) => panic!("a token server gives token details"),
            Err(error) => (error.status_code(), serde_json::to_vec(&serde_json::json!({ "error": error }))),
        };
        let answer = Response::builder().status(status).header("content-type", "application/json");
        Ok(answer.body(body.unwrap().into()).unwrap())
    }
}
