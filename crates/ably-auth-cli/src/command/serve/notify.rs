//! State notifications to systemd (`Type=notify`).

/// Sends `state` to the socket in `NOTIFY_SOCKET`, if the variable is set.
#[cfg(unix)]
pub(super) fn systemd(state: &str) {
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::net::UnixDatagram;

    let Some(named) = std::env::var_os("NOTIFY_SOCKET").filter(|named| !named.is_empty()) else {
        return;
    };
    let sent = UnixDatagram::unbound().and_then(|socket| match named.as_bytes().strip_prefix(b"@") {
        #[cfg(target_os = "linux")]
        Some(name) => {
            use std::os::linux::net::SocketAddrExt as _;

            let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
            socket.send_to_addr(state.as_bytes(), &address)
        }
        _ => socket.send_to(state.as_bytes(), &named),
    });
    if let Err(error) = sent {
        tracing::warn!(%error, "the service manager could not be notified of `{state}`");
    }
}

#[cfg(not(unix))]
pub(super) const fn systemd(_: &str) {}
