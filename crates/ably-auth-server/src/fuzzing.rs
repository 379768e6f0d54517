//! Parsers that have no public API, for the fuzz targets of `cargo xtask fuzz`. Only `cfg(fuzzing)` compiles this.

use std::net::IpAddr;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::net;
use crate::service::Service;
#[cfg(feature = "redis")]
use crate::store::Record;

/// Serves one connection of a [`Server`](crate::Server) over any stream, until it ends.
pub async fn serve<S>(service: Service, stream: S, client: IpAddr)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    net::serve_stream(service, stream, client).await;
}

/// Reads a reply of the Redis script from the bytes of the protocol: the outcome, and the new records with their sequence
/// numbers.
#[cfg(feature = "redis")]
#[must_use]
pub fn redis_reply(bytes: &[u8]) -> Option<(String, Vec<(Record, u64)>)> {
    crate::store::reply_of(bytes)
}

/// Reads a journal file of a store in a folder: the time of each frame, and the number of its nonces.
///
/// # Errors
/// The offset from which the file is damaged.
#[cfg(feature = "redb")]
pub fn journal(file: &[u8]) -> Result<Vec<(u64, usize)>, usize> {
    crate::store::frames_of(file)
}
