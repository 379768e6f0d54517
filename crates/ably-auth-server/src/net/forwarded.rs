//! The client's address, and whether the client used TLS, as trusted proxies report them.
//!
//! Each proxy appends an element for the hop in front of it, so elements are read from the last to the first. The last
//! element was appended by the connection's peer. Each other element was appended by the address that the element after
//! it names. An element is trusted if a trusted proxy appended it. Reading stops at the first untrusted address, which
//! is the client's, or at the first element without an address. Elements before it were written by an untrusted party
//! and are not parsed.

use std::net::IpAddr;

use http::HeaderMap;

use crate::limits::{Limits, ProxyHeader};

const X_FORWARDED_FOR: &str = "x-forwarded-for";
const X_FORWARDED_PROTO: &str = "x-forwarded-proto";
const FORWARDED: &str = "forwarded";

/// The data about the client of a request, as trusted proxies report it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReportedClient {
    pub(super) client: IpAddr,
    /// True if the client used TLS to the first trusted proxy.
    pub(super) is_https: bool,
}

/// An element of a header that a trusted proxy wrote.
struct Element {
    /// The address; `None` if it is hidden, unknown or malformed.
    address: Option<IpAddr>,
    is_https: bool,
}

/// Reads the client's address and protocol from the headers of a request that the trusted proxy `peer` sent.
pub(super) fn read(limits: &Limits, headers: &HeaderMap, peer: IpAddr) -> ReportedClient {
    match limits.proxy_header {
        ProxyHeader::XForwarded => {
            let elements = list(headers, X_FORWARDED_FOR, rsplit_plain);
            let (client, hops) = walk(limits, peer, elements, |text| Element { address: node(text), is_https: false });
            let is_https = is_x_forwarded_https(headers, hops.count.max(1));
            ReportedClient { client, is_https }
        }
        ProxyHeader::Forwarded => {
            let elements = list(headers, FORWARDED, |value| rsplit_unquoted(value, b','));
            let (client, hops) = walk(limits, peer, elements, element);
            ReportedClient { client, is_https: hops.is_https }
        }
    }
}

/// The number of elements that were read, and `is_https` of the last one read, which describes the client.
#[derive(Default)]
struct Hops {
    count: usize,
    is_https: bool,
}

/// Reads elements from the last to the first while trusted proxies wrote them. Returns the client's address.
fn walk<'a>(
    limits: &Limits,
    peer: IpAddr,
    elements: impl Iterator<Item = &'a [u8]>,
    parse: impl Fn(&'a [u8]) -> Element,
) -> (IpAddr, Hops) {
    let (mut client, mut hops) = (peer, Hops::default());
    for text in elements {
        let Element { address, is_https } = parse(text);
        hops = Hops { count: hops.count.saturating_add(1), is_https };
        let Some(address) = address else {
            break;
        };
        client = address;
        if !limits.trusts(address) {
            break;
        }
    }
    (client, hops)
}

/// Returns the elements of all headers called `name`, from the last to the first.
fn list<'a, I: Iterator<Item = &'a [u8]>, F: Fn(&'a [u8]) -> I>(
    headers: &'a HeaderMap,
    name: &'static str,
    split: F,
) -> impl Iterator<Item = &'a [u8]> + use<'a, I, F> {
    headers.get_all(name).iter().rev().flat_map(move |value| split(value.as_bytes()))
}

/// Splits `value` at commas, from the end. Ignores quotes, since no quoted value in `X-Forwarded-For` contains a comma.
fn rsplit_plain(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.rsplit(|byte| *byte == b',')
}

/// Returns true if `X-Forwarded-Proto` says that the client used TLS. `hop` is the position of the client's element,
/// counted from the end and starting at 1.
///
/// A single value applies to the whole path. In a list, each proxy has appended its own value. So the client's value is
/// as far from the end as the client's address.
fn is_x_forwarded_https(headers: &HeaderMap, hop: usize) -> bool {
    let protocols = || list(headers, X_FORWARDED_PROTO, rsplit_plain);
    let is_single = protocols().nth(1).is_none();
    let at = if is_single { 0 } else { hop.saturating_sub(1) };
    protocols().nth(at).is_some_and(is_https)
}

fn is_https(protocol: &[u8]) -> bool {
    protocol.trim_ascii().eq_ignore_ascii_case(b"https")
}

/// Parses an element of `Forwarded`: pairs such as `for=192.0.2.1`, separated by semicolons.
fn element(text: &[u8]) -> Element {
    const MALFORMED: Element = Element { address: None, is_https: false };
    let (mut address, mut protocol) = (None, None);
    for pair in rsplit_unquoted(text, b';') {
        let pair = pair.trim_ascii();
        let Some(at) = pair.iter().position(|byte| *byte == b'=') else {
            return MALFORMED;
        };
        let (name, value) = (pair.get(..at).unwrap_or_default(), pair.get(at.saturating_add(1)..).unwrap_or_default());
        let known = match name {
            name if name.eq_ignore_ascii_case(b"for") => &mut address,
            name if name.eq_ignore_ascii_case(b"proto") => &mut protocol,
            _ => continue,
        };
        // Each name may occur once. A client may have injected the second one, so the whole element is malformed.
        if known.replace(value).is_some() {
            return MALFORMED;
        }
    }
    Element { address: address.and_then(node), is_https: protocol.and_then(unquote).is_some_and(is_https) }
}

/// Parses an address with an optional port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or
/// `[2001:db8::1]:80`. The text may be quoted.
fn node(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(unquote(text.trim_ascii())?).ok()?;
    if let Some((address, port)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address.parse().ok().filter(|address: &IpAddr| address.is_ipv6() && (port.is_empty() || is_port(port)));
    }
    // An IPv6 address without brackets has colons but no port, so try the whole text first.
    text.parse().ok().or_else(|| {
        let (address, port) = text.split_at(text.find(':')?);
        address.parse().ok().filter(|_| is_port(port))
    })
}

/// Returns true if `text` is a colon and a port. The port may be obfuscated, such as `:_port-1`.
fn is_port(text: &str) -> bool {
    let Some(port) = text.strip_prefix(':') else {
        return false;
    };
    match port.strip_prefix('_') {
        Some(hidden) => {
            !hidden.is_empty() && hidden.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        }
        None => (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

/// Returns the text between quotes, or `text` itself if it has no quotes. Returns `None` if it has quotes that do not
/// enclose it.
///
/// Keeps escapes as they are, since no address and no protocol contains one.
fn unquote(text: &[u8]) -> Option<&[u8]> {
    match text.strip_prefix(b"\"") {
        Some(rest) => rest.strip_suffix(b"\""),
        None => Some(text).filter(|text| !text.contains(&b'"')),
    }
}

/// Splits `value` from the end, at each `separator` outside quotes.
///
/// Quotes are also counted from the end. So the elements that a proxy appended are read as the proxy wrote them, even
/// if the text before them, from the client, leaves a quote open.
fn rsplit_unquoted(value: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut is_quoted = false;
        let mut at = text.len();
        while let Some((byte, before)) = text.get(..at)?.split_last() {
            match byte {
                b'"' if is_quoted && is_escaped(before) => {}
                b'"' => is_quoted = !is_quoted,
                byte if *byte == separator && !is_quoted => {
                    rest = Some(before);
                    return text.get(at..);
                }
                _ => {}
            }
            at = before.len();
        }
        rest = None;
        Some(text)
    })
}

/// Returns true if `before` ends with an odd number of backslashes.
fn is_escaped(before: &[u8]) -> bool {
    before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const PEER: &str = "10.0.0.1";

    fn limits(header: ProxyHeader) -> Limits {
        Limits { trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()], proxy_header: header, ..Limits::default() }
    }

    fn read_lines(header: ProxyHeader, lines: &[(&'static str, &[u8])]) -> ReportedClient {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        read(&limits(header), &headers, PEER.parse().unwrap())
    }

    fn forwarded(value: &str) -> (String, bool) {
        let ReportedClient { client, is_https } =
            read_lines(ProxyHeader::Forwarded, &[("forwarded", value.as_bytes())]);
        (client.to_string(), is_https)
    }

    #[test]
    fn all_forms_of_forwarded_are_read() {
        for (value, client, is_https) in [
            ("for=192.0.2.1", "192.0.2.1", false),
            ("For=192.0.2.1;Proto=HTTPS;by=203.0.113.43", "192.0.2.1", true),
            (r#"for="192.0.2.1:4711" ; proto="https""#, "192.0.2.1", true),
            (r#"for="[2001:db8::1]""#, "2001:db8::1", false),
            (r#"for="[2001:db8::1]:_port-1";proto=https"#, "2001:db8::1", true),
            ("for=192.0.2.1:80", "192.0.2.1", false),
            (r#"proto=https;host="a,b;c\"d";for=192.0.2.1"#, "192.0.2.1", true),
            ("for=192.0.2.9;proto=https, for=192.0.2.1;proto=http", "192.0.2.1", false),
            ("for=192.0.2.1;proto=https,for=10.0.0.2;proto=http", "192.0.2.1", true),
            ("for=192.0.2.1;proto=http,for=10.0.0.2;proto=https", "192.0.2.1", false),
            ("for=192.0.2.1,for=unknown;proto=https", PEER, true),
            ("for=_hidden, for=10.0.0.2", "10.0.0.2", false),
            (r#"for="_SEVKISEK""#, PEER, false),
            ("for=192.0.2.1;for=192.0.2.2;proto=https", PEER, false),
            ("for=192.0.2.1;proto=https;proto=http", PEER, false),
            ("192.0.2.1", PEER, false),
            ("proto=https", PEER, true),
            (r#"for="192.0.2.1"#, PEER, false),
            ("", PEER, false),
            (",", PEER, false),
        ] {
            assert_eq!(forwarded(value), (client.to_owned(), is_https), "{value}");
        }
    }

    #[test]
    fn later_headers_are_read_first() {
        let lines: [(&str, &[u8]); 2] = [("forwarded", b"for=192.0.2.9;proto=https"), ("forwarded", b"for=192.0.2.1")];
        let ReportedClient { client, is_https } = read_lines(ProxyHeader::Forwarded, &lines);
        assert_eq!((client.to_string(), is_https), ("192.0.2.1".to_owned(), false));
    }

    #[test]
    fn unselected_header_is_ignored() {
        let both: [(&str, &[u8]); 3] = [
            ("forwarded", b"for=192.0.2.1;proto=https"),
            ("x-forwarded-for", b"192.0.2.2"),
            ("x-forwarded-proto", b"http"),
        ];
        let client = |header| read_lines(header, &both).client.to_string();
        assert_eq!(client(ProxyHeader::Forwarded), "192.0.2.1");
        assert_eq!(client(ProxyHeader::XForwarded), "192.0.2.2");
        let nothing: [(&str, &[u8]); 1] = [("x-forwarded-proto", b"https")];
        assert!(!read_lines(ProxyHeader::Forwarded, &nothing).is_https);
    }

    #[test]
    fn ports_brackets_and_quotes_are_parsed() {
        let read = |text: &str| node(text.as_bytes()).map(|address| address.to_string());
        for text in ["192.0.2.1", "192.0.2.1:1", "\"192.0.2.1\"", " \"192.0.2.1:65535\" "] {
            assert_eq!(read(text).as_deref(), Some("192.0.2.1"), "{text}");
        }
        for text in ["2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:1", "\"[2001:db8::1]:1\""] {
            assert_eq!(read(text).as_deref(), Some("2001:db8::1"), "{text}");
        }
        for text in [
            "",
            "unknown",
            "_hidden",
            "a.example",
            "192.0.2.1:",
            "192.0.2.1:port",
            "192.0.2.1:123456",
            "[192.0.2.1]",
            "[2001:db8::1",
            "[2001:db8::1]1",
            "\"192.0.2.1",
            "192.0.2.1\"",
            "192.0.2",
            "fe80::1%eth0",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    /// Generates bytes that a header may contain, mostly bytes and words that have a meaning in it.
    fn header_bytes() -> impl Strategy<Value = Vec<u8>> {
        let special = prop::sample::select(&b"\",;=\\ :[]"[..]);
        let words =
            prop::sample::select(vec!["for=", "proto=https", "10.0.0.2", "192.0.2.7", "https", "for=\"", "\\\""]);
        let any = any::<u8>().prop_filter("a byte of a header", |byte| (*byte >= 32 && *byte != 127) || *byte == b'\t');
        let piece = prop_oneof![
            special.prop_map(|byte| vec![byte]),
            words.prop_map(|word| word.as_bytes().to_vec()),
            any.prop_map(|byte| vec![byte]),
        ];
        vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_header_is_read_without_panic(text in header_bytes(), x in any::<bool>()) {
            let header = if x { ProxyHeader::XForwarded } else { ProxyHeader::Forwarded };
            let lines: [(&str, &[u8]); 3] = [("x-forwarded-for", &text), ("x-forwarded-proto", &text), ("forwarded", &text)];
            read_lines(header, &lines);
            let mut pieces: Vec<_> = rsplit_unquoted(&text, b',').collect();
            pieces.reverse();
            prop_assert_eq!(pieces.join(&b','), text);
        }

        #[test]
        fn forwarded_of_client_is_ignored(
            by_client in vec(header_bytes(), 1..4),
            appended in prop::sample::select(vec![
                "for=192.0.2.1;proto=http",
                "for=\"192.0.2.1:80\";proto=\"http\"",
                "host=\"a\\\",b;c\";proto=http;for=192.0.2.1",
                "for=192.0.2.1;proto=http, for=10.9.9.9;proto=https",
            ]),
            is_own_line in any::<bool>(),
        ) {
            let mut lines: Vec<Vec<u8>> = by_client;
            match lines.last_mut() {
                Some(last) if !is_own_line => last.extend([b", ", appended.as_bytes()].concat()),
                _ => lines.push(appended.as_bytes().to_vec()),
            }
            // The client can set every header, so the headers that are not selected contain its values.
            let mut all: Vec<(&str, &[u8])> = lines.iter().map(|line| ("forwarded", &**line)).collect();
            all.push(("x-forwarded-for", b"192.0.2.66"));
            all.push(("x-forwarded-proto", b"https"));
            let ReportedClient { client, is_https } = read_lines(ProxyHeader::Forwarded, &all);
            prop_assert_eq!((client.to_string(), is_https), ("192.0.2.1".to_owned(), false));
        }

        #[test]
        fn x_forwarded_of_client_is_ignored(
            by_client in header_bytes(),
            protocols in header_bytes(),
            appended in prop::sample::select(vec!["192.0.2.1", "192.0.2.1:80", "\"192.0.2.1:80\"", "192.0.2.1, 10.9.9.9"]),
        ) {
            let addresses = [&by_client, &b", "[..], appended.as_bytes()].concat();
            let protocols = [&protocols, &b", http,http"[..]].concat();
            let lines: [(&str, &[u8]); 3] =
                [("x-forwarded-for", &addresses), ("x-forwarded-proto", &protocols), ("forwarded", b"for=192.0.2.66")];
            let ReportedClient { client, is_https } = read_lines(ProxyHeader::XForwarded, &lines);
            prop_assert_eq!((client.to_string(), is_https), ("192.0.2.1".to_owned(), false));
        }
    }
}
