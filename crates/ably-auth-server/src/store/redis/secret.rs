//! The secret under which tokens are sealed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::link::Link;
use super::{Inner, PREFIX};
use crate::error::{Error, ErrorKind};
use crate::random;
use crate::store::Unavailable;

/// The secret that is there or, if there is none, a new one.
pub(super) async fn agree(link: &Link) -> Result<Zeroizing<[u8; 32]>, Error> {
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
    let bytes = URL_SAFE_NO_PAD.decode(Zeroizing::new(text).as_str()).ok().map(Zeroizing::new);
    bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok().map(Zeroizing::new)).ok_or_else(|| {
        let message =
            format!("`{key}` in Redis is no secret of 32 bytes in URL-safe base64; put it back, or delete it");
        Error::new(ErrorKind::Store, message)
    })
}

impl Inner {
    pub(super) async fn put_secret_back(&self) -> Result<(), Unavailable> {
        let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(*self.secret));
        let put = |mut connection, _| async move {
            redis::cmd("SETNX")
                .arg(format!("{PREFIX}secret"))
                .arg(text.as_str())
                .query_async::<bool>(&mut connection)
                .await
        };
        self.link.ask(put).await?;
        Ok(())
    }
}
