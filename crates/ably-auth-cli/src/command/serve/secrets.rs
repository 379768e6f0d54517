//! The file of `--service-secrets`.

use std::fs;
use std::path::Path;

use ably_auth_server::ServiceBuilder;

use crate::output::Failure;

const BYTES: usize = 32;

/// Gives the service the secrets of the file. No message quotes it.
pub(super) fn read(path: &Path, service: ServiceBuilder) -> Result<ServiceBuilder, Failure> {
    let name = format!("--service-secrets {}", path.display());
    let text = fs::read_to_string(path).map_err(|error| Failure::file(&name, &error))?;
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let secrets = lines.map(|(number, line)| {
        bytes(line).ok_or_else(|| Failure::input(&name, format!("line {number} is not 64 hexadecimal digits")))
    });
    let mut secrets = secrets.collect::<Result<Vec<_>, _>>()?.into_iter();
    let Some(current) = secrets.next() else {
        return Err(Failure::input(&name, "there is no secret in it; make one with `openssl rand -hex 32`"));
    };
    Ok(service.service_secret(current).earlier_secrets(secrets))
}

fn bytes(line: &str) -> Option<[u8; BYTES]> {
    if line.len() != 2 * BYTES || !line.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut secret = [0; BYTES];
    for (at, byte) in secret.iter_mut().enumerate() {
        *byte = u8::from_str_radix(line.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(secret)
}
