//! The claims that tokens refer to.

use ably_auth_core::Timestamp;

use super::{Inner, PREFIX};
use crate::store::references::MAX_BYTES;
use crate::store::{KeptClaims, Reference, Unavailable};

impl Inner {
    /// Whether there was room.
    pub(super) async fn keep(&self, reference: Reference, bytes: &[u8], now: Timestamp) -> Result<bool, Unavailable> {
        let mut call = self.kept.prepare_invoke();
        call.key(name(reference)).key(format!("{PREFIX}kept")).key(format!("{PREFIX}kept-bytes"));
        call.arg(bytes).arg(now.as_millis()).arg(reference.expires.as_millis()).arg(MAX_BYTES);
        call.arg(format!("{:032x}", reference.id));
        self.link.ask(|mut connection, _| async move { call.invoke_async(&mut connection).await }).await
    }

    pub(super) async fn kept(&self, reference: Reference) -> Result<Option<KeptClaims>, Unavailable> {
        let get = |mut connection, _| async move {
            redis::cmd("GET").arg(name(reference)).query_async::<Option<Vec<u8>>>(&mut connection).await
        };
        let claims = self.link.ask(get).await?.map(|bytes| KeptClaims::from_bytes(&bytes));
        claims.map(|claims| claims.ok_or_else(|| Unavailable::new("a token's claims cannot be read"))).transpose()
    }
}

fn name(reference: Reference) -> String {
    format!("{PREFIX}token:{:032x}", reference.id)
}
