//! Random numbers, with errors of this crate.

use ably_auth_backend::random_bytes;

use crate::error::{Error, ErrorKind};

/// Returns `N` bytes of the system's cryptographic generator; `N` is at most 1024.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], Error> {
    random_bytes().map_err(|error| {
        let message = "the system has no random numbers; fix the cause, then restart the service";
        Error::new(ErrorKind::Random, message).because(error)
    })
}
