//! Examples of a key's use, to paste into a shell and into programs.

use serde::Serialize;

#[derive(Serialize)]
pub(super) struct Snippet {
    id: &'static str,
    title: &'static str,
    language: &'static str,
    text: String,
}

/// Returns the examples for a key, which may have a mask in place of its secret, at a base URL.
pub(super) fn all(key: &str, url: &str) -> Vec<Snippet> {
    let (scheme, address) = url.split_once("://").unwrap_or(("http", url));
    let tls = scheme == "https";
    let (host, port) = split(address, if tls { 443 } else { 80 });
    let examples = [
        ("curl", "curl", "shell", curl(key, url)),
        ("npm", "npm ably", "js", npm(key, host, port, tls)),
        ("pypi", "PyPI ably", "python", pypi(key, host, port, tls)),
        ("rust-async", "Rust, async", "rust", rust_async(key, url)),
        ("rust-blocking", "Rust, blocking", "rust", rust_blocking(key, url)),
        ("axum", "Rust, axum", "rust", axum(key)),
        ("cli", "ably-auth", "shell", cli(key, url)),
    ];
    examples.into_iter().map(|(id, title, language, text)| Snippet { id, title, language, text }).collect()
}

/// Returns the host and the port of an address such as `localhost:8484` or `[::1]`.
fn split(address: &str, usual: u16) -> (&str, u16) {
    let parsed = address.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
    parsed.filter(|(host, _)| !host.contains(':') || host.ends_with(']')).unwrap_or((address, usual))
}

fn curl(key: &str, url: &str) -> String {
    let key = shell(key);
    format!(
        r#"curl -u {key} -H 'Content-Type: application/json' \
  -d '{{"name":"greeting","data":"hello"}}' {url}/channels/chat/messages
"#
    )
}

fn npm(key: &str, host: &str, port: u16, tls: bool) -> String {
    let key = quoted(key, '\'');
    format!(
        r#"import * as Ably from 'ably'

const ably = new Ably.Rest({{
  key: {key}, useTokenAuth: true,
  endpoint: '{host}', port: {port}, tlsPort: {port}, tls: {tls},
}})
await ably.channels.get('chat').publish('greeting', 'hello')
"#
    )
}

fn pypi(key: &str, host: &str, port: u16, tls: bool) -> String {
    let (key, tls) = (quoted(key, '\''), if tls { "True" } else { "False" });
    format!(
        r#"import asyncio
from ably import AblyRest

async def main():
    async with AblyRest(key={key}, use_token_auth=True,
                        endpoint='{host}', port={port}, tls_port={port}, tls={tls}) as ably:
        await ably.channels.get('chat').publish('greeting', 'hello')

asyncio.run(main())
"#
    )
}

fn rust_async(key: &str, url: &str) -> String {
    let key = quoted(key, '"');
    format!(
        r##"use ably_auth_reqwest::{{Client, ClientOptions}};
use http::Request;

let options = ClientOptions::new().key({key}).use_token_auth(true);
let client = Client::new(options.endpoint("{url}"))?;
let message = Request::post("/channels/chat/messages").body(r#"{{"name":"greeting","data":"hello"}}"#.into())?;
client.request(message).await?;
"##
    )
}

fn rust_blocking(key: &str, url: &str) -> String {
    let key = quoted(key, '"');
    format!(
        r##"use ably_auth_blocking::{{Client, ClientOptions}};
use http::Request;

let options = ClientOptions::new().key({key}).use_token_auth(true);
let client = Client::new(options.endpoint("{url}"))?;
let message = Request::post("/channels/chat/messages").body(r#"{{"name":"greeting","data":"hello"}}"#.into())?;
client.request(message)?;
"##
    )
}

fn axum(key: &str) -> String {
    let key = quoted(key, '"');
    format!(
        r##"use ably_auth_axum::{{ApiKey, AuthEndpoint, Capability, Grant}};
use axum::Router;

let key = ApiKey::parse({key})?;
let chat: Capability = r#"{{"chat:*":["publish","subscribe"]}}"#.parse()?;
let endpoint = AuthEndpoint::jwt(&key).grant(|| async move {{ Grant::anonymous(chat) }});
let app: Router = Router::new().route("/ably-token", endpoint);
"##
    )
}

fn cli(key: &str, url: &str) -> String {
    let key = shell(key);
    format!(
        r"export ABLY_API_KEY={key}
ably-auth token request --endpoint {url}
"
    )
}

/// Returns the text as one word of a shell.
fn shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Returns the text as a string literal of JavaScript, Python or Rust. A key has no control characters.
fn quoted(text: &str, quote: char) -> String {
    let escape = |c: char| (c == '\\' || c == quote).then_some('\\').into_iter().chain([c]);
    format!("{quote}{}{quote}", text.chars().flat_map(escape).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_quoted_for_each_language() {
        let key = r#"app.key:a"b'c\d"#;
        assert_eq!(shell(key), r#"'app.key:a"b'\''c\d'"#);
        assert_eq!(quoted(key, '\''), r#"'app.key:a"b\'c\\d'"#);
        assert_eq!(quoted(key, '"'), r#""app.key:a\"b'c\\d""#);
    }

    #[test]
    fn address_is_split() {
        assert_eq!(split("localhost:8484", 80), ("localhost", 8484));
        assert_eq!(split("[::1]:8484", 80), ("[::1]", 8484));
        assert_eq!(split("[::1]", 80), ("[::1]", 80));
        assert_eq!(split("ably", 443), ("ably", 443));
    }
}
