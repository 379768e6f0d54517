//! The root certificates that the settings trust, for rustls.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::error::Error;
use crate::http_settings::HttpSettings;
use crate::tls_roots::TlsRoots;

impl HttpSettings {
    /// Returns the root certificates that the settings trust, for a TLS library that uses rustls.
    ///
    /// ```
    /// use ably_auth::HttpSettings;
    ///
    /// assert!(HttpSettings::default().root_store()?.len() > 50); // Mozilla's
    /// # Ok::<(), ably_auth::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if a [root
    /// certificate](crate::ClientOptions::add_root_certificates) is invalid, or if the operating system's cannot be read.
    pub fn root_store(&self) -> Result<RootCertStore, Error> {
        let mut roots = match self.tls_roots() {
            TlsRoots::Mozilla => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
            TlsRoots::System => of_system()?,
        };
        for pem in self.root_certificates() {
            add(&mut roots, pem)?;
        }
        Ok(roots)
    }
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
        "the operating system's root certificates need the feature `native-roots` of the client's crate; enable it";
    Err(Error::configuration(text))
}
