//! `ably-auth serve` over TLS.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto};

#[cfg(unix)]
use crate::operating::LoggedService;
use crate::support::{File, KEY, LIMITED_KEY, Service, apps, run};

/// Sends a request as a client that trusts only the certificate `trusted`, and returns the response.
fn call(service: &Service, trusted: &File, host: &'static str, request: &str) -> std::io::Result<String> {
    exchange(&service.address, trusted, host, request)
}

fn exchange(address: &str, trusted: &File, host: &'static str, request: &str) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&trusted.0).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connection = ClientConnection::new(Arc::new(config), ServerName::try_from(host).unwrap()).unwrap();
    let mut stream = StreamOwned::new(connection, TcpStream::connect(address)?);
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

const TIME: &str = "GET /time HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

#[test]
fn sandbox_generates_self_signed_certificate() {
    let certificate = File::new("made.pem", "");
    let service = Service::start(&["--sandbox", "--tls-self-signed", certificate.path()]);
    for host in ["localhost", "127.0.0.1", "::1"] {
        let answer = call(&service, &certificate, host, TIME).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert!(call(&service, &certificate, "elsewhere.example", TIME).is_err());
    let written = fs::read_to_string(&certificate.0).unwrap();
    assert!(!written.contains("PRIVATE") && written.lines().all(|line| line.len() <= 64), "{written}");
    let app = "POST /apps HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
    assert!(call(&service, &certificate, "localhost", app).unwrap().contains(r#""tls":true"#));

    let other = File::new("made-too.pem", "");
    let _service = Service::start(&["--sandbox", "--tls-self-signed", other.path()]);
    assert!(call(&service, &other, "localhost", TIME).is_err(), "each sandbox has its own certificate");
}

/// Runs each client command against a service whose CA is given in `--cacert` or `ABLY_CACERT`.
#[test]
fn cacert_is_trusted_by_every_client_command() {
    let (certificate, apps, token) =
        (File::new("ca.pem", ""), apps("ca-apps.json"), File::new("ca-token", "hush-access-token"));
    let tls = ["--tls-self-signed", certificate.path(), "--apps", apps.path(), "--control-token", token.path()];
    let service = Service::start(&[&["--sandbox"][..], &tls].concat());
    let url = format!("https://localhost:{}", service.address.rsplit_once(':').unwrap().1);
    let control_url = format!("{url}/v1");
    let endpoint = ["--endpoint", &url, "--key", KEY];
    let control = ["--control-url", &control_url, "--control-token", token.path()];
    let (app_id, _) = KEY.split_once('.').unwrap();
    let (limited, _) = LIMITED_KEY.split_once(':').unwrap();
    let signed = run(&["token-request", "sign", "--key", KEY]).yes().to_owned();
    let commands: [(&[&str], &[&str]); 10] = [
        (&["token", "request", "--token-only"], &endpoint),
        (&["token", "exchange", &signed], &endpoint[..2]),
        (&["revoke", "clientId:bob"], &endpoint),
        (&["app", "create", "Shop", "--account", "mine"], &control),
        (&["key", "create", app_id, "--name", "Kitchen", "--capability", r#"{"a":["*"]}"#], &control),
        (&["key", "list", app_id], &control),
        (&["key", "update", limited, "--name", "Lobby"], &control),
        (&["key", "revoke", limited, "--yes"], &control),
        (&["app", "list", "--account", "mine"], &control),
        (&["app", "delete", app_id, "--yes"], &control),
    ];
    for (command, to) in commands {
        let command = [command, to].concat();
        let is_refused_by_tls = |answer: &crate::support::Answer| answer.stderr.contains("TLS");
        assert!(is_refused_by_tls(&run(&command)), "{command:?}");
        let trusting = [&command[..], &["--cacert", certificate.path()]].concat();
        for answer in [run(&trusting), crate::support::run_with_env(&command, "ABLY_CACERT", certificate.path())] {
            assert!(!is_refused_by_tls(&answer) && answer.status != Some(2), "{command:?}: {answer:?}");
            // The service may refuse the second run, because the first one has deleted or used something.
            assert!(answer.status == Some(0) || answer.stderr.contains("(code 40"), "{command:?}: {answer:?}");
        }
        assert!(is_refused_by_tls(&crate::support::run_with_env(&command, "ABLY_CACERT", "")), "{command:?}");
        let bad = [&command[..], &["--cacert", token.path()]].concat();
        run(&bad).bad(&["--cacert", token.path(), "holds no certificate"]);
        let missing = crate::support::run_with_env(&command, "ABLY_CACERT", "/nowhere/ca.pem");
        missing.bad(&["ABLY_CACERT /nowhere/ca.pem", "check the path"]);
    }
}

/// Returns the PEM of a new certificate for localhost, and of its private key.
pub(crate) fn pair() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let pem =
        |label: &str, der: &[u8]| format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der));
    (pem("CERTIFICATE", made.cert.der()), pem("PRIVATE KEY", &made.signing_key.serialize_der()))
}

#[cfg(unix)]
#[test]
fn renewed_certificate_is_served_and_a_broken_one_is_not() {
    let (old, old_key) = pair();
    let (new, new_key) = pair();
    let (trusted_old, trusted_new) = (File::new("renew-old.pem", &old), File::new("renew-new.pem", &new));
    let (certificate, key) = (File::new("renew.pem", &old), File::new("renew-key.pem", &old_key));
    let args = ["--sandbox", "--log-format", "json", "--tls-cert", certificate.path(), "--tls-key", key.path()];
    let service = LoggedService::start(&args);
    let address = service.address("listening on https://");
    let is_served = |trusted: &File| exchange(&address, trusted, "localhost", TIME).is_ok();
    assert!(is_served(&trusted_old) && !is_served(&trusted_new));

    fs::write(&certificate.0, &new).unwrap();
    let event = service.event("TLS certificate not reloaded");
    assert_eq!(event["level"], "ERROR");
    assert!(event["error"].as_str().unwrap().contains("does not match the certificate"), "{event}");
    assert!(is_served(&trusted_old));
    fs::write(&key.0, &new_key).unwrap();
    let event = service.event("TLS certificate reloaded");
    assert_eq!(event["file"], certificate.path());
    assert!(is_served(&trusted_new) && !is_served(&trusted_old));

    fs::remove_file(&key.0).unwrap();
    let event = service.event("TLS certificate not reloaded");
    assert!(event["error"].as_str().unwrap().contains(key.path()), "{event}");
    fs::write(&key.0, &old_key).unwrap();
    fs::write(&certificate.0, &old).unwrap();
    service.signal("-HUP");
    service.event("TLS certificate reloaded");
    assert!(is_served(&trusted_old));
}

#[test]
fn service_uses_given_certificate() {
    let (certificate, key) = pair();
    let (certificate, key) = (File::new("yours.pem", &certificate), File::new("your-key.pem", &key));
    let apps = apps("your-apps.json");
    let args = ["--apps", apps.path(), "--tls-cert", certificate.path(), "--tls-key", key.path()];
    let service = Service::start(&args);
    let request = format!(
        "GET /stats HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: {}\r\n\r\n",
        test_support::basic(KEY)
    );
    let answer = call(&service, &certificate, "localhost", &request).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "a key is accepted without a sandbox: {answer}");
}

#[test]
fn invalid_certificate_or_key_file_is_named() {
    let apps = apps("tls-apps.json");
    let bad = File::new("no-certificate.pem", "hush");
    let with = |args: &[&str]| run(&[&["serve", "--listen", "127.0.0.1:0", "--apps", apps.path()], args].concat());
    let answer = with(&["--tls-cert", bad.path(), "--tls-key", bad.path()]);
    answer.bad(&["--tls-cert ", "--tls-key ", "BEGIN CERTIFICATE"]);
    answer.assert_hides("hush");
    with(&["--tls-cert", "no/such.pem", "--tls-key", bad.path()]).bad(&["--tls-cert no/such.pem: "]);
    with(&["--tls-cert", bad.path(), "--tls-key", "no/such.pem"]).bad(&["--tls-key no/such.pem: "]);
    with(&["--tls-cert", bad.path()]).bad(&["--tls-key"]);
    with(&["--tls-self-signed", bad.path()]).bad(&["--sandbox"]);
    run(&["serve", "--sandbox", "--tls-self-signed", "no/such/folder.pem"])
        .bad(&["--tls-self-signed no/such/folder.pem: "]);
}
