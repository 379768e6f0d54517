//! Arguments that several commands have.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::values::{self, Span};

#[derive(ClapArgs)]
pub(crate) struct Control {
    /// URL of the Control API
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
    /// Also trust the root certificates in this PEM file, such as a company's own CA [env: ABLY_CACERT, the file]
    #[arg(long, value_name = "FILE")]
    pub(crate) cacert: Option<PathBuf>,
}

#[derive(ClapArgs)]
pub(crate) struct NowArg {
    /// The time to check against, in milliseconds since the epoch [default: the system clock]
    #[arg(long, value_name = "MS", value_parser = values::milliseconds)]
    pub(crate) now: Option<u64>,
}

#[derive(ClapArgs)]
pub(crate) struct KeyArg {
    /// The API key, `appId.keyId:secret`; other users of this machine can see it in the list of processes [env:
    /// ABLY_API_KEY] [default: a prompt at a terminal]
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
    /// A file with the token, or `-` for stdin [env: ABLY_TOKEN, the token itself] [default: a prompt at a terminal,
    /// else stdin]
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

#[derive(ClapArgs)]
pub(crate) struct TokenParams {
    /// clientId of the token, or `*` for any
    #[arg(long, value_name = "ID")]
    pub(crate) client_id: Option<String>,
    /// Lifetime of the token: `1h`, `90m`, `30s`; a bare number is in milliseconds [default: 60 minutes, set by the
    /// service]
    #[arg(long, value_name = "TIME", value_parser = values::span)]
    pub(crate) ttl: Option<Span>,
    /// Capability of the token, as JSON [default: the key's capability]
    #[arg(long, value_name = "JSON")]
    pub(crate) capability: Option<String>,
}
