//! Sessions with random events on virtual time, against a model of what their credentials permit.

#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::unwrap_used, reason = "tests break")]

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ably_auth_backend::credentials::Credential;
use ably_auth_core::{Timestamp, Token};
use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

use super::*;
use crate::apps::Apps;
use crate::format::Format;
use crate::journal::checks::Checks;
use crate::limits::{Limits, Rate};
use crate::policy::authenticate::{Authenticator, Principal};
use crate::policy::standing::End;
use crate::refusal::Refusal;
use crate::service::Service;

const START: u64 = 1_449_746_287_318;
const KEY: &str = "app.key";
const BASIC: &str = "Basic YXBwLmtleTpzZWNyZXQtb2YtdGhlLWtleQ==";
const CHANNELS: [&str; 3] = ["a", "b", "c"];
const OPERATIONS: [&str; 3] = ["publish", "subscribe", "presence"];

/// The bits of `flags` that each operation gives.
const MODES: [u64; 3] = [1 << 17, 1 << 18 | 1 << 19 | 1 << 24, 1 << 16];

/// A generator of numbers from a seed (SplitMix64).
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(end).unwrap()).unwrap()
    }
}

/// A token as the model knows it.
#[derive(Clone, Debug)]
struct ModelToken {
    client_id: &'static str,
    issued: u64,
    expires: u64,
    /// The operations on each channel.
    rights: BTreeMap<&'static str, BTreeSet<&'static str>>,
}

/// A service with a clock, and the session under test.
struct World {
    now: Arc<AtomicU64>,
    service: Service,
    session: Session,
    token: ModelToken,
    /// The revocations of each client: the time of issue before which tokens are revoked, and the time from which.
    revocations: Vec<(&'static str, u64, u64)>,
    /// The requested modes of each attachment.
    attached: BTreeMap<&'static str, u64>,
    /// The end for which the client was prompted.
    prompted: Option<u64>,
    /// The earliest moment to prompt the client again after it renewed its token.
    prompt_from: u64,
}

fn done<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a service in memory does not wait"),
    }
}

fn post(service: &Service, path: &str, body: &Value) -> Value {
    let request = Request::post(path).header("Authorization", BASIC).header("X-Ably-Version", "6");
    let answer = done(service.handle(request.body(Bytes::from(body.to_string())).unwrap()));
    assert_eq!(answer.status(), 201, "{answer:?}");
    serde_json::from_slice(answer.body()).unwrap()
}

fn random_token(random: &mut Seeded, service: &Service, now: u64) -> (ModelToken, Token) {
    let client_id = ["bob", "bob", "bob", "alice"][random.below(4)];
    let ttl = [3_000, 5_450, 20_000, 90_000, 600_000][random.below(5)];
    let mut rights = BTreeMap::<_, BTreeSet<_>>::new();
    for _ in 0..=random.below(4) {
        rights.entry(CHANNELS[random.below(3)]).or_default().insert(OPERATIONS[random.below(3)]);
    }
    let body = json!({
        "keyName": KEY, "timestamp": now, "ttl": ttl, "clientId": client_id, "capability": json!(rights).to_string(),
    });
    let details = post(service, &format!("/keys/{KEY}/requestToken"), &body);
    let model = ModelToken {
        client_id,
        issued: details["issued"].as_u64().unwrap(),
        expires: details["expires"].as_u64().unwrap(),
        rights,
    };
    (model, Token::new(details["token"].as_str().unwrap()).unwrap())
}

fn verify(service: &Service, token: Token, now: u64) -> Result<(Principal, Option<End>), Refusal> {
    let authenticator = Authenticator { state: service.state(), checks: &Checks::default() };
    let now = Timestamp::from_millis(now);
    let mut principal = done(authenticator.authenticate(&Credential::Token(token), None, now))?;
    let end = authenticator.standing(&mut principal, now)?;
    Ok((principal, end))
}

fn message(value: &Value) -> Inbound {
    Format::Json.decode(value.to_string().as_bytes()).unwrap()
}

impl World {
    fn new(random: &mut Seeded) -> Self {
        let now = Arc::new(AtomicU64::new(START));
        let clock = Arc::clone(&now);
        let apps = json!({ "appId": "app", "keys": [{ "id": "key", "secret": "secret-of-the-key", "revocableTokens": true }] });
        let service = Service::builder()
            .apps(Apps::from_json(&apps.to_string()).unwrap())
            .sandbox(true)
            .clock(move || Timestamp::from_millis(clock.load(Ordering::SeqCst)))
            .build()
            .unwrap();
        let (token, text) = random_token(random, &service, START);
        let (principal, end) = verify(&service, text, START).unwrap();
        let limits =
            Limits { connection_frames: Rate { per_second: 1_000_000, burst: 1_000_000 }, ..Limits::default() };
        let session = Session::new("connection".into(), principal, end, &limits);
        let (revocations, attached) = (Vec::new(), BTreeMap::new());
        Self { now, service, session, token, revocations, attached, prompted: None, prompt_from: 0 }
    }

    fn at(&self) -> Moment {
        let now = self.now.load(Ordering::SeqCst);
        Moment { now: Timestamp::from_millis(now), elapsed: Duration::from_millis(now - START) }
    }

    fn now(&self) -> u64 {
        self.now.load(Ordering::SeqCst)
    }

    /// Returns the code and the moment of the token's end.
    fn expected_end(&self) -> (u32, u64) {
        let of_token = |(client_id, before, _): &&(&str, u64, u64)| {
            *client_id == self.token.client_id && self.token.issued < *before
        };
        let revoked = self.revocations.iter().filter(of_token).map(|(.., from)| *from).min();
        match revoked {
            Some(from) if from < self.token.expires => (40141, from),
            _ => (40142, self.token.expires),
        }
    }

    fn permits(&self, channel: &str, operation: &str) -> bool {
        self.token.rights.get(channel).is_some_and(|operations| operations.contains(operation))
    }

    fn permitted_modes(&self, channel: &str) -> u64 {
        let permitted = OPERATIONS.iter().zip(MODES).filter(|(operation, _)| self.permits(channel, operation));
        permitted.fold(0, |modes, (_, mode)| modes | mode)
    }

    /// Returns whether the client must be prompted now for a token that ends at `end`.
    fn is_prompt_due(&mut self, end: u64) -> bool {
        let is_due = self.prompted != Some(end) && (end - 30_000).max(self.prompt_from).min(end) <= self.now();
        if is_due {
            self.prompted = Some(end);
        }
        is_due
    }

    /// Checks what the passage of time does. Returns false if the session ended.
    fn look(&mut self) -> bool {
        let standing = {
            let authenticator = Authenticator { state: self.service.state(), checks: &Checks::default() };
            authenticator
                .standing(self.session.principal_mut(), Timestamp::from_millis(self.now.load(Ordering::SeqCst)))
        };
        let at = self.at();
        let effects = self.session.set_end(standing, at);
        let (code, end) = self.expected_end();
        if end <= self.now() {
            let [Effect::End(Ending::Disconnected(error))] = &effects[..] else {
                panic!("the session must end with {code}: {effects:?}");
            };
            assert_eq!(error.code().as_u32(), code);
            return false;
        }
        let is_due = self.is_prompt_due(end);
        let is_prompted = effects.iter().any(|effect| matches!(effect, Effect::Prompt));
        assert_eq!(is_prompted, is_due && end - self.now() >= 5_500, "{} ms before its end", end - self.now());
        assert!(effects.iter().all(|effect| matches!(effect, Effect::Prompt)), "{effects:?}");
        let next = self.session.next_tick().unwrap().as_millis();
        assert!(next > self.now() && next <= end, "the session sleeps until its end at most");
        true
    }

    /// Presents a random token. Returns false if the session ended.
    fn authorize(&mut self, random: &mut Seeded) -> bool {
        let (model, text) = random_token(random, &self.service, self.now());
        let verified = verify(&self.service, text, self.now());
        let at = self.at();
        let effects = self.session.reauthenticate(verified, at);
        if model.client_id != self.token.client_id {
            let [Effect::End(Ending::Failed(error))] = &effects[..] else {
                panic!("another client must not take over: {effects:?}");
            };
            assert_eq!(error.code(), ErrorCode::INCOMPATIBLE_CREDENTIALS);
            return false;
        }
        self.token = model;
        self.prompted = None;
        let (_, end) = self.expected_end();
        let is_prompted = effects.iter().any(|effect| matches!(effect, Effect::Prompt));
        let left = end - self.now();
        self.prompt_from = if left < 30_000 { self.now().max(end - (left / 2).max(5_500)) } else { self.now() };
        assert_eq!(is_prompted, self.is_prompt_due(end) && left >= 5_500);
        assert!(matches!(effects.first(), Some(Effect::Connected)), "CONNECTED comes first: {effects:?}");
        let ended = effects.iter().filter_map(|effect| match effect {
            Effect::Detach { channel, error: Some(_) } => Some(channel.to_string()),
            _ => None,
        });
        let ended: BTreeSet<String> = ended.collect();
        let lost: BTreeSet<String> = self
            .attached
            .iter()
            .filter(|(channel, requested)| *requested & self.permitted_modes(channel) == 0)
            .map(|(channel, _)| (*channel).to_owned())
            .collect();
        assert_eq!(ended, lost, "exactly the attachments without a right end");
        self.attached.retain(|channel, _| !lost.contains(*channel));
        true
    }

    fn attach(&mut self, random: &mut Seeded) {
        let channel = CHANNELS[random.below(3)];
        let requested = MODES.iter().fold(0, |modes, mode| if random.below(2) == 0 { modes } else { modes | mode });
        let at = self.at();
        let effects =
            self.session.receive(message(&json!({ "action": 10, "channel": channel, "flags": requested })), at);
        let requested = if requested == 0 { u64::MAX } else { requested };
        let expected = requested & self.permitted_modes(channel);
        match &effects[..] {
            [Effect::Attach(attach)] => {
                assert_eq!(attach.modes.flags(), expected, "{channel}");
                assert_eq!(attach.is_repeated, self.attached.contains_key(channel));
                assert_ne!(expected, 0);
                self.attached.insert(channel, requested);
            }
            [Effect::RefuseChannel { error, .. } | Effect::Detach { error: Some(error), .. }] => {
                assert_eq!((error.code(), expected), (ErrorCode::CAPABILITY_REFUSED, 0));
                self.attached.remove(channel);
            }
            other => panic!("{other:?}"),
        }
    }

    fn detach(&mut self, random: &mut Seeded) {
        let channel = CHANNELS[random.below(3)];
        let at = self.at();
        let effects = self.session.receive(message(&json!({ "action": 12, "channel": channel })), at);
        let was_attached = self.attached.remove(channel).is_some();
        assert_eq!(matches!(&effects[..], [Effect::Detach { error: None, .. }]), was_attached, "{effects:?}");
    }

    fn use_channel(&mut self, random: &mut Seeded) {
        let channel = CHANNELS[random.below(3)];
        let is_publish = random.below(2) == 0;
        let (operation, mode, sent) = if is_publish {
            ("publish", MODES[0], json!({ "action": 15, "msgSerial": 7, "messages": [{}], "channel": channel }))
        } else {
            (
                "presence",
                MODES[2],
                json!({ "action": 14, "msgSerial": 7, "presence": [{ "action": 2 }], "channel": channel }),
            )
        };
        let at = self.at();
        let effects = self.session.receive(message(&sent), at);
        let requested = self.attached.get(channel).copied();
        let expected = match (self.permits(channel, operation), requested) {
            (false, _) => 40160,
            (true, Some(requested)) if requested & mode == 0 => 40165,
            (true, None) if !is_publish => 91001,
            (true, _) => 0,
        };
        let code = match &effects[..] {
            [Effect::Publish { msg_serial: 7, .. } | Effect::Enter { msg_serial: 7, .. }] => 0,
            [Effect::Refuse { msg_serial: 7, error, .. }] => error.code().as_u32(),
            other => panic!("{other:?}"),
        };
        assert_eq!(code, expected, "{operation} on {channel} with {:?} attached {requested:?}", self.token.rights);
    }

    fn revoke(&mut self, random: &mut Seeded) {
        let client_id = ["bob", "alice"][random.below(2)];
        let with_margin = random.below(2) == 0;
        let body = json!({ "targets": [format!("clientId:{client_id}")], "allowReauthMargin": with_margin });
        let answer = post(&self.service, &format!("/keys/{KEY}/revokeTokens"), &body);
        let result = &answer["results"][0];
        let from = result["appliesAt"].as_u64().unwrap();
        // A revocation includes its whole millisecond.
        self.revocations.push((client_id, result["issuedBefore"].as_u64().unwrap() + 1, from));
    }
}

#[test]
fn session_does_what_the_model_of_its_token_permits() {
    let mut ends = 0;
    for seed in 0..300 {
        let mut random = Seeded(seed);
        let mut world = World::new(&mut random);
        for _ in 0..120 {
            let millis = [0, 1, 400, 7_000, 40_000][random.below(5)];
            world.now.fetch_add(millis, Ordering::SeqCst);
            if !world.look() {
                ends += 1;
                break;
            }
            let goes_on = match random.below(10) {
                0 => world.authorize(&mut random),
                1 if random.below(6) == 0 => {
                    world.revoke(&mut random);
                    true
                }
                1..=4 => {
                    world.attach(&mut random);
                    true
                }
                5 => {
                    world.detach(&mut random);
                    true
                }
                _ => {
                    world.use_channel(&mut random);
                    true
                }
            };
            if !goes_on {
                break;
            }
        }
    }
    assert!(ends > 100, "most sessions end by their token: {ends}");
}
