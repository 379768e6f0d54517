//! The real service, on a local port.

use std::sync::Arc;

use ably_auth::{ApiKey, Clock as _, SystemClock, Timestamp};
use bytes::Bytes;
use http::Request;

use super::driver::{Client, Kind};
use super::setup::Setup;
use super::world::World;
use crate::service::{self, TestService};

/// A service with the real time, and a network in which no other host may be called.
pub(crate) struct Sandbox {
    service: TestService,
    elsewhere: World,
}

impl Sandbox {
    pub(crate) fn start() -> Self {
        let elsewhere = World::new(|_, request| panic!("unexpected request to `{}`", request.host()));
        Self { service: TestService::start(), elsewhere }
    }

    /// Returns the service's key, which has all rights in `chat:*` and revocable tokens.
    pub(crate) fn key(&self) -> ApiKey {
        service::key()
    }

    /// Returns a setup with the service's key.
    pub(crate) fn with_key(&self) -> Setup {
        let key = self.key();
        Setup::key(&format!("{}:{}", key.key_name(), key.secret().expose()))
    }

    /// Returns a request that publishes in a channel.
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
