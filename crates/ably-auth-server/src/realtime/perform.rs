//! Applies the effects of a session: attachments, messages and presence.

use std::sync::Arc;
use std::time::Duration;

use ably_auth_core::realtime::flags;
use ably_auth_core::{Capability, ErrorInfo, Operation, Timestamp, Token};

use super::session::{Attach, Effect, Ending, Moment, Rewind, Session};
use crate::channels::page::{Direction, Page};
use crate::channels::presence::{PresenceMessage, PresentMember};
use crate::channels::{self, Channels, Message, Publication, Stored};
use crate::live::attachments::{ATTACHMENT_BYTES, message_frame, part_length};
use crate::live::mailbox::Mailbox;
use crate::live::protocol::outbound::{ConnectionDetails, MAX_FRAME_SIZE, MAX_MESSAGE_SIZE, Params, PublishResult};
use crate::live::protocol::{Action, Modes, Outbound};
use crate::ops::metrics::add;
use crate::ops::refusal_log;
use crate::refusal::Refusal;
use crate::state::State;
use crate::state::app_memory::AppMemory;
use crate::sync::lock;

/// The decision about a connection after an event: it goes on, or ends.
#[derive(Debug)]
pub(crate) enum Flow {
    Continue,
    End(Ending),
}

/// The part of a connection that carries out the effects of its session.
pub(super) struct Performer {
    pub(super) state: Arc<State>,
    pub(super) mailbox: Arc<Mailbox>,
    /// The secret part of the connection key.
    pub(super) secret: Token,
    /// True if the connection is one that was lost, so that the client may continue its attachments.
    pub(super) is_resumed: bool,
}

/// The name of the service in the details of a connection.
const SERVER_ID: &str = "ably-auth";

impl Performer {
    /// Carries out an effect. Tokens are verified by the caller, because that may wait.
    pub(super) fn perform(&self, session: &mut Session, effect: Effect) -> Flow {
        let memory = Arc::clone(&session.principal().app.memory);
        let memory = &*memory;
        match effect {
            Effect::End(ending) => return Flow::End(ending),
            Effect::Verify(_) => {}
            Effect::Heartbeat(id) => {
                self.mailbox.send(&Outbound { id: Some(&id), ..Outbound::new(Action::Heartbeat) });
            }
            Effect::Prompt => {
                add(&self.state.metrics.realtime.prompted, 1);
                self.record(session, Action::Auth, None, None);
                self.mailbox.send(&Outbound::new(Action::Auth));
            }
            Effect::Connected => {
                self.record(session, Action::Connected, None, None);
                self.send_connected(session, None);
            }
            Effect::Attach(attach) => {
                if self.attach(session, memory, &attach) {
                    self.record(session, Action::Attach, Some(&attach.channel), None);
                }
            }
            Effect::SetModes { channel, modes } => {
                lock(&memory.attachments).attach(&channel, &self.mailbox, modes);
                if !modes.has(Modes::PRESENCE) {
                    self.leave(memory, &channel);
                }
            }
            Effect::Detach { channel, error } => self.detach(session, memory, &channel, error.as_ref()),
            Effect::ConfirmDetached { channel } => self.confirm_detached(&channel),
            Effect::RefuseChannel { channel, error } => self.refuse_channel(session, &channel, &error),
            Effect::Publish { channel, msg_serial, messages } => {
                self.publish(memory, &channel, msg_serial, messages);
                self.record(session, Action::Message, Some(&channel), None);
            }
            Effect::Enter { channel, msg_serial, messages } => {
                self.enter(session, memory, &channel, msg_serial, messages);
            }
            Effect::Sync { channel } => lock(&memory.attachments).sync(&channel, &self.mailbox),
            Effect::Refuse { action, channel, msg_serial, error } => {
                self.nack(session, action, channel.as_deref(), msg_serial, &error);
            }
        }
        Flow::Continue
    }

    pub(super) fn send_connected(&self, session: &Session, error: Option<&ErrorInfo>) {
        let limits = &self.state.limits;
        let id = &*self.mailbox.connection_id;
        let key = [id, self.secret.expose()].join("!");
        let details = ConnectionDetails {
            client_id: session.client_id(),
            connection_key: &key,
            max_message_size: MAX_MESSAGE_SIZE,
            max_frame_size: MAX_FRAME_SIZE,
            max_inbound_rate: limits.connection_frames.per_second,
            connection_state_ttl: millis(limits.connection_state_ttl),
            max_idle_interval: millis(limits.heartbeat),
            server_id: SERVER_ID,
        };
        self.mailbox.send(&Outbound {
            connection_id: Some(id),
            connection_details: Some(details),
            error,
            ..Outbound::new(Action::Connected)
        });
    }

    /// Logs the refusal of a message with that action.
    fn log_refusal(&self, session: &Session, action: Action, channel: Option<&str>, error: &ErrorInfo) {
        let answer = if action == Action::Attach { "ERROR" } else { "NACK" };
        self.record(session, action, channel, Some(error));
        refusal_log::record_message(self.state.sandbox, answer, channel, session.client_id(), error);
    }

    fn nack(&self, session: &Session, action: Action, channel: Option<&str>, msg_serial: u64, error: &ErrorInfo) {
        self.log_refusal(session, action, channel, error);
        self.mailbox.send(&Outbound {
            msg_serial: Some(msg_serial),
            count: Some(1),
            error: Some(error),
            ..Outbound::new(Action::Nack)
        });
    }

    fn refuse_channel(&self, session: &Session, channel: &str, error: &ErrorInfo) {
        self.log_refusal(session, Action::Attach, Some(channel), error);
        self.mailbox.send(&Outbound { channel: Some(channel), error: Some(error), ..Outbound::new(Action::Error) });
    }

    /// Attaches the connection to a channel. Returns false if it was refused.
    fn attach(&self, session: &mut Session, memory: &AppMemory, attach: &Attach) -> bool {
        let Attach { channel, modes, after, rewind, is_repeated } = attach;
        if !is_repeated && !self.mailbox.account.take(attachment_size(channel)) {
            session.forget_attachment(channel);
            let refusal = no_room();
            self.refuse_channel(session, channel, refusal.info());
            return false;
        }
        let now = self.state.store.feed().latest_known();
        // Hold both locks until the backlog is queued, so that no message is lost or sent twice.
        let channels = lock(&memory.channels);
        let mut attachments = lock(&memory.attachments);
        let may_continue = self.is_resumed || *is_repeated;
        let missed = after.filter(|_| may_continue).and_then(|after| channels.after(channel, after));
        // A resumable connection was lost at most `connection_state_ttl` ago, so an older serial gives nothing: it
        // would be a way to read history without the operation `history`.
        let ttl = millis(self.state.limits.connection_state_ttl);
        let is_recent = |stored: &Stored| now.millis_since(stored.published_at()) <= ttl;
        let missed = missed.filter(|missed| missed.first().is_none_or(is_recent));
        let is_continued = missed.is_some();
        let backlog = match (missed, rewind) {
            _ if !modes.has(Modes::SUBSCRIBE) => Vec::new(),
            (Some(missed), _) => missed,
            (None, Some((_, rewind))) => rewound(&channels, channel, *rewind, now),
            (None, None) => Vec::new(),
        };
        let has_members = attachments.attach(channel, &self.mailbox, *modes) && modes.has(Modes::PRESENCE_SUBSCRIBE);
        let flag = |is_set: bool, flag: u64| if is_set { flag } else { 0 };
        let flags = modes.flags()
            | flag(is_continued, flags::RESUMED)
            | flag(!backlog.is_empty(), flags::HAS_BACKLOG)
            | flag(has_members, flags::HAS_PRESENCE);
        let serial = channels.serial(now).to_string();
        self.mailbox.send(&Outbound {
            channel: Some(channel),
            channel_serial: Some(&serial),
            flags: Some(flags),
            params: rewind.as_ref().map(|(rewind, _)| Params { rewind }),
            ..Outbound::new(Action::Attached)
        });
        self.send_backlog(channel, &backlog, now);
        if has_members {
            attachments.sync(channel, &self.mailbox);
        }
        true
    }

    /// Sends earlier messages, except the connection's own if it wants no echo.
    fn send_backlog(&self, channel: &str, backlog: &[Stored], now: Timestamp) {
        let own = Some(&*self.mailbox.connection_id);
        let wanted: Vec<_> =
            backlog.iter().filter(|stored| self.mailbox.echo || stored.connection_id() != own).cloned().collect();
        let mut rest = &wanted[..];
        while !rest.is_empty() && !self.mailbox.is_closed() {
            let mut bytes = 0_usize;
            let fits = |stored: &&Stored| {
                bytes = bytes.saturating_add(stored.size());
                bytes <= MAX_MESSAGE_SIZE
            };
            let count = rest.iter().take_while(fits).count().max(1).min(rest.len());
            let (part, later) = rest.split_at(count);
            rest = later;
            if let Some(last) = part.last() {
                self.mailbox.push(message_frame(channel, part, last, None, None, now, self.mailbox.format));
            }
        }
    }

    /// Records a message in the log of the console: one that is granted, or refused with `error`.
    #[cfg(feature = "console")]
    fn record(&self, session: &Session, action: Action, channel: Option<&str>, error: Option<&ErrorInfo>) {
        super::recorder::message(&self.state, session, action, channel, error);
    }

    #[cfg(not(feature = "console"))]
    #[expect(clippy::unused_self, reason = "the console records messages")]
    const fn record(&self, _: &Session, _: Action, _: Option<&str>, _: Option<&ErrorInfo>) {}

    fn detach(&self, session: &Session, memory: &AppMemory, channel: &str, error: Option<&ErrorInfo>) {
        lock(&memory.attachments).detach(channel, &self.mailbox);
        self.mailbox.account.give_back(attachment_size(channel));
        self.leave(memory, channel);
        match error {
            Some(error) => self.refuse_channel(session, channel, error),
            None => {
                self.record(session, Action::Detach, Some(channel), None);
                self.confirm_detached(channel);
            }
        }
    }

    /// Lets the presence members of the connection leave a channel.
    fn leave(&self, memory: &AppMemory, channel: &str) {
        if lock(&self.mailbox.entered).channels.remove(channel) {
            leave(&self.state, memory, &self.mailbox, channel);
        }
    }

    fn confirm_detached(&self, channel: &str) {
        self.mailbox.send(&Outbound { channel: Some(channel), ..Outbound::new(Action::Detached) });
    }

    fn publish(&self, memory: &AppMemory, channel: &str, msg_serial: u64, messages: Vec<Message>) {
        let id = match channels::given_batch_id(&messages) {
            Some(id) => id,
            None => format!("{}:{msg_serial}", self.mailbox.connection_id),
        };
        let now = self.state.clock.now();
        // A client that got no ACK publishes again with the same serial: the same id tells that it is the same message.
        let with_id = |(nth, message): (usize, Message)| message.with_id(|| format!("{id}:{nth}"));
        let messages = messages.into_iter().enumerate().map(with_id).collect();
        let Publication { serials, new } =
            memory.publish(channel, messages, &id, Some(&self.mailbox.connection_id), now);
        lock(&memory.stats).count_messages(new.len(), now);
        self.state.registry.make_room_for_history();
        self.ack(msg_serial, Some(&serials));
    }

    fn ack(&self, msg_serial: u64, serials: Option<&[String]>) {
        self.mailbox.send(&Outbound {
            msg_serial: Some(msg_serial),
            count: Some(1),
            res: serials.map(|serials| [PublishResult { serials }]),
            ..Outbound::new(Action::Ack)
        });
    }

    fn enter(
        &self,
        session: &Session,
        memory: &AppMemory,
        channel: &str,
        msg_serial: u64,
        messages: Vec<(PresenceMessage, Box<str>)>,
    ) {
        let now = self.state.clock.now();
        let id = &self.mailbox.connection_id;
        let messages: Vec<_> = messages
            .into_iter()
            .enumerate()
            .map(|(nth, (message, client_id))| {
                message.of_member(&client_id, id, format!("{id}:{msg_serial}:{nth}"), now)
            })
            .collect();
        let serial = lock(&memory.channels).serial(now).to_string();
        let mut entered = lock(&self.mailbox.entered);
        if entered.is_taken_over {
            // The client gets no answer, and sends the message again on its new socket.
            return;
        }
        let applied = {
            let mut attachments = lock(&memory.attachments);
            let fits = attachments.reserve_presence(channel, &messages, &self.mailbox.account, &self.state.limits);
            fits.map(|()| {
                attachments.apply_presence(channel, &messages, &serial);
                memory.relay_presence(channel, &messages, false);
                attachments.has_members(channel, id)
            })
        };
        match applied {
            Ok(has_members) => {
                if has_members {
                    entered.channels.insert(channel.into());
                } else {
                    entered.channels.remove(channel);
                }
                drop(entered);
                self.record(session, Action::Presence, Some(channel), None);
                self.ack(msg_serial, None);
            }
            Err(refusal) => self.nack(session, Action::Presence, Some(channel), msg_serial, refusal.info()),
        }
    }

    /// Takes over the presence members of the connection that this one resumes. Those leave that the new credential does
    /// not permit.
    pub(super) fn inherit_presence(&self, memory: &AppMemory, former: &Mailbox, capability: &Capability) {
        let inherited = {
            let mut entered = lock(&former.entered);
            entered.is_taken_over = true;
            std::mem::take(&mut entered.channels)
        };
        for channel in inherited {
            let members = lock(&memory.attachments).members_of(&channel, &self.mailbox.connection_id);
            let bytes = total_size(&members);
            if capability.permits(&channel, Operation::Presence) && self.mailbox.account.take(bytes) {
                former.account.give_back(bytes);
                lock(&self.mailbox.entered).channels.insert(channel);
            } else {
                leave(&self.state, memory, former, &channel);
            }
        }
    }
}

/// Returns how many bytes an attachment uses.
pub(super) const fn attachment_size(channel: &str) -> usize {
    ATTACHMENT_BYTES.saturating_add(channel.len().saturating_mul(2))
}

fn no_room() -> Refusal {
    Refusal::overloaded("bytes in use by realtime connections")
}

/// Returns the earlier messages that a client asks for.
fn rewound(channels: &Channels, channel: &str, rewind: Rewind, now: Timestamp) -> Vec<Stored> {
    let (start, limit) = match rewind {
        Rewind::Count(count) => (0, count),
        Rewind::Time(time) => (now.as_millis().saturating_sub(millis(time)), usize::MAX),
    };
    let end = Timestamp::from_millis(u64::MAX);
    let page = Page { start: Timestamp::from_millis(start), end, direction: Direction::Backwards, limit, after: None };
    let (mut messages, _) = channels.history(channel, &page);
    messages.reverse();
    messages
}

/// Removes the presence members of a connection from a channel, and tells the others.
fn leave(state: &State, memory: &AppMemory, mailbox: &Mailbox, channel: &str) {
    let now = state.clock.now();
    let serial = lock(&memory.channels).serial(now).to_string();
    let mut attachments = lock(&memory.attachments);
    let members = attachments.members_of(channel, &mailbox.connection_id);
    let numbered = members.iter().enumerate();
    let left: Vec<_> =
        numbered.map(|(nth, member)| member.left(format_args!("{}:{serial}:{nth}", mailbox.number), now)).collect();
    // In several messages, since a client accepts no longer frames.
    let mut rest = &left[..];
    while !rest.is_empty() {
        let (part, later) = rest.split_at(part_length(rest.iter()));
        attachments.apply_presence(channel, part, &serial);
        memory.relay_presence(channel, part, false);
        rest = later;
    }
    mailbox.account.give_back(total_size(&members));
}

fn total_size(members: &[PresentMember]) -> usize {
    members.iter().map(PresentMember::size).fold(0, usize::saturating_add)
}

/// Lets the presence members of a connection that has ended leave: at once, or, if the client may resume the connection,
/// after the grace time.
pub(super) fn leave_presence(state: Arc<State>, memory: Arc<AppMemory>, mailbox: Arc<Mailbox>, can_resume: bool) {
    if lock(&mailbox.entered).channels.is_empty() {
        return;
    }
    let grace = state.limits.presence_grace;
    let leave_all = move || {
        for channel in std::mem::take(&mut lock(&mailbox.entered).channels) {
            leave(&state, &memory, &mailbox, &channel);
        }
    };
    if !can_resume {
        return leave_all();
    }
    // A client that resumes the connection takes over its members, so that none is left to leave.
    tokio::spawn(async move {
        tokio::time::sleep(grace).await;
        leave_all();
    });
}

/// Returns the moment, by the latest time that the service knows. Refuses to while the clock is wrong.
pub(super) fn moment(state: &State) -> Result<Moment, Refusal> {
    let now = state.clock.now();
    state.check_clock(now)?;
    Ok(Moment { now: state.latest(now), elapsed: state.stopwatch.elapsed() })
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
