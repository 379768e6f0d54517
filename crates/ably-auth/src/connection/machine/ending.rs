//! The ends of a connection: closed, failed, suspended.

use ably_auth_core::ErrorInfo;
use ably_auth_core::realtime::{Action, ProtocolMessage};

use super::super::output::Output;
use super::super::state::ConnectionState;
use super::parts::{Attempt, Losses};
use super::{StateMachine, is_of_connection, reason};
use crate::clock::Moment;
use crate::error::Error;

impl StateMachine {
    /// Closes the connection for the application (`RTN12`).
    pub(super) fn close(&mut self, now: Moment) {
        match self.state {
            ConnectionState::Closing | ConnectionState::Closed | ConnectionState::Failed => {}
            ConnectionState::Initialized | ConnectionState::Disconnected | ConnectionState::Suspended => self.closed(),
            ConnectionState::Connecting | ConnectionState::Connected => {
                self.stop_getting();
                self.attempt = Attempt::default();
                self.has_sent_close = false;
                if self.state == ConnectionState::Connected {
                    self.send_close();
                }
                // `RTN8c`
                self.held = None;
                self.enter(ConnectionState::Closing, None, None);
                if self.socket.is_some() {
                    self.closing_until = Some(now.saturating_add(self.settings.realtime_request_timeout));
                } else {
                    self.closed();
                }
            }
        }
    }

    /// Sends CLOSE, once.
    fn send_close(&mut self) {
        if std::mem::replace(&mut self.has_sent_close, true) {
            return;
        }
        self.outputs.push(Output::Send(ProtocolMessage::new(Action::Close)));
    }

    pub(super) fn receive_while_closing(&mut self, message: &ProtocolMessage) {
        match message.action() {
            // The connection was being opened (`RTN12f`).
            Action::Connected => self.send_close(),
            Action::Closed | Action::Error | Action::Disconnected if is_of_connection(message) => self.closed(),
            _ => {}
        }
    }

    /// Enters CLOSED.
    pub(super) fn closed(&mut self) {
        self.abandon();
        self.enter(ConnectionState::Closed, None, None);
        self.authorized(Err(Error::connection(reason::closed())));
    }

    /// Enters FAILED. No retry would help.
    pub(super) fn fail(&mut self, reason: ErrorInfo) {
        self.abandon();
        self.enter(ConnectionState::Failed, Some(reason.clone()), None);
        self.authorized(Err(Error::connection(reason)));
    }

    /// Enters SUSPENDED: the connection is lost for so long that the service has forgotten it (`RTN14e`).
    pub(super) fn suspend(&mut self, reason: ErrorInfo, now: Moment) {
        self.held = None;
        self.losses.is_suspended = true;
        let delay = self.settings.suspended_retry_timeout;
        self.retry_at = Some(now.saturating_add(delay));
        self.enter(ConnectionState::Suspended, Some(reason.clone()), Some(delay));
        self.authorized(Err(Error::connection(reason)));
    }

    /// Cancels all pending work, and forgets the connection.
    pub(super) fn abandon(&mut self) {
        self.stop_getting();
        self.hang_up();
        self.attempt = Attempt::default();
        (self.held, self.retry_at, self.closing_until) = (None, None, None);
        self.losses = Losses::default();
    }

    /// Tells the application the outcome of its `authorize`, if it waits for one.
    pub(super) fn authorized(&mut self, outcome: Result<(), Error>) {
        if std::mem::take(&mut self.is_authorizing) {
            self.outputs.push(Output::Authorized(outcome));
        }
    }
}
