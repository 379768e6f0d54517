//! Values that are refused in words that say how to write them.

use std::net::SocketAddr;

pub(super) fn milliseconds(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "it is no whole number of milliseconds; for a minute, write 60000".into())
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "it is no IP address with a port; write one such as 127.0.0.1:8484 or [::1]:8484".into())
}
