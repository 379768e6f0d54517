//! The first lines that a sandbox without `--apps` prints: a key, and how to use it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use ably_auth::ApiKey;
use http::uri::Authority;

use crate::args::Serve;
use crate::draw::printable;
use crate::launcher;
use crate::output::Failure;

/// Returns examples to paste into a shell, JavaScript and Rust. They show the key, which is valid until the process
/// ends.
pub(super) fn first_lines(key: &ApiKey, scheme: &str, listening: SocketAddr, certificate: Option<&Path>) -> String {
    let key = format!("{}:{}", key.key_name(), key.secret().expose());
    let address = reachable(listening);
    let (host, port, tls) = (address.ip(), address.port(), scheme == "https");
    let url = format!("{scheme}://{address}");
    let program = launcher::command();
    let trust = certificate.map_or_else(String::new, |path| {
        format!(" --cacert '{}'", printable(&path.display().to_string()).replace('\'', r"'\''"))
    });
    format!(
        r#"created an app and a key, which are deleted when this process ends:

  export ABLY_API_KEY={key}

publish a message with curl:

  curl{trust} -u "$ABLY_API_KEY" -H 'Content-Type: application/json' \
    -d '{{"name":"greeting","data":"hello"}}' {url}/channels/chat/messages

get a token:

  {program} token request --endpoint {url}

JavaScript, after `npm install ably`, in a file such as `try.mjs`:

  import * as Ably from 'ably'
  const ably = new Ably.Rest({{ key: process.env.ABLY_API_KEY, useTokenAuth: true,
    endpoint: "{host}", port: {port}, tlsPort: {port}, tls: {tls} }})
  await ably.channels.get('chat').publish('greeting', 'hello')
  console.log((await ably.channels.get('chat').history()).items.map(message => message.data))

Rust, with ably-auth-reqwest or ably-auth-blocking:

  ClientOptions::from_env()?.use_token_auth(true).endpoint("{url}")
"#
    )
}

/// Refuses `--sandbox-public` and `--sandbox-allow-host` without `--sandbox`, and a value that is not only a host name.
pub(super) fn check(args: &Serve) -> Result<(), Failure> {
    let is_open = args.sandbox_public || !args.sandbox_allow_host.is_empty();
    if is_open && !args.sandbox {
        let option = if args.sandbox_public { "--sandbox-public" } else { "--sandbox-allow-host" };
        return Err(Failure::input(option, "it needs --sandbox; add --sandbox, or leave this option out"));
    }
    let is_host =
        |name: &String| name.parse::<Authority>().is_ok_and(|authority| authority.as_str() == authority.host());
    if args.sandbox_allow_host.iter().any(|name| !is_host(name)) {
        let problem = "it is not a host name; give a name such as `ably`, without a scheme and without a port";
        return Err(Failure::input("--sandbox-allow-host", problem));
    }
    Ok(())
}

/// Logs a warning if other machines may use the sandbox.
pub(super) fn warn(args: &Serve, address: SocketAddr, is_tls: bool) {
    let keys = if is_tls { "" } else { ", and keys are sent without TLS" };
    if args.sandbox_public {
        tracing::warn!(%address, "PUBLIC SANDBOX: anybody who can reach it can create apps{keys}");
    } else if !args.sandbox_allow_host.is_empty() {
        let hosts = args.sandbox_allow_host.join(",");
        tracing::warn!(%address, hosts, "OPEN SANDBOX: others can reach it and create apps{keys}");
    }
}

/// Returns the address at which this machine reaches a service that listens on `listening`.
pub(in crate::command) fn reachable(listening: SocketAddr) -> SocketAddr {
    let ip = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listening.port())
}
