//! Access to a sandbox from other machines and containers.

/// The hosts for which a sandbox answers requests, in addition to this machine's. There are none by default.
#[derive(Clone, Debug, Default)]
pub(crate) struct SandboxAccess {
    pub(crate) hosts: Vec<String>,
    pub(crate) is_public: bool,
}

impl SandboxAccess {
    /// Returns true if the sandbox may listen on addresses other than loopback.
    pub(crate) fn is_open(&self) -> bool {
        self.is_public || !self.hosts.is_empty()
    }

    /// Returns true if the operator permitted requests for `host`, which has no port.
    pub(crate) fn permits(&self, host: &str) -> bool {
        self.is_public || self.hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host))
    }
}
