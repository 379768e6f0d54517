//! The steps of the demo. Bob has two devices and a backend: the phone uses the async client, the desktop uses the
//! blocking client, and only the backend has the key.

use ably_auth::capability::Entry;
use ably_auth::exchange::{self, RequestToken};
use ably_auth::sources::KeySigner;
use ably_auth::{
    ApiKey, Async, Auth, Blocking, BlockingAuth, Capability, ClientId, ClientOptions, Endpoint, Error, ErrorCode,
    HttpSettings, Mode, RevokeTokensRequest, TokenDetails, TokenParams, TokenRequest, TokenRevocationResult,
    TokenRevocationTargetSpecifier, Ttl,
};
use ably_auth_blocking::UreqTransport;
use ably_auth_reqwest::ReqwestTransport;
use bytes::Bytes;
use http::{Request, Response};
use tokio::runtime::Runtime;

use super::realtime;
use super::recorder::{Log, Recorder};
use super::timeline::Timeline;
use crate::output::Failure;

/// The capability of the key in the story.
pub(super) const KEY_CAPABILITY: &str = r#"{"chat:*":["history","publish","subscribe"],"status":["subscribe"]}"#;

const REQUESTED_CAPABILITY: &str = r#"{"chat:*":["publish","subscribe"],"vault":["publish"]}"#;
const TTL_MILLIS: u64 = 60_000;
const CLIENT: &str = "bob";

pub(super) type Phone = Auth<Recorder<ReqwestTransport>>;
pub(super) type Desktop = BlockingAuth<Recorder<UreqTransport>>;

pub(super) struct Scene<'a> {
    runtime: &'a Runtime,
    endpoint: &'a Endpoint,
    key: &'a ApiKey,
    log: Log,
    params: TokenParams,
}

/// Plays all steps. Returns true if each step had the expected result.
pub(super) fn play(runtime: &Runtime, endpoint: &Endpoint, key: &ApiKey, json: bool) -> Result<bool, Failure> {
    let log = Log::default();
    let mut timeline = Timeline::new(json, log.clone());
    let params = TokenParams::new()
        .client_id(ClientId::parse(CLIENT).map_err(Error::from)?)
        .ttl(Ttl::from_millis(TTL_MILLIS).map_err(Error::from)?)
        .capability(REQUESTED_CAPABILITY);
    let scene = Scene { runtime, endpoint, key, log, params };
    timeline.title(&format!("The lifecycle of a credential, against a local service at {endpoint}"));

    let backend = BlockingAuth::new(scene.options::<Blocking>().key(key.clone()), scene.ureq()?)?;
    let Some(request) = sign(&scene, &backend, &mut timeline) else { return Ok(timeline.end()) };
    let Some(token) = exchange(&scene, &request, &mut timeline)? else { return Ok(timeline.end()) };
    explain(&scene, &token, &mut timeline);
    let phone = scene.phone(Some(token))?;
    let desktop = scene.desktop()?;

    let sent = scene.runtime.block_on(phone.request(message("chat:lobby", "from the phone")?));
    timeline.step("The phone (async, reqwest) publishes on a permitted channel", &[], published(sent));
    let sent = desktop.request(message("chat:lobby", "from the desktop")?);
    timeline.step(
        "The desktop (blocking, ureq) has no token yet: it requests one, and publishes",
        &[],
        published(sent),
    );
    let sent = scene.runtime.block_on(phone.request(message("vault", "let me in")?));
    timeline.step(
        "The phone tries to publish on a channel that is not permitted",
        &[],
        refused(sent, ErrorCode::CAPABILITY_REFUSED),
    );
    let replayed = scene.exchange(&request)?;
    timeline.step("A third party replays the token request", &[], refused(replayed, ErrorCode::NONCE_REPLAYED));
    revoke(&backend, &mut timeline);
    let sent = scene.runtime.block_on(phone.request(message("chat:lobby", "the phone again")?));
    timeline.step(
        "The phone is refused with its revoked token, renews it automatically, and publishes",
        &[],
        renewed(&scene, sent),
    );
    let sent = desktop.request(message("chat:lobby", "the desktop again")?);
    timeline.step("The desktop does the same", &[], renewed(&scene, sent));
    let history = backend.request(request_to("GET", "chat:lobby", Bytes::new())?);
    timeline.step("The backend reads the history", &[], check_history(history, 4));
    scene.runtime.block_on(realtime::play(&scene, &backend, &mut timeline))?;
    Ok(timeline.end())
}

impl Scene<'_> {
    fn options<M: Mode>(&self) -> ClientOptions<M> {
        ClientOptions::new().endpoint(self.endpoint.clone()).allow_basic_on_loopback(true)
    }

    fn ureq(&self) -> Result<Recorder<UreqTransport>, Error> {
        Ok(Recorder { transport: UreqTransport::for_settings(&HttpSettings::default())?, log: self.log.clone() })
    }

    fn reqwest(&self) -> Result<Recorder<ReqwestTransport>, Error> {
        Ok(Recorder { transport: ReqwestTransport::for_settings(&HttpSettings::default())?, log: self.log.clone() })
    }

    fn exchange(&self, request: &TokenRequest) -> Result<Result<TokenDetails, Error>, Error> {
        let exchange = RequestToken::new(self.endpoint, request);
        Ok(self.runtime.block_on(exchange::run(exchange, &self.reqwest()?)))
    }

    /// Returns the endpoint of the backend for devices: it signs a token request, which the device exchanges.
    fn backend_endpoint(&self) -> impl Fn() -> Result<TokenRequest, Error> + Send + Sync + 'static {
        let (backend, params) = (KeySigner::new(self.key.clone()), self.params.clone());
        move || backend.create_token_request(&params)
    }

    /// Returns a device that has a token or none, and requests the next one through the backend.
    pub(super) fn phone(&self, token: Option<TokenDetails>) -> Result<Phone, Error> {
        let answer = self.backend_endpoint();
        let options = self.options::<Async>().client_id(CLIENT);
        let options = token.into_iter().fold(options, ClientOptions::<Async>::token);
        let callback = move |_: TokenParams| std::future::ready(answer());
        Auth::new(options.auth_callback(callback), self.reqwest()?)
    }

    /// Returns a device that requests its first token through the backend, too.
    fn desktop(&self) -> Result<Desktop, Error> {
        let answer = self.backend_endpoint();
        let options = self.options::<Blocking>().client_id(CLIENT);
        BlockingAuth::new(options.auth_callback(move |_: &TokenParams| answer()), self.ureq()?)
    }
}

fn sign(scene: &Scene<'_>, backend: &Desktop, timeline: &mut Timeline) -> Option<TokenRequest> {
    let title = format!("The backend signs a token request for `{CLIENT}`, without any network");
    match backend.create_token_request(&scene.params) {
        Ok(request) => {
            let notes = [format!("key {} · clientId {CLIENT} · ttl {TTL_MILLIS} ms", request.key_name())];
            timeline.step(&title, &notes, Ok(format!("signed, asking for {REQUESTED_CAPABILITY}")));
            Some(request)
        }
        Err(error) => {
            timeline.step(&title, &[], Err(error.to_string()));
            None
        }
    }
}

fn exchange(
    scene: &Scene<'_>,
    request: &TokenRequest,
    timeline: &mut Timeline,
) -> Result<Option<TokenDetails>, Failure> {
    let exchanged = scene.exchange(request)?;
    let outcome = match &exchanged {
        Ok(details) => {
            let life = details.issued().zip(details.expires()).map(|(issued, expires)| expires.millis_since(issued));
            let life = life.map_or_else(|| "an unknown time".into(), |millis| format!("{millis} ms"));
            Ok(format!("a token for `{CLIENT}` that is valid for {life}"))
        }
        Err(error) => Err(error.to_string()),
    };
    timeline.step("The phone exchanges it for a token", &[], outcome);
    Ok(exchanged.ok())
}

/// Explains how the granted capability follows from the requested one and that of the key.
fn explain(scene: &Scene<'_>, token: &TokenDetails, timeline: &mut Timeline) {
    let (Ok(key), Some(asked)) = (KEY_CAPABILITY.parse::<Capability>(), scene.params.get_capability()) else {
        return;
    };
    let mut notes = vec![format!("key has  {key}"), format!("asked    {asked}")];
    for Entry { resource, operations } in asked {
        let meets: Vec<_> = key.meets(asked).into_iter().filter(|meet| meet.theirs().resource == resource).collect();
        if meets.is_empty() {
            notes.push(format!("         {resource} {operations}: the key permits nothing on it"));
        }
        notes.extend(meets.iter().map(|meet| {
            let Entry { resource: on, operations: has } = meet.ours();
            format!("         {resource} {operations} ∩ {on} {has} → {} {}", meet.resource(), meet.operations())
        }));
    }
    let granted = token.capability_text().unwrap_or("no capability");
    let outcome = if granted == key.intersect(asked).to_string() { Ok } else { Err };
    timeline.step(
        "The service intersects the requested capability with that of the key",
        &notes,
        outcome(format!("granted  {granted}")),
    );
}

pub(super) fn revoke(backend: &Desktop, timeline: &mut Timeline) {
    let target = TokenRevocationTargetSpecifier::client_id(CLIENT);
    let title = format!("The backend revokes all tokens of `{target}`");
    let outcome = match backend.revoke_tokens(&RevokeTokensRequest::new([target])) {
        Ok(batch) => match batch.results.first() {
            Some(TokenRevocationResult::Success(_)) => Ok("revoked immediately".into()),
            Some(TokenRevocationResult::Failure(failure)) => Err(failure.error.to_string()),
            None => Err("the response has no result for the target".into()),
        },
        Err(error) => Err(error.to_string()),
    };
    timeline.step(&title, &[], outcome);
}

fn request_to(method: &str, channel: &str, body: Bytes) -> Result<Request<Bytes>, Error> {
    let request = Request::builder().method(method).uri(format!("/channels/{channel}/messages")).body(body);
    request.map_err(|error| Error::configuration(error.to_string()))
}

pub(super) fn message(channel: &str, data: &str) -> Result<Request<Bytes>, Error> {
    let body = serde_json::json!({ "name": "greeting", "data": data }).to_string();
    let mut request = request_to("POST", channel, body.into())?;
    request.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    Ok(request)
}

fn published(sent: Result<Response<Bytes>, Error>) -> Result<String, String> {
    sent.map(|_| "published".into()).map_err(|error| error.to_string())
}

fn refused<T>(outcome: Result<T, Error>, code: ErrorCode) -> Result<String, String> {
    match outcome {
        Err(error) if error.ably_code() == code => {
            Ok(format!("refused as expected: {}", error.error_info().map_or("", |info| info.message())))
        }
        Err(error) => Err(format!("refused, but not with {code}: {error}")),
        Ok(_) => Err(format!("accepted, but {code} was expected")),
    }
}

/// Checks that the call succeeded after these requests: refused as revoked, a new token, sent again.
fn renewed(scene: &Scene<'_>, sent: Result<Response<Bytes>, Error>) -> Result<String, String> {
    let revoked = Some(ErrorCode::TOKEN_REVOKED.as_u32());
    match sent {
        Ok(_) if scene.log.codes() == [revoked, None, None] => Ok("renewed and published automatically".into()),
        Ok(_) => Err("published, but without the refusal 40141 and a new token".into()),
        Err(error) => Err(error.to_string()),
    }
}

fn check_history(history: Result<Response<Bytes>, Error>, expected: usize) -> Result<String, String> {
    let answer = history.map_err(|error| error.to_string())?;
    let messages: Vec<serde_json::Value> = serde_json::from_slice(answer.body()).map_err(|error| error.to_string())?;
    let text = format!("{} messages, of {expected} published", messages.len());
    if messages.len() == expected { Ok(text) } else { Err(text) }
}
