//! The relay of realtime events between the services that share a store.

use std::fmt;

use super::Pending;

/// The maximum length of an event in bytes; longer ones are neither sent nor read.
pub(crate) const MAX_EVENT: usize = 1024 * 1024;

/// A relay between the services that share a store: each event that one of them sends reaches all of them.
///
/// A relay may lose events. The services notice that, and ask each other again for what must not be missing. Events of
/// one service arrive in the order in which it sent them. A service may get its own events too, and ignores them. While
/// its server runs, a service sends an event every five seconds at least.
///
/// ```
/// use ably_auth_server::store::{Pending, Relay, Relayed};
///
/// /// A relay of a service that is alone.
/// #[derive(Debug)]
/// struct Alone;
///
/// impl Relay for Alone {
///     fn send(&self, event: Vec<u8>) -> bool {
///         true
///     }
///
///     fn wait_for_room(&self) -> Pending<()> {
///         Pending::ready(())
///     }
///
///     fn receive(&self) -> Pending<Relayed> {
///         Pending::waiting(std::future::pending())
///     }
/// }
/// ```
pub trait Relay: fmt::Debug + Send + Sync + 'static {
    /// Queues an event for all services. Never waits. Returns false if the queue is full; the event is then dropped.
    fn send(&self, event: Vec<u8>) -> bool;

    /// Waits until at least half of the queue is free.
    fn wait_for_room(&self) -> Pending<()>;

    /// Waits for what happens next. Only one task of a service calls this.
    ///
    /// An error means that nothing will happen any more.
    fn receive(&self) -> Pending<Relayed>;
}

/// A thing that happens at a [`Relay`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Relayed {
    /// The service is connected: from now on, it gets events.
    Connected,
    /// The service is not connected any more. It misses events until it is connected again.
    Disconnected,
    /// An event of a service.
    Event(Vec<u8>),
}
