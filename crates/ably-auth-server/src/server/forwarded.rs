//! The client that a trusted proxy asks for, and whether the client spoke TLS.
//!
//! Each proxy appends an element for the hop that it saw, so elements are read from the last one back. An element is
//! believed if the hop behind it is a trusted proxy: the first of them is the connection's peer, and the next is the address
//! that the element names. Reading stops at the first address that is not trusted, which is the client's, and at the first
//! element that names no address. What stands before it was written by somebody who is not trusted, and is not even parsed.

use std::net::IpAddr;

use http::HeaderMap;

use crate::limits::{Limits, ProxyHeader};

const X_FORWARDED_FOR: &str = "x-forwarded-for";
const X_FORWARDED_PROTO: &str = "x-forwarded-proto";
const FORWARDED: &str = "forwarded";

/// What is believed about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Believed {
    pub(super) client: IpAddr,
    /// Whether the client spoke TLS with the first trusted proxy.
    pub(super) is_https: bool,
}

/// An element of a header, which a trusted proxy wrote.
struct Element {
    /// None if it is hidden, unknown or malformed.
    address: Option<IpAddr>,
    is_https: bool,
}

/// Reads what the headers of a request say that came from the trusted proxy `peer`.
pub(super) fn read(limits: &Limits, headers: &HeaderMap, peer: IpAddr) -> Believed {
    match limits.proxy_header {
        ProxyHeader::XForwarded => {
            let elements = list(headers, X_FORWARDED_FOR, rsplit_plain);
            let (client, hops) = walk(limits, peer, elements, |text| Element { address: node(text), is_https: false });
            let is_https = is_x_forwarded_https(headers, hops.count.max(1));
            Believed { client, is_https }
        }
        ProxyHeader::Forwarded => {
            let elements = list(headers, FORWARDED, |value| rsplit_unquoted(value, b','));
            let (client, hops) = walk(limits, peer, elements, element);
            Believed { client, is_https: hops.is_https }
        }
    }
}

/// How many elements were believed, and what the last of them says: it is the one about the client.
#[derive(Default)]
struct Hops {
    count: usize,
    is_https: bool,
}

/// Goes through the elements from the last one back, for as long as trusted proxies wrote them.
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

/// Returns the elements of all headers of that name, from the last one back.
fn list<'a, I: Iterator<Item = &'a [u8]>, F: Fn(&'a [u8]) -> I>(
    headers: &'a HeaderMap,
    name: &'static str,
    split: F,
) -> impl Iterator<Item = &'a [u8]> + use<'a, I, F> {
    headers.get_all(name).iter().rev().flat_map(move |value| split(value.as_bytes()))
}

/// Splits at commas, from the end, and takes no notice of quotes: `X-Forwarded-For` has none that a comma stands in.
fn rsplit_plain(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.rsplit(|byte| *byte == b',')
}

/// Returns whether `X-Forwarded-Proto` says that the client spoke TLS, where the client is that many elements from the end.
///
/// A single value was set for the whole way. In a list each proxy has appended its own, so the client's stands as far from
/// the end as the client's address does.
fn is_x_forwarded_https(headers: &HeaderMap, hop: usize) -> bool {
    let protocols = || list(headers, X_FORWARDED_PROTO, rsplit_plain);
    let is_single = protocols().nth(1).is_none();
    let at = if is_single { 0 } else { hop.saturating_sub(1) };
    protocols().nth(at).is_some_and(is_https)
}

fn is_https(protocol: &[u8]) -> bool {
    protocol.trim_ascii().eq_ignore_ascii_case(b"https")
}

/// Parses an element of `Forwarded`: pairs as `for=192.0.2.1`, with semicolons between them.
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
        // A name may be there once. If it is there twice, a client may have got one in.
        if known.replace(value).is_some() {
            return MALFORMED;
        }
    }
    Element { address: address.and_then(node), is_https: protocol.and_then(unquote).is_some_and(is_https) }
}

/// Parses an address with an optional port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`,
/// or one of these in quotes.
fn node(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(unquote(text.trim_ascii())?).ok()?;
    if let Some((address, port)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address.parse().ok().filter(|address: &IpAddr| address.is_ipv6() && (port.is_empty() || is_port(port)));
    }
    // An IPv6 address without brackets has several colons, and no port.
    text.parse().ok().or_else(|| {
        let (address, port) = text.split_at(text.find(':')?);
        address.parse().ok().filter(|_| is_port(port))
    })
}

/// Returns whether the text is a colon and a port, which may be an obfuscated one.
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

/// Returns what stands in quotes, or the text if there are none. None if only one quote is there.
///
/// Escapes are not undone: no address and no protocol needs one.
fn unquote(text: &[u8]) -> Option<&[u8]> {
    match text.strip_prefix(b"\"") {
        Some(rest) => rest.strip_suffix(b"\""),
        None => Some(text).filter(|text| !text.contains(&b'"')),
    }
}

/// Splits at a separator that does not stand in quotes, from the end.
///
/// Quotes are counted from the end too. So whatever a client has written, a quote that it left open among it, what a proxy
/// has appended is read as the proxy wrote it.
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

/// Returns whether an odd number of backslashes stands at the end.
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

    fn believed(header: ProxyHeader, lines: &[(&'static str, &[u8])]) -> Believed {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        read(&limits(header), &headers, PEER.parse().unwrap())
    }

    fn forwarded(value: &str) -> (String, bool) {
        let Believed { client, is_https } = believed(ProxyHeader::Forwarded, &[("forwarded", value.as_bytes())]);
        (client.to_string(), is_https)
    }

    #[test]
    fn forwarded_is_read_in_all_its_forms() {
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
        let Believed { client, is_https } = believed(ProxyHeader::Forwarded, &lines);
        assert_eq!((client.to_string(), is_https), ("192.0.2.1".to_owned(), false));
    }

    #[test]
    fn header_that_is_not_chosen_is_not_read() {
        let both: [(&str, &[u8]); 3] = [
            ("forwarded", b"for=192.0.2.1;proto=https"),
            ("x-forwarded-for", b"192.0.2.2"),
            ("x-forwarded-proto", b"http"),
        ];
        let client = |header| believed(header, &both).client.to_string();
        assert_eq!(client(ProxyHeader::Forwarded), "192.0.2.1");
        assert_eq!(client(ProxyHeader::XForwarded), "192.0.2.2");
        let nothing: [(&str, &[u8]); 1] = [("x-forwarded-proto", b"https")];
        assert!(!believed(ProxyHeader::Forwarded, &nothing).is_https);
    }

    #[test]
    fn addresses_have_ports_brackets_and_quotes() {
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

    /// Bytes that a header may hold, those that mean something among them more often than not.
    fn header_bytes() -> impl Strategy<Value = Vec<u8>> {
        let telling = prop::sample::select(&b"\",;=\\ :[]"[..]);
        let words =
            prop::sample::select(vec!["for=", "proto=https", "10.0.0.2", "192.0.2.7", "https", "for=\"", "\\\""]);
        let any = any::<u8>().prop_filter("a header's", |byte| (*byte >= 32 && *byte != 127) || *byte == b'\t');
        let piece = prop_oneof![
            telling.prop_map(|byte| vec![byte]),
            words.prop_map(|word| word.as_bytes().to_vec()),
            any.prop_map(|byte| vec![byte]),
        ];
        vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_header_is_read_without_a_panic(text in header_bytes(), x in any::<bool>()) {
            let header = if x { ProxyHeader::XForwarded } else { ProxyHeader::Forwarded };
            let lines: [(&str, &[u8]); 3] = [("x-forwarded-for", &text), ("x-forwarded-proto", &text), ("forwarded", &text)];
            believed(header, &lines);
            let mut pieces: Vec<_> = rsplit_unquoted(&text, b',').collect();
            pieces.reverse();
            prop_assert_eq!(pieces.join(&b','), text);
        }

        #[test]
        fn nothing_that_a_client_wrote_is_believed(
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
            // As the client writes every header, those that are not chosen are its own.
            let mut all: Vec<(&str, &[u8])> = lines.iter().map(|line| ("forwarded", &**line)).collect();
            all.push(("x-forwarded-for", b"192.0.2.66"));
            all.push(("x-forwarded-proto", b"https"));
            let Believed { client, is_https } = believed(ProxyHeader::Forwarded, &all);
            prop_assert_eq!((client.to_string(), is_https), ("192.0.2.1".to_owned(), false));
        }

        #[test]
        fn nothing_that_a_client_wrote_is_believed_of_x_forwarded(
            by_client in header_bytes(),
            protocols in header_bytes(),
            appended in prop::sample::select(vec!["192.0.2.1", "192.0.2.1:80", "\"192.0.2.1:80\"", "192.0.2.1, 10.9.9.9"]),
        ) {
            let addresses = [&by_client, &b", "[..], appended.as_bytes()].concat();
            let protocols = [&protocols, &b", http,http"[..]].concat();
            let lines: [(&str, &[u8]); 3] =
                [("x-forwarded-for", &addresses), ("x-forwarded-proto", &protocols), ("forwarded", b"for=192.0.2.66")];
            let Believed { client, is_https } = believed(ProxyHeader::XForwarded, &lines);
            prop_assert_eq!((client.to_string(), is_https), ("192.0.2.1".to_owned(), false));
        }
    }
}
