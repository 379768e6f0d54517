//! `ably-auth connect`: opens a realtime connection, and prints its events.

mod report;

use std::collections::BTreeSet;
use std::time::Duration;

use ably_auth::{ClientId, Token};
use ably_auth_reqwest::Client;
use ably_auth_websocket::{
    Action, Connection, ConnectionEvent, ConnectionOptions, ConnectionState, Event, ProtocolMessage,
};

use super::token::details;
use crate::args::{Connect as Args, KeyArg, TokenArg};
use crate::clock::Stopwatch;
use crate::credential;
use crate::input;
use crate::output::{Failure, Outcome};
use report::Report;

/// The options of the async client, as the command line sets them.
type ClientOptions = ably_auth::ClientOptions<ably_auth::Async>;

pub(crate) fn run(args: Args, json: bool) -> Result<Outcome, Failure> {
    let channels: BTreeSet<String> = args.channels.iter().cloned().collect();
    let time = args.duration.map(|span| input::span("--for", span));
    let options = options(args)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Input(format!("the runtime cannot be started: {error}")))?;
    let outcome = runtime.block_on(follow(options, &channels, time, json));
    // A look-up of a host's name may still run, and cannot be interrupted.
    runtime.shutdown_background();
    outcome
}

/// Returns the options of the client: credentials, endpoint and root certificates.
fn options(args: Args) -> Result<ClientOptions, Failure> {
    let params = input::token_params(&args.params)?;
    let options = ClientOptions::new().endpoint(input::endpoint(&args.endpoint)?).allow_basic_on_loopback(true);
    let options = input::with_roots(options, &args.roots)?;
    // A client cannot be `*`; its token can.
    let options = match params.get_client_id() {
        ClientId::Identified(identity) => options.client_id(identity.clone()),
        ClientId::None | ClientId::Any => options,
    };
    let needs_token = args.use_token_auth
        || params.get_client_id() == &ClientId::Any
        || params.get_ttl().is_some()
        || params.get_capability().is_some();
    let options = options.default_token_params(params);
    if let Some(url) = &args.auth_url {
        return Ok(options.auth_url(&**url));
    }
    let KeyArg { key, key_file } = &args.key;
    let names_token = args.token.is_some() || args.token_file.is_some();
    if names_token || (key.is_none() && key_file.is_none() && credential::variable("ABLY_TOKEN")?.is_some()) {
        let (name, text) = input::token(&TokenArg { token: args.token, token_file: args.token_file })?;
        let details = match text.starts_with('{') {
            true => details::read(&text).map_err(|problem| Failure::input(&name, problem))?,
            false => Token::new(&text).map_err(|error| Failure::input(&name, error))?.into(),
        };
        return Ok(options.token(details));
    }
    Ok(options.key(input::key(args.key)?).use_token_auth(needs_token))
}

/// Opens the connection, and prints its events until it fails, the time is over, or the user presses Ctrl-C.
async fn follow(
    options: ClientOptions,
    channels: &BTreeSet<String>,
    time: Option<Duration>,
    json: bool,
) -> Result<Outcome, Failure> {
    let client = Client::new(options)?;
    let (connection, mut events) = Connection::open(ConnectionOptions::new(client.auth()))?;
    let report = Report { json, watch: Stopwatch::start() };
    let mut end = std::pin::pin!(end(time));
    let mut has_failed = false;
    while !has_failed {
        let event = tokio::select! {
            () = &mut end => break,
            event = events.next() => event,
        };
        let Some(event) = event else { break };
        report.print(&event);
        let Event::Change(change) = event else { continue };
        has_failed = change.current() == ConnectionState::Failed;
        if change.event() == ConnectionEvent::State(ConnectionState::Connected) {
            // In a task of its own: events have to be taken while `send` waits for room.
            tokio::spawn(attach(connection.clone(), channels.clone()));
        }
    }
    connection.close().await;
    drop(connection);
    while let Some(event) = events.next().await {
        report.print(&event);
    }
    Ok(Outcome::shown(!has_failed))
}

/// Attaches to the channels. If the connection is lost meanwhile, the next one attaches.
async fn attach(connection: Connection, channels: BTreeSet<String>) {
    for channel in channels {
        if connection.send(ProtocolMessage::new(Action::Attach).channel(channel)).await.is_err() {
            return;
        }
    }
}

/// Waits for the end: Ctrl-C, or the time of `--for`.
async fn end(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => {
            if tokio::signal::ctrl_c().await.is_err() {
                // Without signals, only the failure of the connection ends the command.
                std::future::pending::<()>().await;
            }
        }
    }
}
