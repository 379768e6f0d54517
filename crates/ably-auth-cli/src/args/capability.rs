//! `ably-auth capability`

use clap::{Args as ClapArgs, Subcommand};

#[derive(Subcommand)]
pub(crate) enum Capability {
    /// Print the canonical text of a capability
    Format {
        /// The capability's JSON, or `-` for stdin
        #[arg(value_name = "JSON")]
        capability: String,
    },
    /// Print the intersection of two capabilities
    Intersect(TwoCapabilities),
    /// Print the union of two capabilities
    Union(TwoCapabilities),
    /// Print the shortest capability that permits the same
    Minimal {
        /// The capability's JSON, or `-` for stdin
        #[arg(value_name = "JSON")]
        capability: String,
    },
    /// Check whether a capability permits an operation on a resource
    Check(Query),
    /// Explain why a capability permits an operation on a resource, or why not
    Explain(Query),
    /// Check whether capability A permits everything that B permits, and list what A lacks
    Cover(TwoCapabilities),
    /// Draw a capability as a table, or compare it with the capability of a key
    Table {
        /// The capability's JSON, or `-` for stdin
        #[arg(value_name = "JSON")]
        capability: String,
        /// Capability of the key that issues the token, as JSON
        #[arg(long, value_name = "JSON")]
        key_capability: Option<String>,
    },
}

#[derive(ClapArgs)]
pub(crate) struct TwoCapabilities {
    /// Capability A, as JSON, or `-` for stdin
    pub(crate) a: String,
    /// Capability B, as JSON, or `-` for stdin
    pub(crate) b: String,
}

#[derive(ClapArgs)]
pub(crate) struct Query {
    /// The capability's JSON, or `-` for stdin
    #[arg(value_name = "JSON")]
    pub(crate) capability: String,
    /// The channel, queue or metachannel
    #[arg(value_name = "RESOURCE", required_unless_present = "resource", conflicts_with = "resource")]
    pub(crate) at: Option<String>,
    /// The operation, such as `publish`
    #[arg(value_name = "OPERATION", required_unless_present = "operation", conflicts_with = "operation")]
    pub(crate) to: Option<String>,
    /// The channel, queue or metachannel, instead of the argument RESOURCE
    #[arg(long, value_name = "RESOURCE")]
    pub(crate) resource: Option<String>,
    /// The operation, instead of the argument OPERATION
    #[arg(long, value_name = "OPERATION")]
    pub(crate) operation: Option<String>,
}
