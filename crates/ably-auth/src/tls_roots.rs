//! The root certificates by which servers are trusted.

/// The root certificates by which a client trusts servers. Certificates of
/// [`add_root_certificates`](crate::ClientOptions::add_root_certificates) are trusted in addition.
///
/// ```
/// use ably_auth::{Async, ClientOptions, TlsRoots};
///
/// let options = ClientOptions::<Async>::new().tls_roots(TlsRoots::System);
/// assert_eq!(options.get_http_settings().tls_roots(), TlsRoots::System);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TlsRoots {
    /// Mozilla's root certificates, which are compiled in: the same on every machine.
    #[default]
    Mozilla,
    /// The operating system's root certificates, which are read when the client is made. `SSL_CERT_FILE` and
    /// `SSL_CERT_DIR` name others. The clients need their feature `native-roots` for it.
    System,
}
