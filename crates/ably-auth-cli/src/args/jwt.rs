//! `ably-auth jwt`

use clap::Subcommand;

use super::shared::{KeyArg, NowArg, TokenArg, TokenParams};
use super::values::{self, Span};

#[derive(Subcommand)]
pub(crate) enum Jwt {
    /// Mint a JWT with a key, and print it
    Mint {
        #[command(flatten)]
        key: KeyArg,
        #[command(flatten)]
        params: TokenParams,
        /// Revocation key, with which a group of tokens can be revoked together
        #[arg(long, value_name = "TEXT")]
        revocation_key: Option<String>,
        /// Channel claim of a channel, or of several with a wildcard; may be repeated
        #[arg(long, value_name = "RESOURCE=TEXT")]
        channel_claim: Vec<String>,
        /// Custom claim, whose VALUE is JSON or else plain text; may be repeated
        #[arg(long, value_name = "NAME=VALUE")]
        claim: Vec<String>,
        /// Maximum messages per second that a connection may publish on a channel, or on each of several; may be
        /// repeated
        #[arg(long, value_name = "RESOURCE=NUMBER")]
        publish_limit: Vec<String>,
        /// Time of issue, in milliseconds since the epoch [default: now]
        #[arg(long, value_name = "MS", value_parser = values::milliseconds)]
        timestamp: Option<u64>,
    },
    /// Show the contents of a JWT, without verifying them
    Inspect {
        #[command(flatten)]
        token: TokenArg,
        #[command(flatten)]
        now: NowArg,
    },
    /// Verify that the key signed a JWT, and that the JWT is valid now
    Verify {
        #[command(flatten)]
        key: KeyArg,
        #[command(flatten)]
        token: TokenArg,
        /// Accepted clock difference between the issuer and this machine, for `iat`, `nbf` and `exp`: `2s`; a bare number
        /// is in milliseconds [default: as the service, 2s for `iat` and `nbf`, none for `exp`]
        #[arg(long, value_name = "TIME", value_parser = values::span)]
        leeway: Option<Span>,
        #[command(flatten)]
        now: NowArg,
    },
}
