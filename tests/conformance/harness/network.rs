//! A resolver for host names, and unreachable hosts.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// The kind of a host. A name without a kind resolves to the scripted server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Host {
    /// The name cannot be resolved.
    Unknown,
    /// The host refuses connections.
    Refuses,
    /// The host neither accepts nor refuses connections.
    Mute,
}

/// The resolver of both clients.
#[derive(Clone, Debug)]
pub(crate) struct Network(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    server: SocketAddr,
    hosts: Mutex<HashMap<String, Host>>,
    asked: Mutex<Vec<String>>,
    refusing: Socket,
    mute: Mutex<Option<Mute>>,
}

/// A listener with a full queue. The kernel drops further connection attempts.
#[derive(Debug)]
struct Mute {
    listener: Socket,
    _queue: Vec<TcpStream>,
}

fn bound() -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    socket
}

fn address(socket: &Socket) -> SocketAddr {
    socket.local_addr().unwrap().as_socket().unwrap()
}

impl Mute {
    fn new() -> Self {
        let listener = bound();
        listener.listen(0).unwrap();
        let target = address(&listener);
        let connect = || TcpStream::connect_timeout(&target, Duration::from_millis(50)).ok();
        let queue = std::iter::from_fn(connect).take(64).collect();
        Self { listener, _queue: queue }
    }
}

impl Network {
    pub(super) fn new(server: SocketAddr) -> Self {
        // A port that is bound but not listened on refuses connections, and no other process can take it.
        Self(Arc::new(Inner {
            server,
            hosts: Mutex::default(),
            asked: Mutex::default(),
            refusing: bound(),
            mute: Mutex::default(),
        }))
    }

    pub(crate) fn set(&self, name: &str, host: Host) {
        self.0.hosts.lock().unwrap().insert(name.into(), host);
    }

    /// Returns the resolved names, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.0.asked.lock().unwrap().clone()
    }

    /// Returns the address of a name, if it resolves.
    pub(super) fn resolve(&self, name: &str) -> Option<SocketAddr> {
        self.0.asked.lock().unwrap().push(name.into());
        match self.0.hosts.lock().unwrap().get(name) {
            None => Some(self.0.server),
            Some(Host::Unknown) => None,
            Some(Host::Refuses) => Some(address(&self.0.refusing)),
            Some(Host::Mute) => {
                let mut mute = self.0.mute.lock().unwrap();
                Some(address(&mute.get_or_insert_with(Mute::new).listener))
            }
        }
    }
}

impl reqwest::dns::Resolve for Network {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let found = Network::resolve(self, name.as_str());
        Box::pin(std::future::ready(match found {
            Some(address) => Ok(Box::new(std::iter::once(address)) as reqwest::dns::Addrs),
            None => Err("no such host".into()),
        }))
    }
}

impl ureq::unversioned::resolver::Resolver for Network {
    fn resolve(
        &self,
        uri: &http::Uri,
        _config: &ureq::config::Config,
        _timeout: ureq::unversioned::transport::NextTimeout,
    ) -> Result<ureq::unversioned::resolver::ResolvedSocketAddrs, ureq::Error> {
        let mut found = self.empty();
        let mut address = Network::resolve(self, uri.host().unwrap_or_default()).ok_or(ureq::Error::HostNotFound)?;
        // As in reqwest, a port in the URL overrides the resolver's.
        address.set_port(uri.port_u16().unwrap_or(address.port()));
        found.push(address);
        Ok(found)
    }
}
