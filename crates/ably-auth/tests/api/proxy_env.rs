//! Proxies from the environment.

use std::ffi::OsString;

use ably_auth::{FaultKind, ProxyEnv};
use http::Uri;

type Chosen = Result<Option<String>, FaultKind>;

fn chosen(variables: &[(&str, &str)]) -> (Chosen, Chosen) {
    let env =
        ProxyEnv::read(|name| variables.iter().find(|(theirs, _)| *theirs == name).map(|(_, value)| value.into()));
    let of = |uri| {
        let proxy = env.proxy_for(&Uri::from_static(uri));
        proxy.map(|proxy| proxy.map(str::to_owned)).map_err(|fault| fault.kind())
    };
    (of("http://service.invalid/"), of("https://service.invalid/"))
}

fn by(url: &str) -> Chosen {
    Ok(Some(url.to_owned()))
}

#[test]
fn variable_of_scheme_precedes_all_proxy() {
    assert_eq!(chosen(&[]), (Ok(None), Ok(None)));
    assert_eq!(chosen(&[("HTTP_PROXY", "http://a:1")]), (by("http://a:1"), Ok(None)));
    assert_eq!(chosen(&[("https_proxy", "https://a:1/")]), (Ok(None), by("https://a:1/")));
    assert_eq!(chosen(&[("all_proxy", "a:1")]), (by("http://a:1"), by("http://a:1")));
    assert_eq!(chosen(&[("ALL_PROXY", "a:1"), ("http_proxy", "b")]), (by("http://b"), by("http://a:1")));
    assert_eq!(chosen(&[("HTTP_PROXY", ""), ("http_proxy", "b")]), (by("http://b"), Ok(None)));
    assert_eq!(chosen(&[("HTTPS_PROXY", "http://user:pass@[::1]:1")]), (Ok(None), by("http://user:pass@[::1]:1")));
}

/// Under CGI, a client's header `Proxy` becomes `HTTP_PROXY`.
#[test]
fn http_proxy_is_ignored_under_cgi() {
    for name in ["HTTP_PROXY", "http_proxy"] {
        for method in ["GET", ""] {
            let variables = [("REQUEST_METHOD", method), (name, "http://evil:1"), ("HTTPS_PROXY", "http://a:1")];
            assert_eq!(chosen(&variables), (Ok(None), by("http://a:1")), "{name}");
        }
    }
    assert_eq!(chosen(&[("REQUEST_METHOD", "GET"), ("ALL_PROXY", "a:1")]).0, by("http://a:1"));
}

#[test]
fn invalid_proxy_is_refused_and_not_shown() {
    for value in [
        "socks5://hush:1080",
        "socks4a://hush:1080",
        "socks5h://hush",
        "ftp://hush",
        "http://",
        "http://hush:port",
        "http://hush:99999",
        "http://hush:",
        "http://hu sh:1",
        "http://hush/path",
        "http://hush?query",
        "://hush",
        ":1",
        " ",
    ] {
        let refused = Err(FaultKind::Unreachable);
        assert_eq!(chosen(&[("ALL_PROXY", value)]), (refused.clone(), refused.clone()), "{value}");
        assert_eq!(chosen(&[("HTTPS_PROXY", value), ("ALL_PROXY", "a:1")]), (by("http://a:1"), refused), "{value}");
        let env = ProxyEnv::read(|name| (name == "http_proxy").then(|| value.into()));
        let fault = env.proxy_for(&Uri::from_static("http://service.invalid/")).unwrap_err();
        let shown = format!("{env:?} {fault:?} {fault}");
        assert!(shown.contains("http_proxy") && !shown.contains("hush"), "{shown}");
    }
}

#[cfg(unix)]
#[test]
fn value_that_is_not_utf_8_is_refused() {
    use std::os::unix::ffi::OsStringExt as _;
    let env = ProxyEnv::read(|name| (name == "ALL_PROXY").then(|| OsString::from_vec(b"http://a\xff:1".to_vec())));
    assert!(env.proxy_for(&Uri::from_static("https://service.invalid/")).is_err());
}

#[test]
fn no_proxy_list_is_passed_on() {
    let env = ProxyEnv::read(|name| (name == "no_proxy").then(|| ".example.com,10.0.0.0/8".into()));
    assert_eq!(env.no_proxy(), ".example.com,10.0.0.0/8");
    assert_eq!(ProxyEnv::read(|_| None).no_proxy(), "");
}
