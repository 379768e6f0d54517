//! Requests for the state of connections. A connection computes its state only on request.

use ably_auth_core::{KeyName, Timestamp};
use tokio::sync::mpsc;

use crate::journal::row::CredentialKind;

/// The state of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    pub(crate) number: u64,
    pub(crate) id: Box<str>,
    pub(crate) key: KeyName,
    pub(crate) client_id: Option<Box<str>>,
    pub(crate) credential: CredentialKind,
    pub(crate) opened: Timestamp,
    /// The times of issue and of expiry of a token.
    pub(crate) validity: Option<(Timestamp, Timestamp)>,
    /// The time at which the client is prompted to renew its token.
    pub(crate) prompt_at: Option<Timestamp>,
    pub(crate) is_prompted: bool,
    pub(crate) capability: std::sync::Arc<ably_auth_core::Capability>,
    pub(crate) channels: Vec<Box<str>>,
    pub(crate) presence: Vec<Box<str>>,
    /// The attribute by which a revocation concerns the fewest other tokens; an error with the reason if no attribute suffices.
    pub(crate) target: Result<String, &'static str>,
}

/// The receiver of descriptions. Each connection that is asked has a clone of its sender, which it drops.
pub(crate) type Descriptions = mpsc::Receiver<Description>;
