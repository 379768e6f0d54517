//! Root certificates that the options add to Mozilla's or the operating system's.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::{env, fs, thread};

use ably_auth::{ClientOptions, Error, ErrorKind, FaultKind, Mode, Timestamp, TlsRoots};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::scripted::{block_on, reqwest_builder};

/// The certificate authority of a company.
struct Ca(CertifiedIssuer<'static, KeyPair>);

impl Ca {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        pem("CERTIFICATE", self.0.der())
    }

    /// Starts a server for `localhost` with a certificate of this CA. It answers with the time. Returns its URL.
    fn service(&self) -> String {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &self.0).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let config = Arc::new(config.with_single_cert(vec![certificate.der().clone()], key.into()).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
                // A client that does not trust this CA ends the handshake.
                if stream.read(&mut [0; 4096]).is_ok() {
                    let answer = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 15\r\n\r\n[1704067200000]";
                    let _ = stream.write_all(answer.as_bytes()).and_then(|()| stream.flush());
                }
            }
        });
        url
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

struct TestOptions {
    endpoint: String,
    roots: TlsRoots,
    added: Vec<String>,
}

impl TestOptions {
    fn of(endpoint: &str, added: &[String]) -> Self {
        Self { endpoint: endpoint.to_owned(), roots: TlsRoots::Mozilla, added: added.to_vec() }
    }

    fn options<M: Mode>(&self) -> ClientOptions<M> {
        let options = ClientOptions::new().token("app.t").tls_roots(self.roots);
        let options = options.endpoint(&self.endpoint);
        self.added.iter().fold(options, |options, pem| options.add_root_certificates(pem.as_bytes()))
    }
}

type Client = fn(&TestOptions) -> Result<Timestamp, Error>;

const BOTH: [(&str, Client); 2] = [
    ("reqwest", |options| block_on(ably_auth_reqwest::Client::new(options.options())?.time())),
    ("ureq", |options| ably_auth_blocking::Client::new(options.options())?.time()),
];

#[test]
fn service_of_own_ca_is_reached_with_its_certificate_alone() {
    let (ours, other) = (Ca::new(), Ca::new());
    let url = ours.service();
    for (name, client) in BOTH {
        for added in [&[ours.pem()][..], &[other.pem(), ours.pem()], &[other.pem() + &ours.pem()]] {
            assert_eq!(client(&TestOptions::of(&url, added)).unwrap().as_millis(), 1_704_067_200_000, "{name}");
        }
        for added in [&[][..], &[other.pem()]] {
            let error = client(&TestOptions::of(&url, added)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Tls, "{name}: {error:?}");
            assert_eq!(error.transport_fault().unwrap().kind(), FaultKind::Tls);
            assert!(
                error.to_string().contains("localhost") && error.to_string().contains("add_root_certificates"),
                "{error}"
            );
        }
    }
}

#[test]
fn bad_pem_is_refused_when_client_is_made() {
    let good = Ca::new().pem();
    let key = pem("PRIVATE KEY", b"not shown");
    for bad in [
        String::new(),
        "not PEM".to_owned(),
        key,
        pem("CERTIFICATE", b"not DER"),
        format!("{good}{}", pem("CERTIFICATE", b"not DER")),
        format!("{good}-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n"),
        format!("{good}-----BEGIN CERTIFICATE-----\nAAAA\n"),
    ] {
        let options = TestOptions::of("https://localhost:1", std::slice::from_ref(&bad));
        for (name, client) in BOTH {
            let error = client(&options).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration, "{name}: {bad}");
            assert!(error.to_string().starts_with("invalid root certificates: "), "{name}: {error}");
        }
    }
}

/// A caller's own HTTP client has its own roots, so root certificates in the options would have no effect.
#[test]
fn roots_for_client_of_caller_are_refused() {
    for options in [
        TestOptions::of("https://localhost:1", &[Ca::new().pem()]),
        TestOptions { roots: TlsRoots::System, ..TestOptions::of("https://localhost:1", &[]) },
    ] {
        let http = reqwest_builder().build().unwrap();
        let error = ably_auth_reqwest::Client::with_http(options.options(), http).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        let agent = ureq::Agent::new_with_defaults();
        let error = ably_auth_blocking::Client::with_agent(options.options(), agent).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
    }
}

const IN_CHILD: &str = "ABLY_AUTH_TEST_OF_SYSTEM_ROOTS";

/// The system's roots are selected with an environment variable, so the test runs in a separate process.
#[test]
fn roots_of_operating_system_are_trusted_if_asked() {
    if let Ok(url) = env::var(IN_CHILD) {
        let added = Ca::new();
        for (name, client) in BOTH {
            assert!(client(&TestOptions::of(&url, &[])).is_err(), "{name}: Mozilla does not know it");
            for own in [vec![], vec![added.pem()]] {
                client(&TestOptions { roots: TlsRoots::System, ..TestOptions::of(&url, &own) }).unwrap();
            }
            let own = TestOptions { roots: TlsRoots::System, ..TestOptions::of(&added.service(), &[added.pem()]) };
            client(&own).unwrap();
        }
        return;
    }
    let ca = Ca::new();
    let (url, file) = (ca.service(), env::temp_dir().join(format!("ably-auth-roots-{}.pem", std::process::id())));
    fs::write(&file, ca.pem()).unwrap();
    let (_, path) =
        concat!(module_path!(), "::roots_of_operating_system_are_trusted_if_asked").split_once("::").unwrap();
    let mut command = Command::new(env::current_exe().unwrap());
    let run = command.args(["--exact", path]).env(IN_CHILD, url).env("SSL_CERT_FILE", &file).env_remove("SSL_CERT_DIR");
    let run = run.output().unwrap();
    let _ = fs::remove_file(&file);
    let output = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success() && output.contains("1 passed"), "{output}");
}
