//! What may stand on the command line.

mod capability;
mod jwt;
mod revoke;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};
use clap_complete::Shell;

pub(crate) use capability::{Asked, Capability, Two};
pub(crate) use jwt::Jwt;
pub(crate) use revoke::Revoke;

/// Ably credentials at a terminal: inspect, sign, check, exchange, and a token service to try them on.
///
/// Exit status: 0 yes or done, 1 a negative answer (refused, not valid, nothing in common), 2 bad usage or input.
#[derive(Parser)]
#[command(name = "ably-auth", version, arg_required_else_help = true)]
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
    Serve(Serve),
    /// Look at API keys; make, change and revoke them
    #[command(subcommand)]
    Key(Key),
    /// Make apps
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

#[derive(ClapArgs)]
pub(crate) struct Serve {
    /// Where to listen; port 0 picks a free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8484")]
    pub(crate) listen: SocketAddr,
    /// A JSON file of apps and their keys
    #[arg(long, value_name = "FILE")]
    pub(crate) apps: Option<PathBuf>,
    /// For this machine only: take keys without TLS (else they are taken over TLS only), and let clients make and delete apps
    #[arg(long)]
    pub(crate) sandbox: bool,
    /// Open the Control API, under /v1, to whoever has the access token in this file; over TLS or in a sandbox only
    #[arg(long, value_name = "FILE")]
    pub(crate) control_token: Option<PathBuf>,
    /// Speak TLS, with the certificate in this PEM file and those that lead from it to its root; keys are then taken too
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The certificate's private key, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Speak TLS in a sandbox, with a new certificate for localhost, 127.0.0.1 and ::1, and write it to this file for
    /// clients to trust
    #[arg(long, value_name = "FILE", requires = "sandbox", conflicts_with = "tls_cert")]
    pub(crate) tls_self_signed: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) keep: Keep,
}

#[derive(ClapArgs)]
pub(crate) struct Keep {
    /// Keep in this folder what must not be forgotten (used nonces, revocations, large tokens, keys and apps made over the
    /// API, the secret that seals tokens), over restarts and crashes; without it and --redis, it is kept in memory
    #[arg(long, value_name = "DIR", conflicts_with = "redis")]
    pub(crate) data: Option<PathBuf>,
    /// Share it with other services over this Redis or Valkey: `redis://host:port`, or `rediss://host:port` for TLS; a URL
    /// with a password is better kept in the environment
    #[arg(long, value_name = "URL", env = "ABLY_AUTH_REDIS", hide_env_values = true)]
    pub(crate) redis: Option<String>,
    /// If Redis is empty, it is new and has lost nothing: take token requests at once, not after 2 minutes
    #[arg(long, requires = "redis")]
    pub(crate) redis_is_new: bool,
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
    /// Revoke a key for good, and with it every token made from it
    Revoke {
        /// The key, as `appId.keyId`
        key_name: String,
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
}

#[derive(ClapArgs)]
pub(crate) struct Control {
    /// Where the Control API is
    #[arg(long, value_name = "URL", default_value = "https://control.ably.net/v1")]
    pub(crate) control_url: String,
    /// A file with an access token of the Control API [env: ABLY_CONTROL_TOKEN, the token itself]
    #[arg(long, value_name = "FILE")]
    pub(crate) control_token: Option<PathBuf>,
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
        #[arg(long, value_name = "MS")]
        timestamp: Option<u64>,
        /// At least 16 random characters [default: random]
        #[arg(long, value_name = "TEXT")]
        nonce: Option<String>,
    },
    /// Verify the token request whose JSON is on stdin
    Verify(KeyArg),
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
    },
    /// Show what can be told of a token, a JWT, or the JSON of a token's details, without asking whether it is true
    Inspect {
        #[command(flatten)]
        token: TokenArg,
        /// What time it is taken to be, in milliseconds since the epoch [default: now]
        #[arg(long, value_name = "MS")]
        now: Option<u64>,
    },
}

#[derive(ClapArgs)]
pub(crate) struct KeyArg {
    /// The API key, `appId.keyId:secret` [env: ABLY_API_KEY]
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    pub(crate) key: Option<String>,
    /// A file with the API key
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    pub(crate) key_file: Option<PathBuf>,
}

#[derive(ClapArgs)]
pub(crate) struct TokenArg {
    /// A file with the token, or `-` for stdin [env: ABLY_TOKEN, the token itself] [default: stdin]
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

#[derive(ClapArgs)]
pub(crate) struct TokenParams {
    /// The identity that the token is to confer, or `*` for any
    #[arg(long, value_name = "ID")]
    pub(crate) client_id: Option<String>,
    /// How long the token is to live, in milliseconds [default: the service's, 60 minutes]
    #[arg(long, value_name = "MS")]
    pub(crate) ttl: Option<u64>,
    /// What the token is to permit, as JSON [default: all that the key permits]
    #[arg(long, value_name = "JSON")]
    pub(crate) capability: Option<String>,
}
