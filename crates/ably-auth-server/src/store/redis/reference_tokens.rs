//! The claims of tokens by reference.

use ably_auth_core::Timestamp;

use super::inner::Inner;
use super::link::PREFIX;
use crate::store::references::ENTRY_BYTES;
use crate::store::{KeptClaims, Reference, StoreLimits, Unavailable};

impl Inner {
    /// Keeps `bytes`. Returns false if the limit of the app, or that of the store, is reached.
    pub(super) async fn keep(
        &self,
        reference: Reference,
        app_id: &str,
        bytes: &[u8],
        now: Timestamp,
    ) -> Result<bool, Unavailable> {
        let StoreLimits { large_token_bytes, large_token_bytes_per_app, .. } = self.limits;
        let mut call = self.keep_script.prepare_invoke();
        call.key(name(reference)).key(format!("{PREFIX}kept")).key(format!("{PREFIX}kept-bytes"));
        call.key(format!("{PREFIX}kept-apps"));
        call.arg(bytes).arg(now.as_millis()).arg(reference.expires.as_millis()).arg(large_token_bytes);
        call.arg(format!("{:032x}", reference.id)).arg(app_id).arg(large_token_bytes_per_app).arg(ENTRY_BYTES);
        self.link.ask(|mut connection, _| async move { call.invoke_async(&mut connection).await }).await
    }

    pub(super) async fn kept(&self, reference: Reference) -> Result<Option<KeptClaims>, Unavailable> {
        let get = |mut connection, _| async move {
            redis::cmd("GET").arg(name(reference)).query_async::<Option<Vec<u8>>>(&mut connection).await
        };
        let claims = self.link.ask(get).await?.map(|bytes| KeptClaims::from_bytes(&bytes));
        claims
            .map(|claims| claims.ok_or_else(|| Unavailable::new("a token's claims in Redis are malformed")))
            .transpose()
    }
}

fn name(reference: Reference) -> String {
    format!("{PREFIX}token:{:032x}", reference.id)
}
