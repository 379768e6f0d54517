//! The one place where randomness comes from.

use std::sync::Arc;

use ably_auth_core::Nonce;

use crate::refusal::Refusal;

/// Draws nonces, once for each token request.
#[derive(Clone)]
pub(crate) struct Random(Arc<dyn Fn() -> Result<[u8; 16], Refusal> + Send + Sync>);

impl Random {
    pub(crate) fn new(bytes: impl Fn() -> [u8; 16] + Send + Sync + 'static) -> Self {
        Self(Arc::new(move || Ok(bytes())))
    }

    pub(crate) fn system() -> Self {
        Self(Arc::new(|| {
            let mut bytes = [0; 16];
            match getrandom::fill(&mut bytes) {
                Ok(()) => Ok(bytes),
                Err(_) => Err(Refusal::internal("the server's system has no random numbers; see why")),
            }
        }))
    }

    pub(crate) fn nonce(&self) -> Result<Nonce, Refusal> {
        (self.0)().map(|bytes| Nonce::from_random(&bytes))
    }
}
