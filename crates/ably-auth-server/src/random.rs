//! The one place where randomness comes from.

use crate::error::{Error, ErrorKind};

/// That many bytes from the system's cryptographic source.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) => {
            let message = "the system gave no random numbers; see why, then start the service again";
            Err(Error::new(ErrorKind::Random, message).because(error))
        }
    }
}
