//! Conversion of a setup into the options of each client.

use std::sync::Arc;

use ably_auth::sources::AuthCallbackAnswer;
use ably_auth::{Async, AuthMethod, AuthOptions, AuthUrl, Blocking, ClientOptions, Endpoint, Mode, TokenParams};

use super::setup::{AuthCallback, AuthSetup, AuthUrlSetup, Setup};
use super::world::World;

/// A client mode, with its kind of auth callback.
pub(super) trait TakesCallback: Mode {
    fn of_auth(options: AuthOptions<Self>, callback: AuthCallback) -> AuthOptions<Self>
    where
        Self: Sized;
    fn of_client(options: ClientOptions<Self>, callback: AuthCallback) -> ClientOptions<Self>
    where
        Self: Sized;
}

impl TakesCallback for Async {
    fn of_auth(options: AuthOptions<Self>, callback: AuthCallback) -> AuthOptions<Self> {
        options.auth_callback(awaited(callback))
    }

    fn of_client(options: ClientOptions<Self>, callback: AuthCallback) -> ClientOptions<Self> {
        options.auth_callback(awaited(callback))
    }
}

fn awaited(callback: AuthCallback) -> impl ably_auth::sources::AuthCallback {
    move |params: TokenParams| {
        let callback = callback.clone();
        async move { callback.call(&params) }
    }
}

impl TakesCallback for Blocking {
    fn of_auth(options: AuthOptions<Self>, callback: AuthCallback) -> AuthOptions<Self> {
        options
            .auth_callback(move |params: &TokenParams| -> Result<AuthCallbackAnswer, String> { callback.call(params) })
    }

    fn of_client(options: ClientOptions<Self>, callback: AuthCallback) -> ClientOptions<Self> {
        options
            .auth_callback(move |params: &TokenParams| -> Result<AuthCallbackAnswer, String> { callback.call(params) })
    }
}

fn auth_url(setup: &AuthUrlSetup) -> AuthUrl {
    let method = if setup.post { AuthMethod::Post } else { AuthMethod::Get };
    let headers = setup.headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    AuthUrl::new(&setup.url)
        .unwrap()
        .auth_method(method)
        .auth_headers(headers.collect())
        .auth_params(setup.params.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

macro_rules! with_auth {
    ($options:expr, $auth:expr, $callback:path) => {{
        let (mut options, auth): (_, &AuthSetup) = ($options, $auth);
        if let Some(key) = &auth.key {
            options = options.key(key);
        }
        if let Some(token) = &auth.token {
            options = options.token(token.clone());
        }
        if let Some(callback) = &auth.callback {
            options = $callback(options, callback.clone());
        }
        if let Some(setup) = &auth.auth_url {
            options = options.auth_url(auth_url(setup));
        }
        if let Some(use_token_auth) = auth.use_token_auth {
            options = options.use_token_auth(use_token_auth);
        }
        options.query_time(auth.query_time)
    }};
}

pub(super) fn auth_options<M: TakesCallback>(auth: &AuthSetup) -> AuthOptions<M> {
    with_auth!(AuthOptions::new(), auth, M::of_auth)
}

pub(super) fn client_options<M: TakesCallback>(world: &World, setup: &Setup) -> ClientOptions<M> {
    let mut options = with_auth!(ClientOptions::new(), &setup.auth, M::of_client);
    let endpoint = setup.endpoint.as_deref().map_or_else(Endpoint::default, |text| Endpoint::parse(text).unwrap());
    let is_tls = endpoint.is_tls() && !setup.no_tls;
    options = options
        .endpoint(endpoint.with_tls(is_tls))
        .allow_basic_on_loopback(setup.basic_on_loopback)
        .add_request_ids(setup.add_request_ids);
    if !setup.by_system_clock {
        options = options.clock(Arc::new(world.clock.clone()));
    }
    if let Some(client_id) = &setup.client_id {
        options = options.client_id(client_id);
    }
    if let Some(params) = &setup.default_token_params {
        options = options.default_token_params(params.clone());
    }
    if let Some(hosts) = &setup.fallback_hosts {
        options = options.fallback_hosts(hosts);
    }
    if let Some(count) = setup.max_retries {
        options = options.http_max_retry_count(count);
    }
    if let Some(timeout) = setup.request_timeout {
        options = options.http_request_timeout(timeout);
    }
    if let Some(timeout) = setup.open_timeout {
        options = options.http_open_timeout(timeout);
    }
    if let Some(timeout) = setup.fallback_retry_timeout {
        options = options.fallback_retry_timeout(timeout);
    }
    options
}
