//! Limits of what the service accepts, and its timeouts.

pub(crate) mod budget;
pub(crate) mod rate_limiter;

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;
use std::time::Duration;

use crate::error::{Error, ErrorKind};

/// The limits of a [`Service`](crate::Service). A request above a limit is refused at once, and the response names the
/// reason.
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
    /// The maximum length of a request body, in bytes; a longer one is answered with 413. 64 KiB by default.
    pub body_bytes: usize,
    /// The maximum length of the request line and the headers, in bytes; more is answered with 431. 16 KiB by default;
    /// the minimum is 4 KiB.
    pub header_bytes: usize,
    /// The maximum time in which a client must send a request's headers, counted from the first byte or, for the first
    /// request, from the connection. 10 s by default.
    pub header_deadline: Duration,
    /// The maximum time in which a client must send a body, counted from the end of the headers; then the response is
    /// 408. 10 s by default.
    pub body_deadline: Duration,
    /// The maximum time for which a client may read nothing of a response; then the connection is closed. 10 s by
    /// default.
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
    /// The maximum memory, in bytes, for the log of the console. Above it, the oldest entries are dropped. 16 MiB by
    /// default.
    pub console_bytes: usize,
    /// The maximum number of pages of the console that show the live log at the same time; more are answered with 429. 16
    /// by default.
    pub console_streams: usize,
    /// The time, or up to twice the time, for which a connection is kept open without a request. 75 s by default. Most
    /// load balancers have 60 s, so they close the connection first.
    pub idle: Duration,
    /// The maximum number of open connections. A new one above it closes the connection that has been idle longest. If
    /// none is idle, requests on the new connection are answered with 503. 10,000 by default.
    pub connections: usize,
    /// The maximum number of open connections from one IPv4 address or IPv6 /64 network; requests on more connections
    /// are answered with 503. Trusted proxies have no such limit. `None` means a quarter of
    /// [`connections`](Self::connections), or no limit in a sandbox; `Some(usize::MAX)` means no limit. `None` by
    /// default.
    pub connections_per_address: Option<usize>,
    /// The maximum number of requests in flight; more are answered with 503. 2,000 by default.
    pub requests: usize,
    /// The maximum memory, in bytes, for revocations; one app may use a quarter of it. Revocations above it are
    /// answered with 429 (42910). 256 MiB by default.
    pub revocation_bytes: usize,
    /// The maximum rate of requests with a key and its tokens together; more are answered with 429. `None` means no
    /// limit. `None` by default.
    pub per_key: Option<Rate>,
    /// The maximum rate of requests from one IPv4 address or IPv6 /64 network; more are answered with 429. `None` means
    /// no limit. `None` by default.
    pub per_address: Option<Rate>,
    /// The maximum rate of audit events for refused requests of unauthenticated callers. Events above it are counted
    /// but not emitted; the next emitted event has their number. 10 per second with a burst of 100 by default; `None`
    /// means no limit.
    pub audit_refusals: Option<Rate>,
    /// The maximum memory, in bytes, that realtime connections use in addition to a fixed part of each: for frames that
    /// are being received or wait to be sent, attachments and presence members. The connections of one app get at most
    /// a quarter. What needs more is refused, and a connection whose frames do not fit is closed. 256 MiB by default.
    pub realtime_bytes: usize,
    /// The maximum of these bytes for one connection. A connection that reads too slowly to stay below it is closed
    /// with 80003. 4 MiB by default; the minimum is 1 MiB.
    pub connection_bytes: usize,
    /// The maximum number of realtime connections of one app; `None` means half of [`connections`](Self::connections).
    /// More are refused with 40150. `None` by default.
    pub connections_per_app: Option<usize>,
    /// The maximum number of realtime connections of one key and its tokens; `None` means as many as of its app. More
    /// are refused with 40151. `None` by default.
    pub connections_per_key: Option<usize>,
    /// The maximum rate of frames from one realtime connection. A frame above it is refused with 42911, or the
    /// connection is closed with 42921. 250 per second with a burst of 500 by default.
    pub connection_frames: Rate,
    /// The maximum number of channels to which one realtime connection is attached; more are refused with 90010. 200 by
    /// default.
    pub attachments: usize,
    /// The maximum number of presence members of one channel; more are refused with 91003. Together, they use at most a
    /// quarter of [`connection_bytes`](Self::connection_bytes), so that each connection can be sent all of them. 250 by
    /// default.
    pub presence_members: usize,
    /// The time for which the presence members of a lost realtime connection stay. 15 s by default.
    pub presence_grace: Duration,
    /// The time for which a lost realtime connection can be resumed. 2 minutes by default.
    pub connection_state_ttl: Duration,
    /// The time for which realtime connections stay open while a store that other services share does not answer. Then
    /// they end with 50003, since their credentials may have been revoked. 10 s by default.
    pub store_silence: Duration,
    /// The time after which the service sends something on a silent realtime connection. 15 s by default.
    pub heartbeat: Duration,
    /// The networks of the proxies that are trusted to state the client's address and whether it used TLS. None by
    /// default.
    pub trusted_proxies: Vec<Network>,
    /// The header in which [`trusted_proxies`](Self::trusted_proxies) state this; no other is read. The proxies must
    /// set it or append to it in every request. [`ProxyHeader::XForwarded`] by default.
    pub proxy_header: ProxyHeader,
    /// The time for which the service still accepts requests after shutdown begins, while it reports that it is not
    /// ready, so that load balancers notice. 0 s by default.
    pub shutdown_delay: Duration,
    /// The maximum time for in-flight requests after that delay. 3 s by default.
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
            console_bytes: 16 * 1024 * 1024,
            console_streams: 16,
            idle: Duration::from_secs(75),
            connections: 10_000,
            connections_per_address: None,
            requests: 2_000,
            revocation_bytes: 256 * 1024 * 1024,
            per_key: None,
            per_address: None,
            audit_refusals: Some(Rate { per_second: 10, burst: 100 }),
            realtime_bytes: 256 * 1024 * 1024,
            connection_bytes: 4 * 1024 * 1024,
            connections_per_app: None,
            connections_per_key: None,
            connection_frames: Rate { per_second: 250, burst: 500 },
            attachments: 200,
            presence_members: 250,
            presence_grace: Duration::from_secs(15),
            connection_state_ttl: Duration::from_secs(120),
            store_silence: Duration::from_secs(10),
            heartbeat: Duration::from_secs(15),
            trusted_proxies: Vec::new(),
            proxy_header: ProxyHeader::XForwarded,
            shutdown_delay: Duration::ZERO,
            shutdown_grace: Duration::from_secs(3),
        }
    }
}

impl Limits {
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.contains(peer))
    }

    /// Returns the maximum memory, in bytes, of the presence members of a channel.
    pub(crate) const fn presence_bytes(&self) -> usize {
        self.connection_bytes / 4
    }

    /// Returns the maximum number of realtime connections of one app, and of one key.
    pub(crate) fn most_connections_of_app_and_key(&self) -> (usize, usize) {
        let of_app = self.connections_per_app.unwrap_or(self.connections / 2).max(1);
        (of_app, self.connections_per_key.unwrap_or(of_app).max(1))
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

/// A rate limit: `per_second` requests per second on average, and `burst` at once. Neither is 0.
///
/// The text form is `100` or `100:250`, with the burst after the colon. The default burst is twice the rate.
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
    /// The average number of requests per second.
    pub per_second: u32,
    /// The maximum number of requests at once.
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
            let message = format!(
                "invalid rate `{text}`: not positive numbers; write `100` per second, or with a burst `100:250`"
            );
            Error::new(ErrorKind::Limits, message)
        })?;
        Ok(Self { per_second, burst })
    }
}

/// An IP address, or a network such as `10.0.0.0/8`.
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
    /// The address in IPv6 form; IPv4 addresses are mapped to it.
    bits: u128,
    prefix: u8,
}

const IPV6_BITS: u8 = 128;
const IPV4_BITS: u8 = 32;

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

impl Network {
    /// Returns whether the address is in the network.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let ignored = u32::from(IPV6_BITS.saturating_sub(self.prefix));
        (self.bits ^ bits(address)).checked_shr(ignored).unwrap_or(0) == 0
    }
}

impl FromStr for Network {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let network = || {
            let address: IpAddr = address.parse().ok()?;
            let (max, offset) = if address.is_ipv4() { (IPV4_BITS, IPV6_BITS - IPV4_BITS) } else { (IPV6_BITS, 0) };
            let prefix = prefix.map_or(Some(max), |prefix| prefix.parse().ok().filter(|prefix| *prefix <= max))?;
            Some(Self { bits: bits(address), prefix: prefix.saturating_add(offset) })
        };
        network().ok_or_else(|| {
            let message = format!(
                "invalid network `{text}`: not an address or network; write it like `10.0.0.1` or `10.0.0.0/8`"
            );
            Error::new(ErrorKind::Limits, message)
        })
    }
}

/// Returns the key of an address for rate limits: the IPv4 address, or the /64 network, because an IPv6 client has many
/// addresses.
pub(crate) fn site(address: IpAddr) -> u128 {
    const NETWORK_BITS: u32 = 64;
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::to_bits(v6) >> NETWORK_BITS,
        v4 @ IpAddr::V4(_) => bits(v4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_parsed_and_matched() {
        let contains = |network: &str, address: &str| {
            network.parse::<Network>().unwrap().contains(address.parse::<IpAddr>().unwrap())
        };
        assert!(contains("127.0.0.1", "127.0.0.1") && !contains("127.0.0.1", "127.0.0.2"));
        assert!(contains("127.0.0.1", "::ffff:127.0.0.1"), "a dual-stack socket reports IPv4 peers in this form");
        assert!(contains("0.0.0.0/0", "9.9.9.9") && !contains("0.0.0.0/0", "2001:db8::1"));
        assert!(contains("::/0", "9.9.9.9") && contains("::/0", "2001:db8::1"));
        assert!(contains("2001:db8::/33", "2001:db8:7fff::1") && !contains("2001:db8::/33", "2001:db8:8000::1"));
        for wrong in ["", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "::/129", "localhost", "10.0.0.0/8/8"] {
            let error = wrong.parse::<Network>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("invalid network `{wrong}`: ")), "{error}");
        }
    }

    #[test]
    fn site_is_ipv4_address_or_ipv6_64_network() {
        let site = |address: &str| site(address.parse().unwrap());
        assert_ne!(site("10.0.0.1"), site("10.0.0.2"));
        assert_eq!(site("10.0.0.1"), site("::ffff:10.0.0.1"));
        assert_eq!(site("2001:db8::1"), site("2001:db8::2:3:4:5"));
        assert_ne!(site("2001:db8::1"), site("2001:db8:0:1::1"));
    }
}
