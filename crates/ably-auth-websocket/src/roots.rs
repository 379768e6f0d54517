//! The root certificates that the client trusts.

use ably_auth::{Error, HttpSettings, TlsRoots};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// Returns the root certificates that `settings` trust.
pub(crate) fn trusted(settings: &HttpSettings) -> Result<RootCertStore, Error> {
    let mut roots = match settings.tls_roots() {
        TlsRoots::Mozilla => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
        TlsRoots::System => of_system()?,
        other => return Err(Error::configuration(format!("unsupported TLS roots: {other:?}; set Mozilla or System"))),
    };
    for pem in settings.root_certificates() {
        add(&mut roots, pem)?;
    }
    Ok(roots)
}

fn add(roots: &mut RootCertStore, pem: &[u8]) -> Result<(), Error> {
    let mut count: usize = 0;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        count = count.saturating_add(1);
        let added = certificate.is_ok_and(|certificate| roots.add(certificate).is_ok());
        if !added {
            let text = format!(
                "invalid root certificates: block {count} of the PEM is not a certificate; give `BEGIN CERTIFICATE` \
                 blocks"
            );
            return Err(Error::configuration(text));
        }
    }
    if count == 0 {
        let text = "invalid root certificates: the PEM holds no certificate; give `BEGIN CERTIFICATE` blocks";
        return Err(Error::configuration(text));
    }
    Ok(())
}

#[cfg(feature = "native-roots")]
fn of_system() -> Result<RootCertStore, Error> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let why = found.errors.first().map_or_else(String::new, |error| format!(" ({error})"));
        return Err(Error::configuration(format!(
            "the operating system's root certificates cannot be read{why}; install them, or set `SSL_CERT_FILE`"
        )));
    }
    Ok(roots)
}

#[cfg(not(feature = "native-roots"))]
fn of_system() -> Result<RootCertStore, Error> {
    let text =
        "the operating system's root certificates need the feature `native-roots` of ably-auth-websocket; enable it";
    Err(Error::configuration(text))
}
