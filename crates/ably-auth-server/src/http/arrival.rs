//! The origin of a request that came over a socket.

use std::net::{IpAddr, SocketAddr};

/// The origin of a request that came over a socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// The local address of the connection.
    pub(crate) local: SocketAddr,
    /// The address of the client, as a trusted proxy reports it, or else of the peer.
    pub(crate) client: IpAddr,
    /// True if the client used TLS.
    pub(crate) is_tls: bool,
}
