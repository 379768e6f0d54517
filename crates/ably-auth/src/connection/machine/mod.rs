//! The state machine of a connection.

use std::time::Duration;

use ably_auth_core::{ErrorInfo, Identity};

use super::hosts::ServiceHosts;
use super::input::Input;
use super::output::Output;
use super::settings::ConnectionSettings;
use super::state::ConnectionState;
use crate::clock::Moment;

/// The state machine of a connection's authentication.
#[derive(Debug)]
pub struct StateMachine {}

impl StateMachine {
    /// Creates the machine of a connection that is not opened yet. `identity` is the client's own. `seed` is a random
    /// number, which decides the order of fallback hosts and the jitter of retries.
    #[must_use]
    pub fn new(settings: ConnectionSettings, hosts: ServiceHosts, identity: Option<Identity>, seed: u64) -> Self {
        let _ = (settings, hosts, identity, seed);
        Self {}
    }

    /// Handles an input, and returns the actions to carry out, in order.
    pub fn handle(&mut self, input: Input, now: Moment) -> Vec<Output> {
        let _ = (input, now);
        Vec::new()
    }

    /// Returns the time until [`Input::Tick`] has something to do, or `None` if only another input has.
    #[must_use]
    pub fn until_tick(&self, now: Moment) -> Option<Duration> {
        let _ = now;
        None
    }

    /// Returns the state (`RTN4d`).
    #[must_use]
    pub fn state(&self) -> ConnectionState {
        ConnectionState::Initialized
    }

    /// Returns the reason of the current state, if it has one (`RTN25`).
    #[must_use]
    pub fn error_reason(&self) -> Option<&ErrorInfo> {
        None
    }

    /// Returns the id of the connection, once it is connected (`RTN8`).
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        None
    }

    /// Returns the secret key of the connection, once it is connected (`RTN9`).
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        None
    }
}
