//! The events of a connection, with the feature `tracing`. They never contain a credential or the content of a message.

#[cfg(feature = "tracing")]
mod events {
    use ably_auth::connection::{ConnectionStateChange, SocketUrl};

    pub(crate) fn state_changed(change: &ConnectionStateChange) {
        let code = change.reason().map(|reason| reason.code().as_u32());
        tracing::info!(
            from = %change.previous(),
            to = %change.current(),
            code,
            retry_in_ms = change.retry_in().map(|wait| wait.as_secs_f64() * 1_000.0),
            resumed = change.is_resumed(),
            "connection state changed"
        );
    }

    pub(crate) fn socket_opening(url: &SocketUrl) {
        tracing::debug!(host = url.host(), port = url.port(), tls = url.is_tls(), "socket opening");
    }

    pub(crate) fn frame_skipped(bytes: usize) {
        tracing::warn!(bytes, "frame skipped: it holds no protocol message in the connection's format");
    }

    pub(crate) fn changes_dropped() {
        tracing::warn!("oldest state change dropped: the application takes no events");
    }
}

#[cfg(not(feature = "tracing"))]
mod events {
    use ably_auth::connection::{ConnectionStateChange, SocketUrl};

    pub(crate) const fn state_changed(_: &ConnectionStateChange) {}
    pub(crate) const fn socket_opening(_: &SocketUrl) {}
    pub(crate) const fn frame_skipped(_: usize) {}
    pub(crate) const fn changes_dropped() {}
}

pub(crate) use events::{changes_dropped, frame_skipped, socket_opening, state_changed};
