//! The secret under which tokens are sealed.

use ably_auth_core::Ttl;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::link::Link;
use super::{Inner, PREFIX};
use crate::error::{Error, ErrorKind};
use crate::random;
use crate::store::{OF_EARLIER_SECRET, SECRET};
use crate::store::{Record, Unavailable};
use crate::sync::lock;

pub(super) type Secret = Zeroizing<[u8; 32]>;

/// The secret that is there or, if there is none, a new one.
pub(super) async fn agree(link: &Link) -> Result<Secret, Error> {
    let key = format!("{PREFIX}secret");
    let new = Zeroizing::new(URL_SAFE_NO_PAD.encode(*Zeroizing::new(random::bytes::<32>()?)));
    let ask = |mut connection, _| {
        let key = &key;
        async move {
            redis::cmd("SETNX").arg(key).arg(new.as_str()).query_async::<bool>(&mut connection).await?;
            redis::cmd("GET").arg(key).query_async::<String>(&mut connection).await
        }
    };
    let text = link.ask(ask).await.map_err(|unavailable| {
        let message = format!("Redis cannot be asked ({}); see that it lets this user in", unavailable.0);
        Error::new(ErrorKind::Store, message)
    })?;
    read(text).ok_or_else(|| {
        let message =
            format!("`{key}` in Redis is no secret of 32 bytes in URL-safe base64; put it back, or delete it");
        Error::new(ErrorKind::Store, message)
    })
}

fn read(text: String) -> Option<Secret> {
    let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(Zeroizing::new(text).as_str()).ok()?);
    <[u8; 32]>::try_from(bytes.as_slice()).ok().map(Zeroizing::new)
}

impl Inner {
    /// Puts the secret back, should it be lost. If a service that started meanwhile has made another, gives that.
    pub(super) async fn put_secret_back(&self) -> Result<Option<Secret>, Unavailable> {
        let own = lock(&self.secret).clone();
        let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(*own));
        let put = |mut connection, _| async move {
            let key = format!("{PREFIX}secret");
            redis::cmd("SETNX").arg(&key).arg(text.as_str()).query_async::<bool>(&mut connection).await?;
            redis::cmd("GET").arg(&key).query_async::<String>(&mut connection).await
        };
        let there = read(self.link.ask(put).await?).ok_or_else(|| Unavailable::new("the secret cannot be read"))?;
        Ok((there != own).then_some(there))
    }

    /// For the others, who take the tokens on that were sealed under this service's secret until now.
    pub(super) fn earlier_secret(&self) -> Record {
        let expires = lock(&self.known).latest.saturating_add(Ttl::MAX);
        let own = lock(&self.secret);
        // The same name from all who had it.
        let tag = URL_SAFE_NO_PAD.encode(Sha256::digest(**own));
        Record {
            name: format!("{OF_EARLIER_SECRET}{tag}").into(),
            value: Some(Zeroizing::new(own.to_vec())),
            expires: Some(expires),
        }
    }

    /// Goes by that secret from now on; gives what the service is told of it.
    pub(super) fn adopt(&self, secret: Secret) -> Record {
        tracing::warn!("another service has made another secret while Redis was empty; tokens of either are taken");
        let value = Some(Zeroizing::new(secret.to_vec()));
        *lock(&self.secret) = secret;
        Record { name: SECRET.into(), value, expires: None }
    }
}
