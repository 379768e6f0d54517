//! The output of a service that has started: its addresses, and the key of a new sandbox.

use std::net::SocketAddr;

use ably_auth::ApiKey;
use serde_json::{Value, json};

use super::sandbox;
use crate::args::Serve;

pub(super) struct Started<'a> {
    pub(super) args: &'a Serve,
    pub(super) address: SocketAddr,
    pub(super) admin: Option<SocketAddr>,
    pub(super) is_tls: bool,
    /// The key of the app that a sandbox without `--apps` creates.
    pub(super) key: Option<&'a ApiKey>,
}

impl Started<'_> {
    /// Returns lines for a reader.
    pub(super) fn text(&self) -> String {
        let mut lines = vec![format!("listening on {}://{}", self.scheme(), self.address)];
        lines.extend(self.console().map(|url| format!("console on {url}")));
        if let Some(admin) = self.admin {
            lines.push(format!("health and metrics on http://{admin}"));
        }
        lines.extend(self.admin_console().map(|url| format!("console on {url}")));
        if let Some(key) = self.key {
            let certificate = self.args.tls_self_signed.as_deref();
            lines.push(sandbox::first_lines(key, self.scheme(), self.address, certificate));
        }
        lines.join("\n")
    }

    /// Returns an object for a program that starts the service, with the options that an SDK needs.
    pub(super) fn json(&self) -> Value {
        let reachable = sandbox::reachable(self.address);
        let always = [
            ("url", json!(format!("{}://{reachable}", self.scheme()))),
            ("endpoint", json!(reachable.ip())),
            ("port", json!(reachable.port())),
            ("tls", json!(self.is_tls)),
        ];
        let key = self.key.map(|key| format!("{}:{}", key.key_name(), key.secret().expose()));
        let admin = self.admin.map(|admin| format!("http://{admin}"));
        let optional =
            [("key", key), ("console", self.console()), ("admin", admin), ("adminConsole", self.admin_console())];
        let optional = optional.into_iter().filter_map(|(name, value)| Some((name, json!(value?))));
        Value::Object(always.into_iter().chain(optional).map(|(name, value)| (name.into(), value)).collect())
    }

    fn scheme(&self) -> &'static str {
        if self.is_tls { "https" } else { "http" }
    }

    fn console(&self) -> Option<String> {
        let is_served = self.args.console && self.args.sandbox;
        is_served.then(|| format!("{}://{}/console", self.scheme(), sandbox::reachable(self.address)))
    }

    fn admin_console(&self) -> Option<String> {
        self.args.admin_console.as_ref()?;
        self.admin.map(|admin| format!("http://{admin}/console"))
    }
}
