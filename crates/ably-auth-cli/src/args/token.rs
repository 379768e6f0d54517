//! `ably-auth token exchange` and `ably-auth token try`

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::shared::{NowArg, Roots, TokenArg};

#[derive(ClapArgs)]
pub(crate) struct Exchange {
    /// The signed token request, as JSON, or `-` for stdin; other users of this machine can see an argument [default:
    /// stdin]
    #[arg(value_name = "REQUEST", conflicts_with = "request_file")]
    pub(crate) request: Option<String>,
    /// A file with the token request, or `-` for stdin
    #[arg(long, value_name = "FILE")]
    pub(crate) request_file: Option<PathBuf>,
    /// The service: a URL, a host, or one of Ably's routing policies
    #[arg(long, value_name = "URL", default_value = "main")]
    pub(crate) endpoint: String,
    /// Print only the token, for `ABLY_TOKEN=$(…)`
    #[arg(long, conflicts_with = "json")]
    pub(crate) token_only: bool,
    #[command(flatten)]
    pub(crate) roots: Roots,
}

#[derive(ClapArgs)]
pub(crate) struct Try {
    /// The channel, queue or metachannel
    pub(crate) channel: String,
    /// The operation, such as `publish`
    pub(crate) operation: String,
    #[command(flatten)]
    pub(crate) token: TokenArg,
    /// The capability of the key that signed the JWT, as JSON [default: not considered]
    #[arg(long, value_name = "JSON")]
    pub(crate) key_capability: Option<String>,
    #[command(flatten)]
    pub(crate) now: NowArg,
}
