//! `ably-auth revoke`

use clap::Args as ClapArgs;

use super::shared::{KeyArg, Roots};
use super::values;

#[derive(ClapArgs)]
pub(crate) struct Revoke {
    /// Targets: `clientId:…`, `revocationKey:…`, or `channel:…` for tokens that name that resource; at most 100
    #[arg(value_name = "TYPE:VALUE", required = true)]
    pub(crate) targets: Vec<String>,
    /// Revoke only tokens issued before this time, in milliseconds since the epoch, at most 1 hour ago [default: now]
    #[arg(long, value_name = "MS", value_parser = values::milliseconds)]
    pub(crate) issued_before: Option<u64>,
    /// Keep the tokens valid for 30 seconds more, so that clients can renew them without a gap
    #[arg(long)]
    pub(crate) allow_reauth_margin: bool,
    /// The service: a URL, a host, or one of Ably's routing policies
    #[arg(long, value_name = "URL", default_value = "main")]
    pub(crate) endpoint: String,
    #[command(flatten)]
    pub(crate) key: KeyArg,
    #[command(flatten)]
    pub(crate) roots: Roots,
}
