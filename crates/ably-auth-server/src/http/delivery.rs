//! Deliveries of a response other than writing it at once. Responses carry it as an extension, and `net` acts on it.

use std::sync::Arc;
#[cfg(feature = "console")]
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

#[cfg(feature = "console")]
use crate::journal::LogStream;
#[cfg(feature = "console")]
use crate::sync::lock;

/// A delivery other than the usual one. A caller without a socket ignores it.
#[derive(Clone, Debug)]
pub(crate) enum Delivery {
    /// The response is written after this time. The permit counts the responses that are held back.
    Held(Duration, Arc<OwnedSemaphorePermit>),
    /// The connection is closed, and nothing is written.
    Dropped,
    /// The events of the log follow the response's body.
    #[cfg(feature = "console")]
    Streamed(Arc<Mutex<Option<LogStream>>>),
}

impl Delivery {
    /// Returns the events that follow the response's body, if there are any.
    #[cfg(feature = "console")]
    pub(crate) fn into_stream(self) -> Option<LogStream> {
        match self {
            Self::Streamed(stream) => lock(&stream).take(),
            Self::Held(..) | Self::Dropped => None,
        }
    }

    /// Returns true if more follows the response's body.
    pub(super) const fn is_streamed(&self) -> bool {
        #[cfg(feature = "console")]
        return matches!(self, Self::Streamed(_));
        #[cfg(not(feature = "console"))]
        false
    }
}
