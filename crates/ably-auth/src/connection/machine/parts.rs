//! The parts of the state.

use std::time::Duration;

use ably_auth_core::ErrorInfo;
use ably_auth_core::realtime::ConnectionDetails;
use http::uri::Authority;

use super::super::input::SocketId;
use crate::auth::Credentials;
use crate::clock::Moment;

/// A connection that the service knows.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) id: String,
    pub(super) details: ConnectionDetails,
    /// The steady time at which something arrived last. By the wall clock, a clock that is set forward would end a
    /// connection that can be resumed.
    pub(super) active: Duration,
}

/// A request for credentials.
#[derive(Clone, Debug)]
pub(super) struct Getting {
    pub(super) purpose: Purpose,
    pub(super) until: Moment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To open a socket.
    Open,
    /// To answer an AUTH of the service.
    Renew,
    /// For the application's `authorize`.
    Authorize,
}

#[derive(Clone, Debug)]
pub(super) struct Socket {
    pub(super) id: SocketId,
    pub(super) credentials: Credentials,
    /// The moment at which the socket is given up: CONNECTED is late, or nothing arrives any more.
    pub(super) until: Moment,
}

/// Credentials that the service refused, and why.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    pub(super) credentials: Credentials,
    pub(super) reason: ErrorInfo,
}

/// An attempt to connect, over one or more hosts.
#[derive(Clone, Debug, Default)]
pub(super) struct Attempt {
    /// True if the token was renewed in this attempt because the service refused it.
    pub(super) has_renewed: bool,
    /// The fallback hosts to try. Set by the first failure.
    pub(super) untried: Option<Vec<Authority>>,
    /// A connectivity check that is running.
    pub(super) check: Option<Check>,
}

#[derive(Clone, Debug)]
pub(super) struct Check {
    pub(super) credentials: Credentials,
    /// The reason why the primary host failed.
    pub(super) reason: ErrorInfo,
    pub(super) until: Moment,
}

/// The renewal of the credentials of an open connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Renewal {
    /// The number of AUTHs that the service has not answered.
    pub(super) unanswered: u32,
    /// The credentials of the latest of them.
    pub(super) sent: Option<Credentials>,
    /// The moment at which the answer is late.
    pub(super) until: Option<Moment>,
    /// The moment at which a renewal that failed is tried again.
    pub(super) again_at: Option<Moment>,
}

/// The AUTHs of the service, which ask for a renewal.
#[derive(Clone, Debug, Default)]
pub(super) struct Prompts {
    /// The steady time at which the last renewal began.
    pub(super) last: Option<Duration>,
    /// The number of consecutive renewals that began soon after the one before.
    pub(super) quick: u32,
}

/// The losses of the connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Losses {
    /// The number of attempts that failed since the connection was open.
    pub(super) failures: u32,
    /// The moment since which the client tries to connect without success.
    pub(super) since: Option<Moment>,
    /// The steady time at which the connection opened.
    pub(super) opened: Duration,
    /// The number of consecutive connections that were lost soon after they opened.
    pub(super) quick: u32,
    /// True if the client has entered SUSPENDED since the connection was open.
    pub(super) is_suspended: bool,
}
