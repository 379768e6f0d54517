//! The effects of a session's events.

use std::time::Duration;

use ably_auth_core::{ErrorInfo, Timestamp, Token};

use crate::channels::presence::PresenceMessage;
use crate::channels::{Message, Place};
use crate::live::protocol::{Action, Modes};

/// The maximum number of messages that an attachment rewinds.
const MAX_REWIND: usize = 100;

/// A moment, by the service's clock and by its stopwatch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) now: Timestamp,
    pub(crate) elapsed: Duration,
}

/// An action that the connection performs after an event.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Send a HEARTBEAT with the id of the client's.
    Heartbeat(Box<str>),
    /// Send AUTH, so that the client renews its token.
    Prompt,
    /// Verify a token that the client presents; the result is for [`Session::reauthenticate`].
    Verify(Token),
    /// Send CONNECTED again, with the details of the new credential.
    Connected,
    Attach(Attach),
    /// Change the modes of an attachment.
    SetModes {
        channel: Box<str>,
        modes: Modes,
    },
    /// Detach, and send DETACHED, or ERROR if the attachment is no longer permitted.
    Detach {
        channel: Box<str>,
        error: Option<ErrorInfo>,
    },
    /// Send DETACHED to a client that is not attached.
    ConfirmDetached {
        channel: Box<str>,
    },
    /// Send an ERROR that concerns only a channel.
    RefuseChannel {
        channel: Box<str>,
        error: ErrorInfo,
    },
    /// Publish messages, and send ACK.
    Publish {
        channel: Box<str>,
        msg_serial: u64,
        messages: Vec<Message>,
    },
    /// Apply presence messages, each with its client, and send ACK.
    Enter {
        channel: Box<str>,
        msg_serial: u64,
        messages: Vec<(PresenceMessage, Box<str>)>,
    },
    /// Send the presence members of a channel.
    Sync {
        channel: Box<str>,
    },
    /// Send NACK to a message with this action.
    Refuse {
        action: Action,
        channel: Option<Box<str>>,
        msg_serial: u64,
        error: ErrorInfo,
    },
    End(Ending),
}

/// The end of a connection.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ending {
    /// The client asked for it: CLOSED.
    Closed,
    /// The client may connect again: DISCONNECTED.
    Disconnected(ErrorInfo),
    /// The client must not connect again without a change: ERROR.
    Failed(ErrorInfo),
    /// The socket was lost, or the client resumed the connection on another one. Nothing is sent.
    Lost,
}

/// An attachment to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attach {
    pub(crate) channel: Box<str>,
    pub(crate) modes: Modes,
    /// The place of the last message that the client has seen, if it says so.
    pub(crate) after: Option<Place>,
    /// The earlier messages that the client wants if it does not continue.
    pub(crate) rewind: Option<(Box<str>, Rewind)>,
    /// True if the connection was attached already.
    pub(crate) is_repeated: bool,
}

/// Earlier messages that a client asks for: the last ones, or those of the last time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rewind {
    Count(usize),
    Time(Duration),
}

impl Rewind {
    /// Reads a number of messages such as `10`, or a time such as `15s` or `2m`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let number = |digits: &str, factor: u64| {
            let seconds = digits.parse::<u64>().ok().filter(|number| *number > 0)?.saturating_mul(factor);
            Some(Self::Time(Duration::from_secs(seconds)))
        };
        match (text.strip_suffix('s'), text.strip_suffix('m')) {
            (Some(seconds), _) => number(seconds, 1),
            (_, Some(minutes)) => number(minutes, 60),
            _ => text.parse().ok().filter(|count| *count > 0).map(|count: usize| Self::Count(count.min(MAX_REWIND))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rewind_is_a_count_or_a_time() {
        for (text, expected) in [
            ("1", Some(Rewind::Count(1))),
            ("1000", Some(Rewind::Count(MAX_REWIND))),
            ("15s", Some(Rewind::Time(Duration::from_secs(15)))),
            ("2m", Some(Rewind::Time(Duration::from_secs(120)))),
            ("0", None),
            ("0s", None),
            ("-1", None),
            ("2h", None),
            ("s", None),
            ("", None),
        ] {
            assert_eq!(Rewind::parse(text), expected, "{text}");
        }
    }
}
