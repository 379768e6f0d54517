//! The self-signed certificate of `serve --tls-self-signed`.

use std::fs;
use std::path::Path;

use ably_auth_server::Tls;

use crate::output::Failure;

/// Generates a certificate and its key, and writes the certificate to a file. The key stays in memory.
pub(super) fn tls(path: &Path) -> Result<Tls, Failure> {
    let name = format!("--tls-self-signed {}", path.display());
    let (tls, certificate) = Tls::self_signed().map_err(|error| Failure::input(&name, error))?;
    fs::write(path, &certificate).map_err(|error| Failure::file(&name, &error))?;
    Ok(tls)
}
