//! The root certificates that the client trusts.

use ably_auth::{Error, HttpSettings, TlsRoots};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, TrustAnchor};
use ureq::tls::{Certificate, RootCerts};

/// Returns the root certificates that `settings` trust.
pub(crate) fn trusted(settings: &HttpSettings) -> Result<RootCerts, Error> {
    if !settings.has_own_roots() {
        return Ok(RootCerts::WebPki);
    }
    let mut roots = match settings.tls_roots() {
        // ureq cannot add certificates to its own copy of these.
        TlsRoots::Mozilla => of_mozilla(),
        TlsRoots::System => of_system()?,
        other => return Err(Error::configuration(format!("unsupported TLS roots: {other:?}; set Mozilla or System"))),
    };
    for pem in settings.root_certificates() {
        roots.extend(of_pem(pem)?);
    }
    let roots = roots.iter().map(|certificate| Certificate::from_der(certificate).to_owned());
    Ok(RootCerts::Specific(std::sync::Arc::new(roots.collect())))
}

/// Returns Mozilla's roots as certificates, without those that Mozilla trusts for some names only: the certificates
/// do not contain that limit.
fn of_mozilla() -> Vec<CertificateDer<'static>> {
    let limited: Vec<_> =
        webpki_roots::TLS_SERVER_ROOTS.iter().filter(|root| root.name_constraints.is_some()).collect();
    let is_limited = |certificate: &CertificateDer<'_>| {
        let mut store = RootCertStore::empty();
        let is_same = |root: &TrustAnchor<'_>| limited.iter().any(|limited| limited.subject == root.subject);
        store.add(certificate.clone().into_owned()).is_ok() && store.roots.iter().any(is_same)
    };
    webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().filter(|certificate| !is_limited(certificate)).cloned().collect()
}

fn of_pem(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let mut certificates = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        // ureq ignores blocks that are not certificates, so check each of them.
        let readable = certificate.ok().filter(|it| RootCertStore::empty().add(it.clone()).is_ok());
        let Some(certificate) = readable else {
            let count = certificates.len().saturating_add(1);
            let text = format!(
                "invalid root certificates: block {count} of the PEM is not a certificate; give `BEGIN CERTIFICATE` \
                 blocks"
            );
            return Err(Error::configuration(text));
        };
        certificates.push(certificate);
    }
    if certificates.is_empty() {
        let text = "invalid root certificates: the PEM holds no certificate; give `BEGIN CERTIFICATE` blocks";
        return Err(Error::configuration(text));
    }
    Ok(certificates)
}

#[cfg(feature = "native-roots")]
fn of_system() -> Result<Vec<CertificateDer<'static>>, Error> {
    let found = rustls_native_certs::load_native_certs();
    let (added, _) = RootCertStore::empty().add_parsable_certificates(found.certs.iter().cloned());
    if added == 0 {
        let why = found.errors.first().map_or_else(String::new, |error| format!(" ({error})"));
        return Err(Error::configuration(format!(
            "the operating system's root certificates cannot be read{why}; install them, or set `SSL_CERT_FILE`"
        )));
    }
    Ok(found.certs)
}

#[cfg(not(feature = "native-roots"))]
fn of_system() -> Result<Vec<CertificateDer<'static>>, Error> {
    let text =
        "the operating system's root certificates need the feature `native-roots` of ably-auth-blocking; enable it";
    Err(Error::configuration(text))
}
