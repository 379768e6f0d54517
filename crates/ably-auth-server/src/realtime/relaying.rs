//! The exchange of realtime events with the other services that share the store.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::peers::Peers;
use super::perform::millis;
use crate::live::relay::{Letter, Outbox, Outgoing};
use crate::ops::metrics::add;
use crate::state::State;
use crate::state::app_memory::AppMemory;
use crate::state::registry::RunningApp;
use crate::store::Relayed;
use crate::sync::lock;

/// The interval at which the passage of time is handled.
const TICK: Duration = Duration::from_millis(100);

/// The minimum time for which the others count a service as present after its last event.
const MIN_LIFE: Duration = Duration::from_secs(1);

/// The number of events in that time, so that a few may be lost.
const EVENTS_IN_LIFE: u32 = 6;

/// The maximum interval between two events of a service.
const MAX_INTERVAL: Duration = Duration::from_secs(5);

/// The size of the members above which an answer continues in the next event, in bytes.
const PART_BYTES: usize = 128 * 1024;

/// Exchanges events with the other services until the future is dropped. Does nothing if the store has no relay.
pub(crate) async fn relay_events(state: Arc<State>) {
    let Some(outbox) = state.outbox.clone() else {
        return;
    };
    let mut peers = Peers::new(Arc::clone(&state), Arc::clone(&outbox));
    let life = state.limits.presence_grace.saturating_mul(2).max(MIN_LIFE);
    let mut announced: Option<Duration> = None;
    let mut last_tick = Duration::ZERO;
    // Dropping it ends an answer.
    let mut answering = JoinSet::new();
    loop {
        match timeout(TICK, outbox.receive()).await {
            Ok(Ok(Relayed::Connected)) => {
                peers.connect(state.stopwatch.elapsed());
                announced = None;
            }
            Ok(Ok(Relayed::Disconnected)) => peers.disconnect(),
            Ok(Ok(Relayed::Event(bytes))) => match Letter::decode(&bytes) {
                Some(letter) => peers.receive(letter, state.stopwatch.elapsed()),
                None => add(&outbox.counts.malformed, 1),
            },
            Ok(Err(_)) => return,
            Err(_) => {}
        }
        let now = state.stopwatch.elapsed();
        if now.saturating_sub(last_tick) < TICK {
            continue;
        }
        last_tick = now;
        peers.tick(now);
        while answering.try_join_next().is_some() {}
        if peers.is_asked && answering.is_empty() {
            peers.is_asked = false;
            answering.spawn(send_members(Arc::clone(&state), Arc::clone(&outbox)));
        }
        let interval = life.checked_div(EVENTS_IN_LIFE).unwrap_or_default().min(MAX_INTERVAL);
        if peers.is_connected() && announced.is_none_or(|announced| now.saturating_sub(announced) >= interval) {
            announced = Some(now);
            outbox.send(&Outgoing::Alive { lasts: millis(life) });
        }
    }
}

/// Tells the other services that this one ends.
pub(crate) fn leave_relay(state: &State) {
    if let Some(outbox) = &state.outbox {
        outbox.send(&Outgoing::Leaving);
    }
}

/// Sends all presence members of this service to the others.
async fn send_members(state: Arc<State>, outbox: Arc<Outbox>) {
    outbox.send(&Outgoing::Begin);
    for app in state.registry.all() {
        let RunningApp { memory, .. } = &*app;
        let members = lock(&memory.attachments).local_members();
        let mut rest = &members[..];
        while !rest.is_empty() {
            // Members that enter, update or leave meanwhile do so in events of their own, which follow.
            if outbox.wait_for_room().await.is_err() {
                return;
            }
            rest = send_part(memory, rest);
        }
    }
    outbox.send(&Outgoing::End);
}

/// The name of a member: its channel, its connection and its client.
pub(crate) type MemberName = (Box<str>, Arc<str>, Box<str>);

/// Sends the first of the members, which are on one channel. Returns the others.
fn send_part<'a>(memory: &AppMemory, members: &'a [MemberName]) -> &'a [MemberName] {
    let (mut part, mut bytes, mut rest) = (Vec::new(), 0_usize, members);
    let attachments = lock(&memory.attachments);
    let channel = members.first().map(|(channel, ..)| &**channel).unwrap_or_default();
    let present = attachments.members(channel);
    while let Some(((of, connection_id, client_id), later)) = rest.split_first() {
        if **of != *channel || bytes > PART_BYTES {
            break;
        }
        rest = later;
        if let Some(member) = present.and_then(|members| members.get(connection_id, client_id)) {
            bytes = bytes.saturating_add(member.size());
            part.push(member.clone());
        }
    }
    memory.relay_presence(channel, &part, true);
    rest
}
