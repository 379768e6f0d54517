//! TCP connections, without a hook.

use std::io;
use std::time::Duration;

use ably_auth::{FaultKind, TransportFault};
use async_trait::async_trait;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::connect::{ByteStream, Connect};

/// The shortest time for one of many addresses. A shorter one would reach only near hosts.
const MIN_SHARE: Duration = Duration::from_secs(1);

/// A hook that opens TCP connections. It tries each address of a host.
pub(crate) struct Tcp {
    /// The time for all addresses together.
    pub(crate) timeout: Duration,
}

#[async_trait]
impl Connect for Tcp {
    async fn connect(&self, host: &str, port: u16) -> Result<Box<dyn ByteStream>, TransportFault> {
        let unresolvable = |error: io::Error| TransportFault::new(FaultKind::Unresolvable, error);
        let addresses: Vec<_> = lookup_host((host, port)).await.map_err(unresolvable)?.collect();
        // An address that does not respond must leave time for the others.
        let share = self.timeout.checked_div(u32::try_from(addresses.len()).unwrap_or(u32::MAX)).unwrap_or_default();
        let share = share.max(MIN_SHARE);
        let mut last = TransportFault::new(FaultKind::Unresolvable, "the name has no address");
        for address in addresses {
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // Protocol messages are small, and each is sent at once.
                    let _ = stream.set_nodelay(true);
                    return Ok(Box::new(stream));
                }
                Ok(Err(error)) => last = TransportFault::new(FaultKind::Unreachable, error),
                Err(_) => last = TransportFault::new(FaultKind::TimedOut, "the address did not respond in time"),
            }
        }
        Err(last)
    }
}
