//! Our own service, on a port of this machine.

use std::sync::Arc;

use ably_auth::{ApiKey, Clock as _, SystemClock, Timestamp};
use bytes::Bytes;
use http::Request;

use super::driver::{Client, Kind};
use super::setup::Setup;
use super::world::World;
use crate::service::{self, TestService};

/// A service that goes by the real time, and a network that leads to nowhere else.
pub(crate) struct Sandbox {
    service: TestService,
    elsewhere: World,
}

impl Sandbox {
    pub(crate) fn start() -> Self {
        let elsewhere = World::new(|_, request| panic!("nobody is to ask `{}`", request.host()));
        Self { service: TestService::start(), elsewhere }
    }

    /// The service's key: for all in `chat:`, and its tokens can be revoked.
    pub(crate) fn key(&self) -> ApiKey {
        service::key()
    }

    /// The same as a setup.
    pub(crate) fn with_key(&self) -> Setup {
        let key = self.key();
        Setup::key(&format!("{}:{}", key.key_name(), key.secret().expose()))
    }

    /// A request that publishes in that channel.
    pub(crate) fn message_to(&self, channel: &str) -> Request<Bytes> {
        let mut message = service::message();
        *message.uri_mut() = format!("/channels/{channel}/messages").parse().unwrap();
        message
    }

    pub(crate) fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    pub(crate) fn connect(&self, kind: Kind, setup: Setup) -> Arc<dyn Client> {
        let endpoint = self.service.endpoint.to_string();
        let setup = setup.endpoint(&endpoint).basic_on_loopback().by_system_clock();
        kind.connect(&self.elsewhere, &setup)
    }
}
