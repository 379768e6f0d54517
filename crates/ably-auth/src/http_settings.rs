//! HTTP settings: hosts, retries and timeouts.

use std::sync::Arc;
use std::time::Duration;

use http::uri::Authority;

use crate::error::Error;
use crate::hosts;
use crate::tls_roots::TlsRoots;

/// The maximum timeout: 24 hours. HTTP libraries may fail to add a longer time to the current time.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// The HTTP settings of [`ClientOptions`](crate::ClientOptions), which a transport is created with.
///
/// ```
/// use std::time::Duration;
///
/// use ably_auth::HttpSettings;
///
/// let settings = HttpSettings::default();
/// assert_eq!(settings.http_request_timeout(), Duration::from_secs(10));
/// assert_eq!(settings.http_open_timeout(), Duration::from_secs(4));
/// ```
#[derive(Clone, Debug)]
pub struct HttpSettings {
    pub(crate) fallback_hosts: Option<Result<Vec<Authority>, Error>>,
    pub(crate) http_max_retry_count: usize,
    pub(crate) http_max_retry_duration: Duration,
    pub(crate) fallback_retry_timeout: Duration,
    pub(crate) http_request_timeout: Duration,
    pub(crate) http_open_timeout: Duration,
    pub(crate) add_request_ids: bool,
    pub(crate) tls_roots: TlsRoots,
    pub(crate) root_certificates: Vec<Arc<[u8]>>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            fallback_hosts: None,
            http_max_retry_count: 3,
            http_max_retry_duration: Duration::from_secs(15),
            fallback_retry_timeout: Duration::from_secs(10 * 60),
            http_request_timeout: Duration::from_secs(10),
            http_open_timeout: Duration::from_secs(4),
            add_request_ids: false,
            tls_roots: TlsRoots::Mozilla,
            root_certificates: Vec::new(),
        }
    }
}

impl HttpSettings {
    /// Returns the timeout of one attempt of a request, from its start to the last byte of the response (`TO3l4`): at
    /// most a day.
    #[must_use]
    pub fn http_request_timeout(&self) -> Duration {
        self.http_request_timeout.min(LONGEST_TIMEOUT)
    }

    /// Returns the timeout of establishing a connection (`TO3l3`): at most a day.
    #[must_use]
    pub fn http_open_timeout(&self) -> Duration {
        self.http_open_timeout.min(LONGEST_TIMEOUT)
    }

    /// Returns the root certificates that servers are checked with.
    #[must_use]
    pub const fn tls_roots(&self) -> TlsRoots {
        self.tls_roots
    }

    /// Returns the additional root certificates, in PEM.
    pub fn root_certificates(&self) -> impl Iterator<Item = &[u8]> {
        self.root_certificates.iter().map(AsRef::as_ref)
    }

    /// Returns true if the options set the trusted root certificates. A transport that cannot apply them has to refuse
    /// the settings.
    #[must_use]
    pub fn has_own_roots(&self) -> bool {
        self.tls_roots != TlsRoots::default() || !self.root_certificates.is_empty()
    }

    pub(crate) fn set_fallback_hosts(&mut self, texts: impl IntoIterator<Item = impl AsRef<str>>) {
        self.fallback_hosts = Some(texts.into_iter().map(|text| hosts::fallback_host(text.as_ref())).collect());
    }

    /// Returns the fallback hosts that the options set, if they set any.
    pub(crate) fn named_fallback_hosts(&self) -> Result<Option<&[Authority]>, Error> {
        match &self.fallback_hosts {
            None => Ok(None),
            Some(Ok(hosts)) => Ok(Some(hosts)),
            Some(Err(error)) => Err(error.clone()),
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.http_request_timeout.is_zero() || self.http_open_timeout.is_zero() {
            return Err(Error::configuration(
                "invalid timeout: zero leaves no time for a response; set a longer one, or leave it at its default",
            ));
        }
        self.named_fallback_hosts().map(drop)
    }
}
