//! `ably-auth capability`

use clap::{Args as ClapArgs, Subcommand};

#[derive(Subcommand)]
pub(crate) enum Capability {
    /// Print a capability's canonical text
    Format {
        /// The capability's JSON, or `-` for stdin
        #[arg(value_name = "JSON")]
        capability: String,
    },
    /// Print what two capabilities have in common
    Intersect(Two),
    /// Print what two capabilities permit together
    Union(Two),
    /// Print the shortest capability that permits the same
    Minimal {
        /// The capability's JSON, or `-` for stdin
        #[arg(value_name = "JSON")]
        capability: String,
    },
    /// Say whether a capability permits an operation on a resource
    Check(Asked),
    /// Say why a capability permits an operation on a resource, or what it lacks
    Explain(Asked),
    /// Say whether one capability permits all that another does, and if not, what it lacks
    Cover(Two),
    /// Draw a capability as a table, or what a token would get that asks for it
    Table {
        /// The capability's JSON, or `-` for stdin
        #[arg(value_name = "JSON")]
        capability: String,
        /// What the key permits of which it is asked, as JSON
        #[arg(long, value_name = "JSON")]
        key_capability: Option<String>,
    },
}

#[derive(ClapArgs)]
pub(crate) struct Two {
    /// The one capability's JSON, or `-` for stdin
    pub(crate) a: String,
    /// The other capability's JSON, or `-` for stdin
    pub(crate) b: String,
}

#[derive(ClapArgs)]
pub(crate) struct Asked {
    /// The capability's JSON, or `-` for stdin
    #[arg(value_name = "JSON")]
    pub(crate) capability: String,
    /// The channel, queue or metachannel
    #[arg(value_name = "RESOURCE", required_unless_present = "resource", conflicts_with = "resource")]
    pub(crate) at: Option<String>,
    /// The operation, such as `publish`
    #[arg(value_name = "OPERATION", required_unless_present = "operation", conflicts_with = "operation")]
    pub(crate) to: Option<String>,
    /// The channel, queue or metachannel, in place of the argument RESOURCE
    #[arg(long, value_name = "RESOURCE")]
    pub(crate) resource: Option<String>,
    /// The operation, in place of the argument OPERATION
    #[arg(long, value_name = "OPERATION")]
    pub(crate) operation: Option<String>,
}
