//! The proxies of the transport's own agent.

use ably_auth::{FaultKind, ProxyEnv, TransportFault, is_loopback};
use http::Uri;
use ureq::{Proxy, ProxyProtocol};

/// The proxies of the environment.
#[derive(Clone, Debug)]
pub(crate) struct Proxies {
    env: ProxyEnv,
    /// A placeholder with the `NO_PROXY` list, which tells the hosts that are reached directly. No request goes through
    /// it.
    exceptions: Option<Proxy>,
}

impl Proxies {
    pub(crate) fn new(env: ProxyEnv) -> Self {
        let exceptions = Proxy::builder(ProxyProtocol::Http).host("localhost").no_proxy(env.no_proxy()).build().ok();
        Self { env, exceptions }
    }

    /// Returns the proxy for a request to `uri`, or `None` for a direct connection: to a host in `NO_PROXY`, or to a
    /// loopback address, because a proxy cannot reach this machine.
    pub(crate) fn proxy_for(&self, uri: &Uri) -> Result<Option<Proxy>, TransportFault> {
        if is_loopback(uri) || self.exceptions.as_ref().is_some_and(|exceptions| exceptions.is_no_proxy(uri)) {
            return Ok(None);
        }
        let proxy = self.env.proxy_for(uri)?.map(Proxy::new).transpose();
        proxy.map_err(|_| TransportFault::new(FaultKind::Unreachable, "ureq cannot use the proxy of the environment"))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread;

    use ably_auth::{BlockingTransport as _, FaultKind, HttpSettings, ProxyEnv};
    use bytes::Bytes;
    use http::Request;

    use crate::UreqTransport;

    /// Starts a proxy, names it in each of `variables`, requests `uri`, and returns what the proxy was asked for.
    fn asked(variables: &[(&str, &str)], uri: &str) -> Result<Option<String>, FaultKind> {
        let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = proxy.local_addr().unwrap().to_string();
        let serves = thread::spawn(move || {
            let (mut stream, _) = proxy.accept().unwrap();
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
                head.push(byte[0]);
            }
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
            String::from_utf8(head).unwrap()
        });
        let env = ProxyEnv::read(|name| {
            let found = variables.iter().find(|(theirs, _)| *theirs == name);
            found.map(|(_, value)| value.replace("HERE", &here).into())
        });
        let transport = UreqTransport::for_settings(&HttpSettings::default()).unwrap().with_proxies(env);
        let outcome = transport.send(Request::get(uri).body(Bytes::new()).unwrap());
        // If no request reached the proxy, this connection ends the proxy's thread.
        drop(std::net::TcpStream::connect(&here));
        let head = serves.join().unwrap();
        let was_asked = (!head.is_empty()).then_some(head);
        match (outcome, was_asked) {
            (Ok(_), head) | (Err(_), head @ Some(_)) => Ok(head),
            (Err(fault), None) => Err(fault.kind()),
        }
    }

    const PLAIN: &str = "http://service.invalid/a";
    const TLS: &str = "https://service.invalid/a";

    #[test]
    fn requests_go_by_proxy_of_their_scheme() {
        for variables in [&[("HTTP_PROXY", "http://HERE")], &[("all_proxy", "HERE")]] {
            let head = asked(variables, PLAIN).unwrap().unwrap();
            assert!(head.contains("service.invalid"), "{head}");
        }
        let head = asked(&[("HTTPS_PROXY", "HERE")], TLS).unwrap().unwrap();
        assert!(head.starts_with("CONNECT service.invalid:443 "), "{head}");
        for (variable, uri) in [("HTTP_PROXY", TLS), ("HTTPS_PROXY", PLAIN)] {
            assert_eq!(asked(&[(variable, "HERE")], uri), Err(FaultKind::Unresolvable), "{variable}");
        }
    }

    #[test]
    fn unusable_proxy_is_refused_unless_host_is_excepted() {
        for value in ["socks5://HERE", "socks4://HERE", "http://HERE/path", "nonsense://HERE"] {
            for uri in [PLAIN, TLS] {
                assert_eq!(asked(&[("ALL_PROXY", value)], uri), Err(FaultKind::Unreachable), "{value} {uri}");
                let excepted = [("ALL_PROXY", value), ("NO_PROXY", "service.invalid")];
                assert_eq!(asked(&excepted, uri), Err(FaultKind::Unresolvable), "{value} {uri}");
            }
        }
    }

    #[test]
    fn http_proxy_is_ignored_under_cgi() {
        let variables = [("REQUEST_METHOD", "GET"), ("HTTP_PROXY", "http://HERE")];
        assert_eq!(asked(&variables, PLAIN), Err(FaultKind::Unresolvable));
    }
}
