//! The hosts that a connection is opened to.

use http::uri::Authority;

use crate::error::Error;
use crate::exchange::Hosts;
use crate::hosts::Endpoint;
use crate::http_settings::HttpSettings;

/// The hosts that a connection is opened to: that of the endpoint, and its fallbacks (`RTN17`, `REC2`).
///
/// ```
/// use ably_auth::connection::ServiceHosts;
/// use ably_auth::{Endpoint, HttpSettings};
///
/// let hosts = ServiceHosts::new(&Endpoint::default(), &HttpSettings::default())?;
/// # Ok::<(), ably_auth::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ServiceHosts {
    pub(super) is_tls: bool,
    pub(super) primary: Authority,
    pub(super) fallbacks: Vec<Authority>,
}

impl ServiceHosts {
    /// Creates the hosts of `endpoint` by `settings`.
    ///
    /// # Errors
    /// As [`Hosts::new`].
    pub fn new(endpoint: &Endpoint, settings: &HttpSettings) -> Result<Self, Error> {
        let hosts = Hosts::new(endpoint, settings)?;
        let (primary, fallbacks) = (hosts.primary().clone(), hosts.fallbacks().to_vec());
        Ok(Self { is_tls: endpoint.is_tls(), primary, fallbacks })
    }
}
