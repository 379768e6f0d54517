//! Certificates for the specification's host names, from an authority that the clients under test trust.

use std::sync::{Arc, LazyLock};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// Names in the certificate. A wildcard matches one label only.
const HOSTS: &[&str] = &[
    "*.realtime.ably.net",
    "*.realtime.ably-nonprod.net",
    "*.a.fallback.ably-realtime.com",
    "*.b.fallback.ably-realtime.com",
    "*.c.fallback.ably-realtime.com",
    "*.d.fallback.ably-realtime.com",
    "*.e.fallback.ably-realtime.com",
    "*.a.fallback.ably-realtime-nonprod.com",
    "*.b.fallback.ably-realtime-nonprod.com",
    "*.c.fallback.ably-realtime-nonprod.com",
    "*.d.fallback.ably-realtime-nonprod.com",
    "*.e.fallback.ably-realtime-nonprod.com",
    "example.com",
    "*.example.com",
    "*.ably.example.com",
    "localhost",
    "::1",
    "127.0.0.1",
];

struct Pki {
    server: Arc<ServerConfig>,
    authority: CertificateDer<'static>,
}

static PKI: LazyLock<Pki> = LazyLock::new(|| {
    let mut of_authority = CertificateParams::new(Vec::new()).unwrap();
    of_authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(of_authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = HOSTS.iter().map(ToString::to_string).collect();
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
    let server = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
        .unwrap();
    Pki { server: Arc::new(server), authority: authority.der().clone() }
});

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

pub(super) fn server() -> Arc<ServerConfig> {
    Arc::clone(&PKI.server)
}

pub(super) fn authority() -> &'static [u8] {
    &PKI.authority
}

pub(super) fn client() -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(PKI.authority.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    config.with_root_certificates(roots).with_no_client_auth()
}
