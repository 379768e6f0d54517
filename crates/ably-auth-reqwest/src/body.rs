//! The bodies of responses.

use ably_auth::{FaultKind, TransportFault};
use bytes::{Bytes, BytesMut};

/// The maximum bytes of a response's body.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// The received part of a response's body, at most [`MAX_BODY_BYTES`].
#[derive(Default)]
pub(crate) struct BodyBuffer(BytesMut);

impl BodyBuffer {
    pub(crate) fn add(&mut self, chunk: &[u8]) -> Result<(), TransportFault> {
        if self.0.len().saturating_add(chunk.len()) > MAX_BODY_BYTES {
            return Err(TransportFault::new(FaultKind::TooLarge, "the body is larger than 16 MiB"));
        }
        self.0.extend_from_slice(chunk);
        Ok(())
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        self.0.freeze()
    }
}
