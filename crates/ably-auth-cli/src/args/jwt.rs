//! `ably-auth jwt`

use clap::Subcommand;

use super::{KeyArg, NowArg, Span, TokenArg, TokenParams, values};

#[derive(Subcommand)]
pub(crate) enum Jwt {
    /// Mint a JWT with a key, and print it
    Mint {
        #[command(flatten)]
        key: KeyArg,
        #[command(flatten)]
        params: TokenParams,
        /// By what it can be revoked together with others
        #[arg(long, value_name = "TEXT")]
        revocation_key: Option<String>,
        /// What the holder may show on a channel, or on several with a wildcard; may be repeated
        #[arg(long, value_name = "RESOURCE=TEXT")]
        channel_claim: Vec<String>,
        /// Another claim, whose VALUE is JSON or else plain text; may be repeated
        #[arg(long, value_name = "NAME=VALUE")]
        claim: Vec<String>,
        /// How many messages a second a connection may publish on a channel, or on each of several; may be repeated
        #[arg(long, value_name = "RESOURCE=NUMBER")]
        publish_limit: Vec<String>,
        /// When it is issued, in milliseconds since the epoch [default: now]
        #[arg(long, value_name = "MS", value_parser = values::milliseconds)]
        timestamp: Option<u64>,
    },
    /// Show what a JWT says, without asking whether it is true
    Inspect {
        #[command(flatten)]
        token: TokenArg,
        #[command(flatten)]
        now: NowArg,
    },
    /// Verify that a JWT is signed with the key, and valid now
    Verify {
        #[command(flatten)]
        key: KeyArg,
        #[command(flatten)]
        token: TokenArg,
        /// The clock difference to accept between the issuer and this machine: `2s`; a bare number is in milliseconds
        #[arg(long, value_name = "TIME", value_parser = values::span, default_value = "0")]
        leeway: Span,
        #[command(flatten)]
        now: NowArg,
    },
}
