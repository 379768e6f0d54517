//! The hosts as which a sandbox is asked from other machines and containers.

/// Access to a sandbox beyond this machine. There is none by default.
#[derive(Debug, Default)]
pub(crate) struct SandboxAccess {
    pub(crate) hosts: Vec<String>,
    pub(crate) is_public: bool,
}

impl SandboxAccess {
    /// Returns true if the sandbox may listen on addresses other than loopback.
    pub(crate) fn is_open(&self) -> bool {
        self.is_public || !self.hosts.is_empty()
    }

    /// Returns true if a request for that host, which has no port, counts as one for this machine.
    pub(crate) fn permits(&self, host: &str) -> bool {
        self.is_public || self.hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(host))
    }
}
