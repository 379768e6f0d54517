//! `ably-auth connect`

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::shared::{KeyArg, Roots, TokenParams};
use super::values::{self, Span};

#[derive(ClapArgs)]
pub(crate) struct Connect {
    /// Attach to this channel, and print its messages; repeat the option for more channels
    #[arg(long = "channel", value_name = "CHANNEL")]
    pub(crate) channels: Vec<String>,
    /// The service: a URL, a host, or one of Ably's routing policies
    #[arg(long, value_name = "URL", default_value = "main")]
    pub(crate) endpoint: String,
    /// The token; other users of this machine can see it in the list of processes
    #[arg(long, value_name = "TOKEN", conflicts_with_all = ["token_file", "auth_url", "key", "key_file"])]
    pub(crate) token: Option<String>,
    /// A file with the token, or `-` for stdin [env: ABLY_TOKEN, the token itself]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["auth_url", "key", "key_file"])]
    pub(crate) token_file: Option<PathBuf>,
    /// The auth URL of your backend, which gives each token
    #[arg(long, value_name = "URL", conflicts_with_all = ["key", "key_file"])]
    pub(crate) auth_url: Option<String>,
    #[command(flatten)]
    pub(crate) key: KeyArg,
    /// Request tokens with the key [default: only with --ttl, --capability or a clientId of `*`]
    #[arg(long)]
    pub(crate) use_token_auth: bool,
    #[command(flatten)]
    pub(crate) params: TokenParams,
    /// Close the connection after this time: `1h`, `90m`, `30s` [default: at Ctrl-C]
    #[arg(long = "for", value_name = "TIME", value_parser = values::span)]
    pub(crate) duration: Option<Span>,
    #[command(flatten)]
    pub(crate) roots: Roots,
}
