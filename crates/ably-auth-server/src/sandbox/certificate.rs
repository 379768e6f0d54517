//! Self-signed certificates for this machine.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind};
use crate::net::tls::Tls;

const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

impl Tls {
    /// Generates a certificate for `localhost`, `127.0.0.1` and `::1` with a new key. Returns it with the certificate
    /// as PEM, for clients to trust; the key is written nowhere.
    ///
    /// ```
    /// use ably_auth_server::Tls;
    ///
    /// let (tls, certificate) = Tls::self_signed()?;
    /// assert!(certificate.starts_with("-----BEGIN CERTIFICATE-----\n"));
    /// # Ok::<(), ably_auth_server::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Tls`] if the certificate cannot be generated.
    pub fn self_signed() -> Result<(Self, String), Error> {
        let (certificate, key) = generate().map_err(|error| {
            Error::new(ErrorKind::Tls, format!("cannot generate a certificate: {error}; try again")).because(error)
        })?;
        Ok((Self::from_pem(certificate.as_bytes(), key.as_bytes())?, certificate))
    }
}

fn generate() -> Result<(String, Zeroizing<String>), rcgen::Error> {
    let mut params = CertificateParams::new(NAMES.map(str::to_owned))?;
    params.distinguished_name.push(DnType::CommonName, "ably-auth sandbox");
    // Some clients check the extensions of a certificate that they trust, so set all of them.
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    let private_key = Zeroizing::new(key.serialize_der());
    Ok((pem("CERTIFICATE", certificate.der()), Zeroizing::new(pem("PRIVATE KEY", &private_key))))
}

fn pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----");
    for (at, character) in STANDARD.encode(der).char_indices() {
        if at % 64 == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    // Writing to a string does not fail.
    let _ = write!(text, "\n-----END {label}-----\n");
    text
}
