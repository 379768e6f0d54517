//! The randomness that the crate uses.

use ably_auth_core::Nonce;

use crate::error::Error;

/// A source of randomness. Closures are sources too, so that tests can be deterministic.
///
/// Nonces are made from it, so in production it has to be cryptographically secure.
///
/// ```
/// use ably_auth::{Random, SystemRandom};
///
/// let nonce = SystemRandom.nonce()?;
/// assert_ne!(nonce, SystemRandom.nonce()?);
/// # Ok::<(), ably_auth::Error>(())
/// ```
pub trait Random: Send + Sync {
    /// Returns 128 random bits.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if the source fails.
    fn bytes(&self) -> Result<[u8; 16], Error>;

    /// Returns a random nonce for a token request.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    fn nonce(&self) -> Result<Nonce, Error> {
        self.bytes().map(|bytes| Nonce::from_random(&bytes))
    }
}

impl<F: Fn() -> [u8; 16] + Send + Sync> Random for F {
    fn bytes(&self) -> Result<[u8; 16], Error> {
        Ok(self())
    }
}

/// The operating system's cryptographic source.
///
/// ```
/// use ably_auth::{Random as _, SystemRandom};
///
/// assert_ne!(SystemRandom.bytes()?, SystemRandom.bytes()?);
/// # Ok::<(), ably_auth::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn bytes(&self) -> Result<[u8; 16], Error> {
        let mut bytes = [0; 16];
        match getrandom::fill(&mut bytes) {
            Ok(()) => Ok(bytes),
            Err(_) => {
                Err(Error::configuration("the operating system's random number generator failed; check `/dev/urandom`"))
            }
        }
    }
}
