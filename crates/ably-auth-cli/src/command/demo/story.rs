//! The steps of the demo. Bob has two devices and a backend: the phone uses the async client, the desktop uses the
//! blocking client, and only the backend has the key.

use ably_auth::capability::Entry;
use ably_auth::{
    ApiKey, Blocking, BlockingAuth, Capability, ClientId, Endpoint, Error, ErrorCode, TokenDetails, TokenParams,
    TokenRequest, Ttl,
};
use bytes::Bytes;
use http::Response;
use tokio::runtime::Runtime;

use super::realtime;
use super::recorder::Log;
use super::scene::{CLIENT, Desktop, Scene, message, request_to, revoke};
use super::timeline::Timeline;
use crate::output::Failure;

/// The capability of the key in the story.
pub(super) const KEY_CAPABILITY: &str = r#"{"chat:*":["history","publish","subscribe"],"status":["subscribe"]}"#;

const REQUESTED_CAPABILITY: &str = r#"{"chat:*":["publish","subscribe"],"vault":["publish"]}"#;
const TTL_MILLIS: u64 = 60_000;

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
