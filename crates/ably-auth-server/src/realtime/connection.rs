//! A connection: runs a session against the state of the service.

use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "console")]
use ably_auth_core::Timestamp;
use ably_auth_core::{ErrorCode, ErrorInfo, Token};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;

use super::opening::{Opening, check_readable};
use super::perform::{Flow, Performer, attachment_size, leave_presence, moment};
use super::session::{Effect, Ending, Moment, Session, client_id_of, ending_of, too_many_frames};
use crate::journal::checks::{Check, Checks};
use crate::limits::budget::Account;
use crate::live::connections::Resumable;
use crate::live::mailbox::{Mailbox, Signals};
use crate::live::protocol::inbound::Head;
use crate::live::protocol::{Action, Inbound, Outbound};
use crate::ops::audit;
use crate::ops::metrics::add;
use crate::ops::refusal_log;
use crate::policy::authenticate::{Authenticator, Principal};
use crate::random;
use crate::refusal::Refusal;
use crate::state::State;
use crate::state::revocations::Subject;
use crate::sync::lock;

/// The size in bytes above which a frame needs a `long_work` permit, like a body.
const LONG_FRAME: usize = 512;

/// An open connection.
pub(crate) struct Connection {
    pub(super) session: Session,
    pub(super) performer: Performer,
    /// The time at which the connection was opened.
    #[cfg(feature = "console")]
    pub(super) opened: Timestamp,
}

impl Connection {
    /// Opens a connection: authenticates the client, resumes its former connection if it can, and sends CONNECTED.
    pub(crate) async fn open(state: Arc<State>, opening: Opening) -> Result<Self, Bytes> {
        let (format, is_token) = (opening.format, opening.has_token());
        let checks = Checks::default();
        #[cfg(feature = "console")]
        let attempt = super::recorder::Attempt::to_connect(&state, &opening);
        Self::try_open(Arc::clone(&state), opening, &checks).await.map_err(|refusal| {
            #[cfg(feature = "console")]
            attempt.record(&state, &checks, &refusal);
            let ending = ending_of(&refusal, is_token);
            state.metrics.realtime.ended(ending.code());
            ending.log(state.sandbox, None);
            ending.frame(format).unwrap_or_default()
        })
    }

    async fn try_open(state: Arc<State>, opening: Opening, checks: &Checks) -> Result<Self, Refusal> {
        let at = moment(&state)?;
        let (credential, claimed) = checks.record(Check::Credential, opening.claim)?;
        checks.record(Check::Credential, check_readable(&credential))?;
        let authenticator = Authenticator { state: &state, checks };
        let mut principal = authenticator.authenticate(&credential, claimed, at.now).await?;
        drop(credential);
        checks.record(Check::Rate, state.check_rate_of(principal.key.name()))?;
        let end = authenticator.standing(&mut principal, at.now)?;
        let app_id: Box<str> = principal.app.app.id().into();
        // The holder of a key may assume any identity, as with a wildcard token.
        let client_id = client_id_of(&principal).or(principal.is_key_holder().then_some("*")).map(Box::from);
        let resumed = opening.resume.as_deref().map(|key| {
            let (id, secret) = key.split_once('!').unwrap_or((key, ""));
            let secret = Token::new(secret).ok()?;
            let presented = Resumable { secret, app_id: app_id.clone(), client_id: client_id.clone() };
            state.connections.take_over(id, &presented, at.elapsed).map(|mailbox| (mailbox, presented))
        });
        let is_unknown = matches!(resumed, Some(None));
        let resumed = resumed.flatten();
        let is_resumed = resumed.is_some();
        let (connection_id, secret) = match &resumed {
            Some((mailbox, presented)) => (Arc::clone(&mailbox.connection_id), presented.secret.clone()),
            None => (random_text::<9>()?.into(), Token::new(&random_text::<16>()?)?),
        };
        let account = Account::new(
            state.limits.connection_bytes,
            [Arc::clone(&state.realtime), Arc::clone(&principal.app.memory.realtime)],
        );
        if !account.take(principal.size()) {
            return Err(Refusal::overloaded("bytes in use by realtime connections"));
        }
        let number = state.connections.next_number();
        let mailbox = Mailbox::new(number, Arc::clone(&connection_id), opening.format, opening.echo, account);
        let resumable = Resumable { secret: secret.clone(), app_id, client_id };
        let key = principal.key.name().clone();
        let targets = principal.subject();
        let targets = targets.as_ref().into_iter().flat_map(Subject::targets);
        if let Err(refusal) = state.connections.enter(&mailbox, resumable, &key, targets, &state.limits) {
            if let Some((former, presented)) = resumed {
                let until = at.elapsed.saturating_add(state.limits.connection_state_ttl);
                state.connections.give_back(former, presented, until, &state.limits);
            }
            return Err(refusal);
        }
        let session = Session::new(connection_id, principal, end, &state.limits);
        let performer = Performer { state, mailbox, secret, is_resumed };
        #[cfg(feature = "console")]
        super::recorder::opened(&performer.state, &session, checks);
        if let Some((former, _)) = &resumed {
            let principal = session.principal();
            performer.inherit_presence(&principal.app.memory, former, principal.capability());
        }
        let unknown =
            ErrorInfo::new(ErrorCode::INVALID_CONNECTION_KEY, "the connection cannot be resumed; this is a new one");
        performer.send_connected(&session, is_unknown.then_some(&unknown));
        let counts = &performer.state.metrics.realtime;
        add(if is_resumed { &counts.resumed } else { &counts.opened }, 1);
        // The credential may have been revoked before the connection was in the table.
        performer.mailbox.signal(|signals| signals.recheck = true);
        Ok(Self {
            session,
            performer,
            #[cfg(feature = "console")]
            opened: at.now,
        })
    }

    pub(crate) const fn mailbox(&self) -> &Arc<Mailbox> {
        &self.performer.mailbox
    }

    /// Returns how many bytes may wait to be sent while frames of the client are read, and how long the client may be
    /// silent if it must answer one ping in `heartbeats` heartbeats.
    pub(crate) fn reading_limits(&self, heartbeats: u32) -> (usize, Duration) {
        let limits = &self.performer.state.limits;
        (limits.connection_bytes / 4, limits.heartbeat.saturating_mul(heartbeats))
    }

    /// Handles a frame from the client.
    pub(crate) async fn receive(&mut self, frame: &[u8]) -> Flow {
        let state = Arc::clone(&self.performer.state);
        let at = match self.moment() {
            Ok(at) => at,
            Err(ending) => return Flow::End(ending),
        };
        // Wait before decoding, so that connections that wait use little memory.
        let permit = if frame.len() > LONG_FRAME { state.long_work.acquire().await.ok() } else { None };
        let effects = match self.performer.mailbox.format.decode::<Inbound>(frame) {
            Ok(message) => self.session.receive(message, at),
            Err(refusal) => match self.performer.mailbox.format.decode::<Head>(frame) {
                Ok(head) => vec![Session::refuse_unreadable(head, refusal.info().clone())],
                Err(_) => vec![Effect::End(Ending::Failed(refusal.info().clone()))],
            },
        };
        // To send many earlier messages or members is long work too. Only their channel's name waits for it.
        let is_long = |effect: &Effect| matches!(effect, Effect::Attach(_) | Effect::Sync { .. });
        let permit = match permit {
            None if effects.iter().any(is_long) => state.long_work.acquire().await.ok(),
            permit => permit,
        };
        // AUTH has no other effect.
        if let [Effect::Verify(token)] = &*effects {
            let token = token.clone();
            drop(permit);
            return self.verify(token).await;
        }
        self.perform_all(effects)
    }

    /// Counts a control frame, such as a ping, or a part of a message. Ends the connection if there are too many.
    pub(crate) fn receive_control(&mut self) -> Flow {
        match self.moment() {
            Ok(at) if self.session.count_frame(at) => return Flow::Continue,
            Ok(_) => {}
            Err(ending) => return Flow::End(ending),
        }
        Flow::End(Ending::Disconnected(too_many_frames(ErrorCode::CONNECTION_RATE_EXCEEDED)))
    }

    async fn verify(&mut self, token: Token) -> Flow {
        let state = Arc::clone(&self.performer.state);
        let now = state.clock.now();
        let checks = Checks::default();
        let authenticator = Authenticator { state: &state, checks: &checks };
        let claimed = self.session.principal().identity.clone();
        let credential = ably_auth_backend::credentials::Credential::Token(token);
        #[cfg(feature = "console")]
        let attempt = super::recorder::Attempt::to_authorize(&state, &credential);
        let verified = async {
            check_readable(&credential)?;
            let mut principal = authenticator.authenticate(&credential, claimed, now).await?;
            state.check_rate_of(principal.key.name())?;
            let end = authenticator.standing(&mut principal, now)?;
            Ok((principal, end))
        };
        let verified: Result<_, Refusal> = verified.await;
        #[cfg(feature = "console")]
        if let Err(refusal) = &verified {
            attempt.record(&state, &checks, refusal);
        }
        let at = match self.moment() {
            Ok(at) => at,
            Err(ending) => return Flow::End(ending),
        };
        if verified.as_ref().is_ok_and(|(principal, _)| self.has_other_channels(principal)) {
            return Flow::End(app_removed());
        }
        let before = self.session.principal().size();
        let effects = self.session.reauthenticate(verified, at);
        if effects.iter().any(|effect| matches!(effect, Effect::Connected)) {
            add(&state.metrics.realtime.reauthenticated, 1);
            let principal = self.session.principal();
            self.performer.mailbox.account.give_back(before);
            if !self.performer.mailbox.account.take(principal.size()) {
                self.performer.mailbox.signal(|signals| signals.overflowed = true);
            }
            let subject = principal.subject();
            let targets = subject.as_ref().into_iter().flat_map(Subject::targets);
            state.connections.set_credential(&self.performer.mailbox, principal.key.name(), targets);
            // A revocation may have arrived while the token was verified.
            self.performer.mailbox.signal(|signals| signals.recheck = true);
        }
        self.perform_all(effects)
    }

    /// Handles signals from other tasks.
    pub(crate) fn wake(&mut self, signals: Signals) -> Flow {
        if signals.replaced {
            return Flow::End(Ending::Lost);
        }
        if signals.ended {
            return Flow::End(Ending::Disconnected(disconnected("the operator ended the connection; connect again")));
        }
        #[cfg(feature = "console")]
        if let Some(inquiry) = signals.asked.then(|| self.performer.mailbox.take_inquiry()).flatten() {
            // There is room for each description, unless nobody waits for them any more.
            drop(inquiry.try_send(self.describe()));
            if signals == (Signals { asked: true, ..Signals::default() }) {
                return Flow::Continue;
            }
        }
        if signals.unsure {
            return Flow::End(Ending::Disconnected(Refusal::unavailable().info().clone()));
        }
        if signals.overflowed {
            let message = "the client reads too slowly: too much waits to be sent; connect again";
            return Flow::End(Ending::Disconnected(disconnected(message)));
        }
        let state = Arc::clone(&self.performer.state);
        let at = match self.moment() {
            Ok(at) => at,
            Err(ending) => return Flow::End(ending),
        };
        let memory = Arc::clone(&self.session.principal().app.memory);
        let authenticator = Authenticator { state: &state, checks: &Checks::default() };
        let standing = authenticator.standing(self.session.principal_mut(), at.now);
        if !Arc::ptr_eq(&memory, &self.session.principal().app.memory) {
            return Flow::End(app_removed());
        }
        let effects = self.session.set_end(standing, at);
        self.perform_all(effects)
    }

    /// Handles the passage of time.
    pub(crate) fn tick(&mut self) -> Flow {
        match self.moment() {
            Ok(at) => {
                let effects = self.session.tick(at);
                self.perform_all(effects)
            }
            Err(ending) => Flow::End(ending),
        }
    }

    /// Returns the time until [`tick`](Self::tick) has something to do.
    pub(crate) fn until_tick(&self) -> Option<Duration> {
        let Ok(at) = self.moment() else {
            return Some(Duration::ZERO);
        };
        self.session.next_tick().map(|moment| Duration::from_millis(moment.millis_since(at.now)))
    }

    /// Returns the moment, or the ending of the connection while the service's clock is wrong.
    fn moment(&self) -> Result<Moment, Ending> {
        moment(&self.performer.state).map_err(|refusal| ending_of(&refusal, false))
    }

    /// Returns whether the app of a credential was removed and added again since the connection opened. It has other
    /// channels then.
    fn has_other_channels(&self, principal: &Principal) -> bool {
        let own = &self.session.principal().app;
        own.app.id() == principal.app.app.id() && !Arc::ptr_eq(&own.memory, &principal.app.memory)
    }

    /// Returns the ending of a connection that the service ends because it shuts down.
    pub(crate) fn shutdown() -> Ending {
        Ending::Disconnected(disconnected("the service is shutting down; connect again"))
    }

    fn perform_all(&mut self, effects: Vec<Effect>) -> Flow {
        for effect in effects {
            if let Flow::End(ending) = self.performer.perform(&mut self.session, effect) {
                return Flow::End(ending);
            }
        }
        Flow::Continue
    }

    /// Ends the connection: sends the last message, and keeps what the client needs to resume the connection. Presence
    /// members of a lost connection leave later.
    pub(crate) fn end(self, ending: &Ending) {
        let Self { session, performer: Performer { state, mailbox, .. }, .. } = self;
        mailbox.finish(ending.frame(mailbox.format), !matches!(ending, Ending::Closed));
        let memory = Arc::clone(&session.principal().app.memory);
        for channel in session.attached() {
            lock(&memory.attachments).detach(channel, &mailbox);
            mailbox.account.give_back(attachment_size(channel));
        }
        mailbox.account.give_back(session.principal().size());
        ending.log(state.sandbox, session.client_id());
        #[cfg(feature = "console")]
        super::recorder::ended(&state, &session, ending);
        let code = ending.code();
        state.metrics.realtime.ended(code);
        if let Some(code) = code.filter(|code| [ErrorCode::TOKEN_REVOKED, ErrorCode::KEY_REVOKED].contains(code)) {
            audit::end_connection(session.principal().key.name(), code);
        }
        let can_resume = matches!(ending, Ending::Lost | Ending::Disconnected(_));
        let until = can_resume.then(|| state.stopwatch.elapsed().saturating_add(state.limits.connection_state_ttl));
        state.connections.leave(&mailbox, until, &state.limits);
        leave_presence(state, memory, mailbox, can_resume);
    }
}

impl Ending {
    /// Returns the last message of the connection.
    pub(crate) fn frame(&self, format: crate::format::Format) -> Option<Bytes> {
        let message = match self {
            Self::Closed => Outbound::new(Action::Closed),
            Self::Disconnected(error) => Outbound { error: Some(error), ..Outbound::new(Action::Disconnected) },
            Self::Failed(error) => Outbound { error: Some(error), ..Outbound::new(Action::Error) },
            Self::Lost => return None,
        };
        Some(message.encode(format))
    }

    fn log(&self, sandbox: bool, client_id: Option<&str>) {
        match self {
            Self::Disconnected(error) => refusal_log::record_message(sandbox, "DISCONNECTED", None, client_id, error),
            Self::Failed(error) => refusal_log::record_message(sandbox, "ERROR", None, client_id, error),
            Self::Closed | Self::Lost => {}
        }
    }

    /// Returns the error code of the ending, if it has one.
    pub(crate) fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Disconnected(error) | Self::Failed(error) => Some(error.code()),
            Self::Closed | Self::Lost => None,
        }
    }
}

fn disconnected(message: &str) -> ErrorInfo {
    ErrorInfo::new(ErrorCode::CONNECTION_DISCONNECTED, message).with_status(503)
}

/// Returns the ending of a connection whose app was removed and added again: its channels are gone.
fn app_removed() -> Ending {
    Ending::Disconnected(disconnected("the app was removed and added again; connect again"))
}

fn random_text<const N: usize>() -> Result<String, Refusal> {
    Ok(URL_SAFE_NO_PAD.encode(random::bytes::<N>().map_err(|_| Refusal::internal())?))
}
