//! The secret that seals tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::link::{Link, PREFIX};
use crate::error::{Error, ErrorKind};
use crate::random;

pub(super) type Secret = Zeroizing<[u8; 32]>;

/// Returns the secret in Redis; creates it if it is missing.
pub(super) async fn load_or_create(link: &Link) -> Result<Secret, Error> {
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
        let message =
            format!("cannot read the secret from Redis: {}; check the permissions of the user", unavailable.0);
        Error::new(ErrorKind::Store, message)
    })?;
    read(text).ok_or_else(|| {
        let message =
            format!("invalid secret `{key}` in Redis: not 32 bytes in URL-safe base64; restore it, or delete it");
        Error::new(ErrorKind::Store, message)
    })
}

pub(super) fn read(text: String) -> Option<Secret> {
    let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(Zeroizing::new(text).as_str()).ok()?);
    <[u8; 32]>::try_from(bytes.as_slice()).ok().map(Zeroizing::new)
}
