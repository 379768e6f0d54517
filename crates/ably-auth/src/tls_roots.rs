//! The root certificates that servers are checked with.

/// The root certificates that a client checks servers with. Those of
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
    /// Mozilla's root certificates, which are compiled in. They are the same on every machine.
    #[default]
    Mozilla,
    /// The operating system's root certificates, read when the client is created. `SSL_CERT_FILE` and `SSL_CERT_DIR`
    /// set other certificates. A client needs its feature `native-roots` for them.
    System,
}
