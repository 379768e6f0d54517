//! Command-line arguments.

mod capability;
mod connect;
mod jwt;
mod revoke;
mod serve;
mod shared;
mod token;
mod values;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use clap_complete::Shell;

pub(crate) use capability::{Capability, Query, TwoCapabilities};
pub(crate) use connect::Connect;
pub(crate) use jwt::Jwt;
pub(crate) use revoke::Revoke;
pub(crate) use serve::{CountOrOff, Log, LogFormat, LogLevel, RateOrOff, Serve, Store, TrustedHeader};
pub(crate) use shared::{Control, KeyArg, NowArg, Roots, TokenArg, TokenParams};
pub(crate) use token::{Exchange, Try};
pub(crate) use values::Span;

/// Inspect, sign, verify and exchange Ably credentials, and serve a token service
#[derive(Parser)]
#[command(name = "ably-auth", version, arg_required_else_help = true, max_term_width = 100)]
pub(crate) struct Args {
    /// Print JSON, for scripts
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Play the lifecycle of a credential against a local service: sign, exchange, publish, be refused, revoke, renew
    Demo,
    /// Serve a local Ably for development and tests, or a token service
    Serve(Box<Serve>),
    /// Open a realtime connection, and print its states, renewals, refusals and messages as they happen
    Connect(Box<Connect>),
    /// Inspect, generate, create, list, update and revoke API keys
    #[command(subcommand)]
    Key(Key),
    /// Create, list and delete apps
    #[command(subcommand)]
    App(App),
    /// Sign and verify token requests
    #[command(subcommand)]
    TokenRequest(TokenRequest),
    /// Mint, inspect and verify JWTs
    #[command(subcommand)]
    Jwt(Jwt),
    /// Format, combine, check, explain and draw capabilities
    #[command(subcommand)]
    Capability(Capability),
    /// Request, exchange, try and inspect tokens
    #[command(subcommand)]
    Token(Token),
    /// Revoke tokens
    Revoke(Revoke),
    /// Check that the service on this machine is ready, such as for a container's health check
    Health {
        /// The --admin address of the service; an address such as 0.0.0.0 stands for this machine
        #[arg(long, value_name = "ADDR:PORT", value_parser = values::address, env = "ABLY_AUTH_ADMIN", default_value = "127.0.0.1:8485")]
        admin: SocketAddr,
    },
    /// Generate shell completions
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print a manual page, or write all pages to a folder
    Man {
        /// The command to describe, such as `jwt mint` [default: the program itself]
        #[arg(value_name = "COMMAND", conflicts_with = "dir")]
        about: Vec<String>,
        /// Write all pages to this folder, and print their names
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

#[derive(Subcommand)]
pub(crate) enum Key {
    /// Show the public parts of a key
    Inspect(KeyArg),
    /// Generate a key with a 256-bit secret, without contacting a service, and print it (shown once; save it now)
    Generate {
        /// App ID
        app_id: String,
        /// Key ID, the part of the key name after the app ID [default: random]
        #[arg(long, value_name = "ID")]
        key_id: Option<String>,
    },
    /// Create a key, and print it (shown once; save it now)
    Create {
        /// App ID
        app_id: String,
        /// Display name
        #[arg(long, value_name = "NAME")]
        name: String,
        /// Capability of the key, as JSON
        #[arg(long, value_name = "JSON")]
        capability: String,
        /// Make the key's tokens revocable; they then live for at most 1 hour
        #[arg(long)]
        revocable_tokens: bool,
        #[command(flatten)]
        control: Control,
    },
    /// List the keys of an app, without their secrets
    List {
        /// App ID
        app_id: String,
        #[command(flatten)]
        control: Control,
    },
    /// Update a key; tokens that are already issued do not change
    Update {
        /// Key name, `appId.keyId`
        key_name: String,
        /// Display name
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Capability of the key, as JSON
        #[arg(long, value_name = "JSON")]
        capability: Option<String>,
        /// Set whether the key's tokens are revocable
        #[arg(long, value_name = "true|false")]
        revocable_tokens: Option<bool>,
        #[command(flatten)]
        control: Control,
    },
    /// Revoke a key and all tokens made from it permanently, after a confirmation at a terminal
    Revoke {
        /// Key name, `appId.keyId`
        key_name: String,
        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        control: Control,
    },
}

#[derive(Subcommand)]
pub(crate) enum App {
    /// Create an app, and print its ID
    Create {
        /// Display name
        name: String,
        /// Account ID
        #[arg(long, value_name = "ACCOUNT_ID")]
        account: String,
        #[command(flatten)]
        control: Control,
    },
    /// List the apps of an account
    List {
        /// Account ID
        #[arg(long, value_name = "ACCOUNT_ID")]
        account: String,
        #[command(flatten)]
        control: Control,
    },
    /// Delete an app, its keys and all tokens made from them permanently, after a confirmation at a terminal
    Delete {
        /// App ID
        app_id: String,
        /// Do not ask for confirmation; without a terminal to ask at, this is needed
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        control: Control,
    },
}

#[derive(Subcommand)]
pub(crate) enum TokenRequest {
    /// Sign a token request, and print it as JSON
    Sign {
        #[command(flatten)]
        key: KeyArg,
        #[command(flatten)]
        params: TokenParams,
        /// Timestamp, in milliseconds since the epoch [default: now]
        #[arg(long, value_name = "MS", value_parser = values::milliseconds)]
        timestamp: Option<u64>,
        /// Nonce of at least 16 random characters [default: random]
        #[arg(long, value_name = "TEXT")]
        nonce: Option<String>,
    },
    /// Verify that the key signed the token request on stdin (JSON), and that the service would accept it now
    Verify {
        #[command(flatten)]
        key: KeyArg,
        #[command(flatten)]
        now: NowArg,
    },
}

#[derive(Subcommand)]
pub(crate) enum Token {
    /// Request a token with a key, and print its details, including the token
    Request {
        /// The service: a URL, a host, or one of Ably's routing policies
        #[arg(long, value_name = "URL", default_value = "main")]
        endpoint: String,
        #[command(flatten)]
        key: KeyArg,
        #[command(flatten)]
        params: TokenParams,
        /// Print only the token, for `ABLY_TOKEN=$(…)`
        #[arg(long, conflicts_with = "json")]
        token_only: bool,
        #[command(flatten)]
        roots: Roots,
    },
    /// Exchange a signed token request for a token, and print its details, including the token
    Exchange(Exchange),
    /// Explain whether a token permits an operation on a channel, without contacting the service
    Try(Try),
    /// Show the contents of a token, a JWT or the JSON of a token's details, without verifying them
    Inspect {
        #[command(flatten)]
        token: TokenArg,
        #[command(flatten)]
        now: NowArg,
    },
}
