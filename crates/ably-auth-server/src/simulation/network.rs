//! The connections to a simulated Redis.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

/// A connection.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A connection that is being opened.
pub type Connecting = Pin<Box<dyn Future<Output = io::Result<Box<dyn Stream>>> + Send>>;

/// A simulated network.
pub trait Network: Send + Sync {
    /// Connects to the host of a Redis URL.
    fn connect(&self, host: &str) -> Connecting;
}

impl fmt::Debug for dyn Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Network")
    }
}

thread_local! {
    static NETWORK: RefCell<Option<Arc<dyn Network>>> = const { RefCell::new(None) };
}

/// Sets the network of this thread.
pub fn set_network(network: Option<Arc<dyn Network>>) {
    NETWORK.set(network);
}

pub(crate) async fn connect(host: &str) -> io::Result<Box<dyn Stream>> {
    match NETWORK.with_borrow(Clone::clone) {
        Some(network) => network.connect(host).await,
        None => Err(io::Error::other("this thread has no simulated network")),
    }
}
