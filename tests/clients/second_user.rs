//! Programs that also use reqwest for their own requests.

use std::path::Path;
use std::process::Command;

/// Features of reqwest apply to the whole program. With `rustls-no-provider`, `reqwest::Client::new` panics in code
/// that does not expect it. Any other TLS feature may differ from the one that such code has chosen.
#[test]
fn async_client_enables_no_tls_of_reqwest() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for features in [&["--all-features"][..], &["--no-default-features"], &[]] {
        let mut tree = Command::new(env!("CARGO"));
        tree.args(["tree", "--offline", "--locked", "--package", "ably-auth-reqwest"])
            .args(["--edges", "normal,features", "--invert", "reqwest", "--prefix", "none"])
            .args(features)
            .current_dir(workspace);
        let said = tree.output().unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        let tree = String::from_utf8(said.stdout).unwrap();
        let turned_on: Vec<_> = tree.lines().filter(|line| line.starts_with("reqwest feature ")).collect();
        assert!(turned_on.iter().any(|line| line.contains("system-proxy")), "{tree}");
        let tls: Vec<_> = turned_on.iter().filter(|line| line.contains("tls")).collect();
        assert!(tls.is_empty(), "{features:?}: {tls:?}");
    }
}
