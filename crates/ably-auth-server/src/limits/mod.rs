//! How much the service takes on at once, and how long it waits for it.

pub(crate) mod budget;
pub(crate) mod rate_limiter;

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;
use std::time::Duration;

use crate::error::{Error, ErrorKind};

/// What a [`Service`](crate::Service) takes on. Whatever is over a limit is answered at once, with the reason.
///
/// ```
/// use std::time::Duration;
/// use ably_auth_server::{Limits, Rate, Service};
///
/// let mut limits = Limits::default();
/// limits.header_deadline = Duration::from_secs(5);
/// limits.per_address = Some(Rate { per_second: 50, burst: 100 });
/// let service = Service::builder().limits(limits).build()?;
/// # Ok::<(), ably_auth_server::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The largest body that is read, in bytes; a larger one is answered with 413. 64 KiB unless said so.
    pub body_bytes: usize,
    /// The most that the line of a request and its headers may be, in bytes; more is answered with 431. 16 KiB unless said
    /// so, and 4 KiB at least.
    pub header_bytes: usize,
    /// How long a client may take to send a request's headers, from its first byte or, for the first request, from
    /// connecting. 10 s unless said so.
    pub header_deadline: Duration,
    /// How long a client may take to send a body, from the end of the headers; then the answer is 408. 10 s unless said so.
    pub body_deadline: Duration,
    /// How long a client may take to take in any more of its answers; then the connection is closed. 10 s unless said so.
    pub answer_deadline: Duration,
    /// The minimum average rate, in bytes per second, at which a client must read a large response after
    /// `answer_deadline`; a slower client's connection is closed. 32 KiB by default.
    pub answer_bytes_per_second: u32,
    /// The maximum bytes of responses over 4 KiB in flight, from when they are made until they are written; requests
    /// above that are answered with 503. The holders of one app's keys and tokens get at most a quarter. 64 MiB by
    /// default.
    pub answers_bytes: usize,
    /// The maximum memory, in bytes, for the history of all channels. Above it, the app with the most history loses its
    /// oldest messages. 256 MiB by default.
    pub history_bytes: usize,
    /// The maximum memory, in bytes, for apps and keys that are created or changed at run time, over the Control API or
    /// in a sandbox; requests for more are answered with 429. 64 MiB by default.
    pub run_time_bytes: usize,
    /// How long a connection is kept for another request, or twice that. 75 s unless said so: more than the 60 s of most
    /// load balancers, which are then the ones to close it.
    pub idle: Duration,
    /// The maximum number of open connections. A new one above it closes the connection that has been idle longest. If
    /// none is idle, requests on the new connection are answered with 503. 10,000 by default.
    pub connections: usize,
    /// The maximum number of open connections from one IPv4 address or IPv6 /64 network; requests on more connections
    /// are answered with 503. Trusted proxies have no such limit. `None` means a quarter of
    /// [`connections`](Self::connections), or no limit in a sandbox; `Some(usize::MAX)` means no limit. `None` by
    /// default.
    pub connections_per_address: Option<usize>,
    /// The most requests that are being read and answered at once; more are answered with 503. 2,000 unless said so.
    pub requests: usize,
    /// The maximum memory, in bytes, for revocations; one app may use a quarter of it. Revocations above it are
    /// answered with 429 (42910). 256 MiB by default.
    pub revocation_bytes: usize,
    /// How many requests a key's holder and the holders of its tokens may make together; more are answered with 429. None:
    /// any number, as unless said so.
    pub per_key: Option<Rate>,
    /// How many requests may come from an IPv4 address or an IPv6 network of 64 bits; more are answered with 429. None: any
    /// number, as unless said so.
    pub per_address: Option<Rate>,
    /// The maximum rate of audit events for refused requests of unauthenticated callers. Events above it are counted
    /// but not emitted; the next emitted event has their number. 10 per second with a burst of 100 by default; `None`
    /// means no limit.
    pub audit_refusals: Option<Rate>,
    /// The networks of the proxies that are trusted to state the client's address and whether it used TLS. None by
    /// default.
    pub trusted_proxies: Vec<Network>,
    /// The header in which [`trusted_proxies`](Self::trusted_proxies) state this; no other is read. The proxies must
    /// set it or append to it in every request. [`ProxyHeader::XForwarded`] by default.
    pub proxy_header: ProxyHeader,
    /// How long the service goes on as ever, saying that it is not ready, once it is to end: for load balancers to notice.
    /// No time unless said so.
    pub shutdown_delay: Duration,
    /// How long, after that, requests that have begun may take to be answered. 5 s unless said so.
    pub shutdown_grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 64 * 1024,
            header_bytes: 16 * 1024,
            header_deadline: Duration::from_secs(10),
            body_deadline: Duration::from_secs(10),
            answer_deadline: Duration::from_secs(10),
            answer_bytes_per_second: 32 * 1024,
            answers_bytes: 64 * 1024 * 1024,
            history_bytes: 256 * 1024 * 1024,
            run_time_bytes: 64 * 1024 * 1024,
            idle: Duration::from_secs(75),
            connections: 10_000,
            connections_per_address: None,
            requests: 2_000,
            revocation_bytes: 256 * 1024 * 1024,
            per_key: None,
            per_address: None,
            audit_refusals: Some(Rate { per_second: 10, burst: 100 }),
            trusted_proxies: Vec::new(),
            proxy_header: ProxyHeader::XForwarded,
            shutdown_delay: Duration::ZERO,
            shutdown_grace: Duration::from_secs(5),
        }
    }
}

impl Limits {
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.contains(peer))
    }

    /// Returns the maximum number of connections from one address.
    pub(crate) fn most_connections_per_address(&self, is_sandbox: bool) -> usize {
        let usual = if is_sandbox { usize::MAX } else { self.connections / 4 };
        self.connections_per_address.unwrap_or(usual).max(1)
    }
}

/// The headers in which a trusted proxy states the client's address and whether it used TLS.
///
/// Only one kind is read, because a proxy that sets one kind passes the other on as the client sent it.
///
/// ```
/// use ably_auth_server::{Limits, ProxyHeader};
///
/// let mut limits = Limits::default();
/// limits.trusted_proxies = vec!["10.0.0.0/8".parse()?];
/// limits.proxy_header = ProxyHeader::Forwarded;
/// # Ok::<(), ably_auth_server::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyHeader {
    /// `X-Forwarded-For` and `X-Forwarded-Proto`.
    #[default]
    XForwarded,
    /// `Forwarded`, as in RFC 7239.
    Forwarded,
}

/// How often something may happen: `per_second` times on the long run, `burst` times at once. Neither is 0.
///
/// It is written as `100` or `100:250`, the burst after the colon; a burst that is not written is twice the rate.
///
/// ```
/// use ably_auth_server::Rate;
///
/// assert_eq!("100:250".parse::<Rate>()?, Rate { per_second: 100, burst: 250 });
/// assert_eq!("100".parse::<Rate>()?, Rate { per_second: 100, burst: 200 });
/// assert!("0".parse::<Rate>().is_err());
/// # Ok::<(), ably_auth_server::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How often on the long run.
    pub per_second: u32,
    /// How often at once.
    pub burst: u32,
}

impl FromStr for Rate {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let number = |text: &str| text.parse::<u32>().ok().filter(|number| *number > 0);
        let rate = match text.split_once(':') {
            Some((rate, burst)) => number(rate).zip(number(burst)),
            None => number(text).map(|rate| (rate, rate.saturating_mul(2))),
        };
        let (per_second, burst) = rate.ok_or_else(|| {
            let message =
                format!("`{text}` is no rate; give requests per second, as `100`, or with a burst, as `100:250`");
            Error::new(ErrorKind::Limits, message)
        })?;
        Ok(Self { per_second, burst })
    }
}

/// An address, or a network of addresses, written as `10.0.0.0/8`.
///
/// ```
/// use ably_auth_server::Network;
///
/// let network: Network = "10.0.0.0/8".parse()?;
/// assert!(network.contains("10.1.2.3".parse()?) && !network.contains("11.1.2.3".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// As an IPv6 address, which every IPv4 address is too.
    bits: u128,
    prefix: u8,
}

const BITS_OF_V6: u8 = 128;
const BITS_OF_V4: u8 = 32;

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

impl Network {
    /// Whether the address is of it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let ignored = u32::from(BITS_OF_V6.saturating_sub(self.prefix));
        (self.bits ^ bits(address)).checked_shr(ignored).unwrap_or(0) == 0
    }
}

impl FromStr for Network {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let network = || {
            let address: IpAddr = address.parse().ok()?;
            let (most, before) =
                if address.is_ipv4() { (BITS_OF_V4, BITS_OF_V6 - BITS_OF_V4) } else { (BITS_OF_V6, 0) };
            let prefix = prefix.map_or(Some(most), |prefix| prefix.parse().ok().filter(|prefix| *prefix <= most))?;
            Some(Self { bits: bits(address), prefix: prefix.saturating_add(before) })
        };
        network().ok_or_else(|| {
            let message = format!("`{text}` is no address or network; give one as `10.0.0.1` or `10.0.0.0/8`");
            Error::new(ErrorKind::Limits, message)
        })
    }
}

/// What a rate goes by: the address, or in IPv6, where everybody has many, the network of a site.
pub(crate) fn site(address: IpAddr) -> u128 {
    const SITE: u32 = 64;
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::to_bits(v6) >> SITE,
        v4 @ IpAddr::V4(_) => bits(v4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_and_contain() {
        let contains = |network: &str, address: &str| {
            network.parse::<Network>().unwrap().contains(address.parse::<IpAddr>().unwrap())
        };
        assert!(contains("127.0.0.1", "127.0.0.1") && !contains("127.0.0.1", "127.0.0.2"));
        assert!(contains("127.0.0.1", "::ffff:127.0.0.1"), "a socket for both families says it so");
        assert!(contains("0.0.0.0/0", "9.9.9.9") && !contains("0.0.0.0/0", "2001:db8::1"));
        assert!(contains("::/0", "9.9.9.9") && contains("::/0", "2001:db8::1"));
        assert!(contains("2001:db8::/33", "2001:db8:7fff::1") && !contains("2001:db8::/33", "2001:db8:8000::1"));
        for wrong in ["", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "::/129", "localhost", "10.0.0.0/8/8"] {
            let error = wrong.parse::<Network>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{wrong}` is no address or network; ")), "{error}");
        }
    }

    #[test]
    fn a_site_is_an_address_or_a_network_of_64_bits() {
        let site = |address: &str| site(address.parse().unwrap());
        assert_ne!(site("10.0.0.1"), site("10.0.0.2"));
        assert_eq!(site("10.0.0.1"), site("::ffff:10.0.0.1"));
        assert_eq!(site("2001:db8::1"), site("2001:db8::2:3:4:5"));
        assert_ne!(site("2001:db8::1"), site("2001:db8:0:1::1"));
    }
}
