//! A certificate for this machine alone, made on the spot.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use ably_auth_server::Tls;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};

use crate::output::Failure;

const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Makes a certificate and its key, and writes the certificate to a file. The key is written nowhere.
pub(super) fn tls(path: &Path) -> Result<Tls, Failure> {
    let (certificate, key) =
        generate().map_err(|error| Failure::Input(format!("no certificate can be made: {error}")))?;
    let name = format!("--tls-self-signed {}", path.display());
    fs::write(path, &certificate).map_err(|error| Failure::file(&name, &error))?;
    Tls::from_pem(certificate.as_bytes(), key.as_bytes()).map_err(|error| Failure::input(&name, error))
}

fn generate() -> Result<(String, String), rcgen::Error> {
    let mut params = CertificateParams::new(NAMES.map(str::to_owned))?;
    params.distinguished_name.push(DnType::CommonName, "ably-auth sandbox");
    // Said in full, since some clients are strict about what they are told to trust.
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok((pem("CERTIFICATE", certificate.der()), pem("PRIVATE KEY", &key.serialize_der())))
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
