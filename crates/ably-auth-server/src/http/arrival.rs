//! How a request came over a socket.

use std::net::{IpAddr, SocketAddr};

/// How a request came over a socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// The address on which it came.
    pub(crate) local: SocketAddr,
    /// From where it came, as far as that is to be believed.
    pub(crate) client: IpAddr,
    /// Whether nobody on the way could read it.
    pub(crate) is_private: bool,
}
