//! Redis over TLS, with a user and a password.

use std::path::{Path, PathBuf};
use std::process::Command;

use ably_auth_server::ErrorKind;
use ably_auth_server::store::Redis;
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};

use super::redis::until_back;
use super::redis_server::{RedisServer, free_port};
use super::{Folder, runtime};
use crate::support::*;
use crate::tls::pem;

const USER: &str = "service";
const PASSWORD: &str = "hush-hush";

/// What the other process is told.
const URL: &str = "ABLY_AUTH_TEST_REDIS_URL";
const SUCCEEDS: &str = "ABLY_AUTH_TEST_REDIS_SUCCEEDS";

fn authority(folder: &Path, name: &str) -> (PathBuf, CertifiedIssuer<'static, KeyPair>) {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, pem("CERTIFICATE", authority.der())).unwrap();
    (path, authority)
}

/// In another process, since what is trusted is told to a whole process.
fn connects(url: &str, trusted: &Path, succeeds: bool) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "store::redis_tls::what_the_other_process_does", "--ignored"]);
    command.env("SSL_CERT_FILE", trusted).env_remove("SSL_CERT_DIR").env(URL, url);
    if succeeds {
        command.env(SUCCEEDS, "yes");
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{url}: {said}");
}

#[test]
fn redis_is_shared_over_tls_by_a_user_with_a_password() {
    let Some(_) = RedisServer::start() else { return };
    let folder = Folder::new();
    let (trusted, authority) = authority(&folder.0, "authority.pem");
    let (stranger, _) = self::authority(&folder.0, "stranger.pem");
    let key = KeyPair::generate().unwrap();
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
    let paths = ["certificate.pem", "key.pem"].map(|name| folder.0.join(name));
    std::fs::write(&paths[0], pem("CERTIFICATE", certificate.der())).unwrap();
    std::fs::write(&paths[1], pem("PRIVATE KEY", &key.serialize_der())).unwrap();
    let [certificate, key, trusted_path] =
        [&paths[0], &paths[1], &trusted].map(|path| path.to_str().unwrap().to_owned());
    let port = free_port();
    // What the store needs: its keys, and to ask Redis what it is.
    let user = [USER, "on", &format!(">{PASSWORD}"), "~{ably-auth}:*", "+@all", "-@dangerous", "+info", "+config|get"];
    let mut options = vec!["--requirepass", "another", "--user"];
    options.extend(user);
    let text = port.to_string();
    options.extend(["--tls-port", &text, "--tls-cert-file", &certificate, "--tls-key-file", &key]);
    options.extend(["--tls-ca-cert-file", &trusted_path, "--tls-auth-clients", "no"]);
    let server = RedisServer::start_with(folder, &options);

    connects(&format!("rediss://{USER}:{PASSWORD}@localhost:{port}"), &trusted, true);
    connects(&format!("rediss://:another@127.0.0.1:{port}"), &trusted, true);
    connects(&server.url().replace("//", &format!("//{USER}:{PASSWORD}@")), &stranger, true);
    connects(&format!("rediss://{USER}:{PASSWORD}@localhost:{port}"), &stranger, false);
    connects(&format!("rediss://{USER}:{PASSWORD}{PASSWORD}@localhost:{port}"), &trusted, false);
    connects(&format!("rediss://{PASSWORD}:{PASSWORD}@localhost:{port}"), &trusted, false);
    connects(&format!("redis://{USER}:{PASSWORD}@localhost:{port}"), &trusted, false);
    connects(&format!("rediss://localhost:{port}"), &trusted, false);
}

#[test]
#[ignore = "it is what another test starts"]
fn what_the_other_process_does() {
    let (url, runtime) = (std::env::var(URL).unwrap(), runtime());
    let store = runtime.block_on(Redis::connect_to_new(&url));
    if std::env::var_os(SUCCEEDS).is_none() {
        let error = store.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Store);
        assert!(!format!("{error} {error:?}").contains(PASSWORD), "{error:?}");
        return;
    }
    let world = World::over(store.unwrap(), &runtime, None);
    until_back(&world);
    let used = world.sign(KEY, &params());
    world.exchange(&used);
    assert_eq!(world.exchange(&used).code(), (401, 40105));
    assert_eq!(super::redis::revoke(&world, "clientId:bob"), 201);
}
