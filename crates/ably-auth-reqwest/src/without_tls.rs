//! The transport's own HTTP client without the feature `rustls`: reqwest, for `http` URIs.

use std::sync::Arc;

use ably_auth::{Error, FaultKind, HttpSettings, TransportFault};
use http::Uri;

use crate::proxies::{Proxies, UnsupportedProxy};

/// Two reqwest clients that follow no redirects: one for direct connections, one for connections through a proxy.
#[derive(Clone, Debug)]
pub(crate) struct WithoutTls {
    direct: reqwest::Client,
    by_proxy: reqwest::Client,
    proxies: Arc<Proxies>,
}

impl WithoutTls {
    #[cfg(not(feature = "rustls"))]
    pub(crate) fn new(settings: &HttpSettings) -> Result<Self, Error> {
        Self::with_proxies(settings, Proxies::from_system())
    }

    fn with_proxies(settings: &HttpSettings, proxies: Proxies) -> Result<Self, Error> {
        if settings.has_own_roots() {
            let text =
                "root certificates need TLS; enable the feature `rustls` of ably-auth-reqwest, or leave them out";
            return Err(Error::configuration(text));
        }
        let builder = || {
            reqwest::Client::builder()
                .connect_timeout(settings.http_open_timeout())
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
        };
        let proxies = Arc::new(proxies);
        let proxy = reqwest::Proxy::custom({
            let proxies = Arc::clone(&proxies);
            move |url| proxies.url_for(&url.as_str().parse().ok()?)
        });
        let build = |builder: reqwest::ClientBuilder| {
            builder.build().map_err(|error| Error::configuration(format!("reqwest cannot be set up: {error}")))
        };
        Ok(Self { direct: build(builder())?, by_proxy: build(builder().proxy(proxy))?, proxies })
    }

    /// Returns the client for a request to `uri`, or an error if its proxy cannot be used.
    pub(crate) fn client_for(&self, uri: &Uri) -> Result<&reqwest::Client, TransportFault> {
        self.proxies.check(uri)?;
        let Some(proxy) = self.proxies.proxy_for(uri) else { return Ok(&self.direct) };
        UnsupportedProxy::check(&proxy).map_err(|error| TransportFault::new(FaultKind::Unreachable, error))?;
        Ok(&self.by_proxy)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread;

    use ably_auth::{FaultKind, HttpSettings, ProxyEnv};
    use hyper_util::client::proxy::matcher::Matcher;

    use super::WithoutTls;
    use crate::proxies::Proxies;

    /// Starts a server, names it as `HERE` in `variables` and in `uri`, requests `uri`, and returns what the server was
    /// asked for.
    fn asked(variables: &[(&str, &str)], uri: &str) -> Result<Option<String>, FaultKind> {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = server.local_addr().unwrap().to_string();
        let serves = thread::spawn(move || {
            let (mut stream, _) = server.accept().unwrap();
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
                head.push(byte[0]);
            }
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
            String::from_utf8(head).unwrap()
        });
        // reqwest panics without a provider if another crate of the program enables its rustls. A provider may be
        // installed already.
        #[cfg(feature = "rustls")]
        let _ = rustls::crypto::ring::default_provider().install_default();
        let env = ProxyEnv::read(|name| {
            let found = variables.iter().find(|(theirs, _)| *theirs == name);
            found.map(|(_, value)| value.replace("HERE", &here).into())
        });
        let proxies = Proxies::new(Matcher::builder().build(), env);
        let clients = WithoutTls::with_proxies(&HttpSettings::default(), proxies).unwrap();
        let uri = uri.replace("HERE", &here);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let outcome = clients.client_for(&uri.parse().unwrap()).map_err(|fault| fault.kind());
        let outcome = outcome.map(|client| runtime.block_on(client.get(&uri).send()).is_ok());
        // If no request reached the server, this connection ends its thread.
        drop(std::net::TcpStream::connect(&here));
        let head = serves.join().unwrap();
        outcome.map(|_| (!head.is_empty()).then_some(head))
    }

    const ELSEWHERE: &str = "http://service.invalid/a";

    #[test]
    fn request_goes_by_proxy_of_environment() {
        for (variable, value) in [("HTTP_PROXY", "http://user:pass@HERE"), ("all_proxy", "user:pass@HERE")] {
            let head = asked(&[(variable, value)], ELSEWHERE).unwrap().unwrap().to_ascii_lowercase();
            assert!(head.starts_with("get http://service.invalid/a "), "{head}");
            assert!(head.contains("proxy-authorization: basic dxnlcjpwyxnz"), "{head}");
        }
        assert_eq!(asked(&[("HTTPS_PROXY", "http://HERE")], ELSEWHERE), Ok(None));
        let cgi = [("REQUEST_METHOD", "GET"), ("HTTP_PROXY", "http://HERE")];
        assert_eq!(asked(&cgi, ELSEWHERE), Ok(None));
    }

    #[test]
    fn unusable_proxy_is_refused_unless_host_is_excepted() {
        for value in ["socks5://HERE", "http://HERE/path", "nonsense://HERE"] {
            assert_eq!(asked(&[("ALL_PROXY", value)], ELSEWHERE), Err(FaultKind::Unreachable), "{value}");
            assert_eq!(asked(&[("ALL_PROXY", value), ("NO_PROXY", "service.invalid")], ELSEWHERE), Ok(None), "{value}");
        }
    }

    #[test]
    fn this_machine_is_reached_directly() {
        for proxy in ["http://proxy.invalid:1", "socks5://proxy.invalid:1"] {
            let head = asked(&[("ALL_PROXY", proxy)], "http://HERE/a").unwrap().unwrap();
            assert!(head.starts_with("GET /a "), "{head}");
        }
    }
}
