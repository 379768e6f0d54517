//! The `--service-secrets` file.

use std::collections::BTreeSet;
use std::path::Path;

use ably_auth_server::ServiceBuilder;

use crate::input;
use crate::output::Failure;

/// The length of a secret, in bytes.
const BYTES: usize = 32;

/// A random secret has fewer distinct bytes than this about once in 10^37 draws.
const MIN_DISTINCT: usize = 8;

/// Adds the secrets in the file to the service. Errors do not quote the file.
pub(super) fn read(path: &Path, service: ServiceBuilder) -> Result<ServiceBuilder, Failure> {
    let (name, text) = input::secret_file("--service-secrets", path)?;
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let secrets = lines.map(|(number, line)| -> Result<_, Failure> {
        let wrong = |problem: &str| Failure::input(&name, format!("line {number} {problem}"));
        let secret =
            bytes(line).ok_or_else(|| wrong("is not 64 hexadecimal digits; make one with `openssl rand -hex 32`"))?;
        check_random(&secret).map_err(|reason| {
            wrong(&format!("is not a random secret: {reason}; make one with `openssl rand -hex 32`"))
        })?;
        Ok(secret)
    });
    let mut secrets = secrets.collect::<Result<Vec<_>, _>>()?.into_iter();
    let Some(current) = secrets.next() else {
        return Err(Failure::input(&name, "it contains no secret; make one with `openssl rand -hex 32`"));
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

/// Refuses a secret that is clearly a placeholder. The library refuses only zero bytes, because its callers use fixed
/// secrets in tests.
fn check_random(secret: &[u8; BYTES]) -> Result<(), &'static str> {
    if secret.iter().collect::<BTreeSet<_>>().len() < MIN_DISTINCT {
        return Err("it has fewer than 8 distinct bytes");
    }
    let has_step = |step: u8| secret.windows(2).all(|pair| matches!(pair, [a, b] if a.wrapping_add(step) == *b));
    if (1..=u8::MAX).any(has_step) {
        return Err("its bytes are a sequence");
    }
    let repeats = |period: usize| secret.iter().zip(secret.iter().skip(period)).all(|(a, b)| a == b);
    if (1..=BYTES / 2).any(repeats) {
        return Err("its bytes repeat");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_refused_and_random_secrets_are_not() {
        let ascending: [u8; BYTES] = std::array::from_fn(|at| at as u8);
        let descending = ascending.map(|byte| 255 - byte);
        let words: [u8; BYTES] = std::array::from_fn(|at| b"deadbeef0123cafe"[at % 16]);
        let few: [u8; BYTES] = std::array::from_fn(|at| (at % 7 * at) as u8 % 7);
        for secret in [[0; BYTES], [0xff; BYTES], ascending, descending, ascending.map(|byte| byte * 3), words, few] {
            assert!(check_random(&secret).is_err(), "{secret:?}");
        }
        let random = "37a75cfd5ed57e5f3a5b0d76d4d2d2a1c9a1e3a0b4e1ff1d8f6a3d5b9c7e2f10";
        assert_eq!(check_random(&bytes(random).unwrap()), Ok(()));
    }
}
