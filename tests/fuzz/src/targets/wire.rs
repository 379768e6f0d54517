//! Bytes on a connection. Each response is whole and has the length that it announces, none is a server error, and the
//! responses are the same if the bytes arrive in two pieces.
//!
//! The first three bytes select the service and the place of the cut.

use std::net::IpAddr;

use ably_auth_server::{Limits, Network, ProxyHeader, Service};

use super::service::{build, with_credentials};
use crate::SECRET;
use crate::connection::exchange;

const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

pub fn run(data: &[u8]) {
    let Some((&[mode, high, low], rest)) = data.split_first_chunk() else { return };
    let service = || -> Service {
        if mode & 0b110 == 0 {
            return build(mode % 2 == 0);
        }
        let mut limits = Limits::default();
        limits.trusted_proxies = vec!["127.0.0.0/8".parse::<Network>().unwrap(), "10.0.0.0/8".parse().unwrap()];
        limits.proxy_header = if mode & 0b100 == 0 { ProxyHeader::XForwarded } else { ProxyHeader::Forwarded };
        super::service::builder(mode % 2 == 0).limits(limits).build().unwrap()
    };
    let bytes = with_credentials(&service(), rest);
    let bytes = &bytes[..];
    let whole = exchange(&service(), CLIENT, &[bytes]);
    // The bodies of responses to HEAD are left out, and the console streams without a length.
    let has_bodies = !contains(bytes, b"HEAD") && !contains(bytes, b"console");
    let statuses = statuses(&whole, has_bodies);
    if mode % 2 == 1 {
        assert!(!contains(&whole, SECRET.as_bytes()), "{}", String::from_utf8_lossy(&whole));
    }
    let at = usize::from(u16::from_be_bytes([high, low])) % (bytes.len() + 1);
    let cut = exchange(&service(), CLIENT, &[&bytes[..at], &bytes[at..]]);
    let of_cut = self::statuses(&cut, has_bodies);
    // hyper refuses an invalid header at once if it is in the first piece, and otherwise only at the end of the headers, which
    // may not arrive.
    let is_same = of_cut == statuses || statuses.strip_suffix(&[400]) == Some(&of_cut[..]);
    assert!(is_same, "{statuses:?}, but {of_cut:?} if cut at {at}: {}", String::from_utf8_lossy(bytes));
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|bytes| bytes == part)
}

/// Returns the status of each response, and checks their form.
fn statuses(mut bytes: &[u8], has_bodies: bool) -> Vec<u16> {
    let mut statuses = Vec::new();
    while !bytes.is_empty() {
        let end = bytes.windows(4).position(|bytes| bytes == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("{:?} has no end", String::from_utf8_lossy(bytes)));
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.")?.get(2..5)?.parse::<u16>().ok());
        let status = status.unwrap_or_else(|| panic!("{head} has no status"));
        assert!(status < 500, "{head}");
        let headers: Vec<_> = lines.map(|line| line.split_once(": ").expect(head)).collect();
        let lengths: Vec<_> = headers.iter().filter(|(name, _)| *name == "content-length").collect();
        let is_coded = headers.iter().any(|(name, _)| *name == "x-ably-errorcode");
        // hyper refuses by itself what is not HTTP.
        assert!(status < 400 || is_coded || lengths.iter().any(|(_, length)| *length == "0"), "{head}");
        statuses.push(status);
        bytes = &bytes[end + 4..];
        if status == 101 || !has_bodies {
            break;
        }
        let length = match lengths[..] {
            [(_, length)] => length.parse().expect(head),
            _ => {
                assert!(status == 204 || status == 100, "{head}");
                0
            }
        };
        assert!(bytes.len() >= length, "{head} has a body of {} bytes", bytes.len());
        bytes = &bytes[length..];
    }
    statuses
}
