//! What may stand on the command line.

mod capability;
mod jwt;
mod revoke;
mod serve;
mod token;
mod values;

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};
use clap_complete::Shell;

pub(crate) use capability::{Asked, Capability, Two};
pub(crate) use jwt::Jwt;
pub(crate) use revoke::Revoke;
pub(crate) use serve::{CountOrOff, Keep, Log, LogFormat, LogLevel, RateOrOff, Serve, TrustedHeader};
pub(crate) use token::{Exchange, Try};
pub(crate) use values::Span;

/// Ably credentials at a terminal: inspect, sign, check, exchange, and a token service to try them on.
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
    /// Play the life of a credential against a service on this machine: sign, exchange, publish, be refused, revoke, renew
    Demo,
    /// Serve a token service
    Serve(Box<Serve>),
    /// Look at API keys; make, change and revoke them
    #[command(subcommand)]
    Key(Key),
    /// Make, list and delete apps
    #[command(subcommand)]
    App(App),
    /// Sign and verify token requests
    #[command(subcommand)]
    TokenRequest(TokenRequest),
    /// Mint, look at and verify JWTs
    #[command(subcommand)]
    Jwt(Jwt),
    /// Work with capabilities
    #[command(subcommand)]
    Capability(Capability),
    /// Get tokens, and look at them
    #[command(subcommand)]
    Token(Token),
    /// Revoke tokens
    Revoke(Revoke),
    /// Print what a shell needs to complete these commands
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print a manual page, or write them all
    Man {
        /// The command that it is about, such as `jwt mint` [default: the program itself]
        #[arg(value_name = "COMMAND", conflicts_with = "dir")]
        about: Vec<String>,
        /// Write all of them to this folder, and print their names
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

#[derive(Subcommand)]
pub(crate) enum Key {
    /// Show a key's public parts
    Inspect(KeyArg),
    /// Make up a key that no service knows yet, with a secret of 256 bits, and print it: this is the time to keep it
    Generate {
        /// The app that it is to be of
        app_id: String,
        /// The part of its name after the app's id [default: random]
        #[arg(long, value_name = "ID")]
        key_id: Option<String>,
    },
    /// Make a key, and print it: this is the time to keep it
    Create {
        /// The app that it is to be of
        app_id: String,
        /// What people are to call it
        #[arg(long, value_name = "NAME")]
        name: String,
        /// What it is to permit, as JSON
        #[arg(long, value_name = "JSON")]
        capability: String,
        /// Let its tokens be revoked; they then live for an hour at most
        #[arg(long)]
        revocable_tokens: bool,
        #[command(flatten)]
        control: Control,
    },
    /// List an app's keys, without their secrets
    List {
        /// The app
        app_id: String,
        #[command(flatten)]
        control: Control,
    },
    /// Change a key; tokens that are out stay as they are
    Update {
        /// The key, as `appId.keyId`
        key_name: String,
        /// What people are to call it
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// What it is to permit, as JSON
        #[arg(long, value_name = "JSON")]
        capability: Option<String>,
        /// Whether its tokens can be revoked
        #[arg(long, value_name = "true|false")]
        revocable_tokens: Option<bool>,
        #[command(flatten)]
        control: Control,
    },
    /// Revoke a key and every token made from it, permanently; ask for confirmation first at a terminal
    Revoke {
        /// The key, as `appId.keyId`
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
    /// Make an app, and print its id
    Create {
        /// What people are to call it
        name: String,
        /// The account that it is to be of
        #[arg(long, value_name = "ACCOUNT_ID")]
        account: String,
        #[command(flatten)]
        control: Control,
    },
    /// List an account's apps
    List {
        /// The account
        #[arg(long, value_name = "ACCOUNT_ID")]
        account: String,
        #[command(flatten)]
        control: Control,
    },
    /// Delete an app with its keys and every token made from them, permanently; ask for confirmation first at a terminal
    Delete {
        /// The app
        app_id: String,
        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        control: Control,
    },
}

#[derive(ClapArgs)]
pub(crate) struct Control {
    /// Where the Control API is
    #[arg(long, value_name = "URL", default_value = "https://control.ably.net/v1")]
    pub(crate) control_url: String,
    /// A file with an access token of the Control API, or `-` for stdin [env: ABLY_CONTROL_TOKEN, the token itself]
    /// [default: a prompt at a terminal]
    #[arg(long, value_name = "FILE")]
    pub(crate) control_token: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) roots: Roots,
}

#[derive(ClapArgs)]
pub(crate) struct Roots {
    /// Trust the root certificates in this PEM file too, such as a company's own CA [env: ABLY_CACERT, the file]
    #[arg(long, value_name = "FILE")]
    pub(crate) cacert: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(crate) enum TokenRequest {
    /// Sign a token request and print its JSON
    Sign {
        #[command(flatten)]
        key: KeyArg,
        #[command(flatten)]
        params: TokenParams,
        /// When it is signed, in milliseconds since the epoch [default: now]
        #[arg(long, value_name = "MS", value_parser = values::milliseconds)]
        timestamp: Option<u64>,
        /// At least 16 random characters [default: random]
        #[arg(long, value_name = "TEXT")]
        nonce: Option<String>,
    },
    /// Verify the token request on stdin (JSON): that the key signed it, and that the service would accept it now
    Verify {
        #[command(flatten)]
        key: KeyArg,
        #[command(flatten)]
        now: NowArg,
    },
}

#[derive(Subcommand)]
pub(crate) enum Token {
    /// Get a token for a key, and print its details with the token itself
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
    /// Exchange a signed token request for a token, and print its details with the token itself
    Exchange(Exchange),
    /// Say whether a token may perform an operation on a channel, and why, without asking the service
    Try(Try),
    /// Show what can be told of a token, a JWT, or the JSON of a token's details, without asking whether it is true
    Inspect {
        #[command(flatten)]
        token: TokenArg,
        #[command(flatten)]
        now: NowArg,
    },
}

#[derive(ClapArgs)]
pub(crate) struct NowArg {
    /// The time to check against, in milliseconds since the epoch [default: the system clock]
    #[arg(long, value_name = "MS", value_parser = values::milliseconds)]
    pub(crate) now: Option<u64>,
}

#[derive(ClapArgs)]
pub(crate) struct KeyArg {
    /// The API key, `appId.keyId:secret`; others on this machine may see it here [env: ABLY_API_KEY] [default: asked for at a
    /// terminal]
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    pub(crate) key: Option<String>,
    /// A file with the API key, or `-` for stdin
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    pub(crate) key_file: Option<PathBuf>,
}

#[derive(ClapArgs)]
pub(crate) struct TokenArg {
    /// The token; other users of this machine can see it in the list of processes
    #[arg(value_name = "TOKEN", conflicts_with = "token_file", hide_env = true)]
    pub(crate) token: Option<String>,
    /// A file with the token, or `-` for stdin [env: ABLY_TOKEN, the token itself] [default: stdin; at a terminal, asked for]
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

#[derive(ClapArgs)]
pub(crate) struct TokenParams {
    /// The token's clientId, or `*` for any
    #[arg(long, value_name = "ID")]
    pub(crate) client_id: Option<String>,
    /// The token's lifetime: `1h`, `90m`, `30s`; a bare number is in milliseconds [default: 60 minutes, set by the service]
    #[arg(long, value_name = "TIME", value_parser = values::span)]
    pub(crate) ttl: Option<Span>,
    /// What the token is to permit, as JSON [default: all that the key permits]
    #[arg(long, value_name = "JSON")]
    pub(crate) capability: Option<String>,
}
