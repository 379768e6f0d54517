//! The events of a cache, with the feature `tracing`. They never contain a token or a secret.

use std::time::Duration;

use crate::error::Error;

/// Why a token is fetched for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    First,
    Expired,
    Refused,
    Early,
}

/// The caller that a fetch is made for.
#[cfg_attr(not(feature = "tracing"), allow(dead_code, reason = "only the feature `tracing` reads the reason"))]
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    /// A caller that needs a token for a request.
    Request(Reason),
    /// A call of `authorize`, and what the cache keeps of it.
    Authorize { stores_params: bool, stores_source: bool },
}

impl Purpose {
    #[cfg(feature = "tracing")]
    const fn name(self) -> &'static str {
        match self {
            Self::Request(Reason::First) => "first",
            Self::Request(Reason::Expired) => "expired",
            Self::Request(Reason::Refused) => "refused",
            Self::Request(Reason::Early) => "early",
            Self::Authorize { .. } => "authorize",
        }
    }
}

#[cfg(feature = "tracing")]
mod events {
    use super::{Duration, Error, Purpose};

    pub(in super::super) fn fetch_started(purpose: Purpose) {
        tracing::debug!(reason = purpose.name(), "token fetch started");
    }

    pub(in super::super) fn fetch_succeeded(purpose: Purpose) {
        tracing::debug!(reason = purpose.name(), "token fetch succeeded");
    }

    pub(in super::super) fn fetch_failed(purpose: Purpose, error: &Error) {
        tracing::warn!(reason = purpose.name(), code = error.ably_code().as_u32(), kind = ?error.kind(), "token fetch failed");
    }

    pub(in super::super) fn backing_off(failures: u32, wait: Duration) {
        tracing::debug!(failures, wait_ms = crate::clock::millis(wait), "backing off after a failed token fetch");
    }

    pub(in super::super) fn last_error_returned() {
        tracing::trace!("last error returned during backoff");
    }
}

#[cfg(not(feature = "tracing"))]
mod events {
    use super::{Duration, Error, Purpose};

    pub(in super::super) const fn fetch_started(_: Purpose) {}
    pub(in super::super) const fn fetch_succeeded(_: Purpose) {}
    pub(in super::super) const fn fetch_failed(_: Purpose, _: &Error) {}
    pub(in super::super) const fn backing_off(_: u32, _: Duration) {}
    pub(in super::super) const fn last_error_returned() {}
}

pub(super) use events::{backing_off, fetch_failed, fetch_started, fetch_succeeded, last_error_returned};
