//! The system's clock and its type for times.

use core::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

use super::Timestamp;
use super::arithmetic::millis;

/// The last second of the year 9999, which each platform's clock can represent.
const LATEST: Duration = Duration::from_secs(253_402_300_799);

impl Timestamp {
    /// Returns the time of the system's clock. No other item of this crate reads a clock.
    ///
    /// ```
    /// use ably_auth_core::{ApiKey, Timestamp, TokenParams, jwt};
    ///
    /// let key = ApiKey::parse("app.key:secret")?;
    /// let token = jwt::mint(&key, &TokenParams::new(), Timestamp::now())?;
    /// # Ok::<(), ably_auth_core::Error>(())
    /// ```
    ///
    /// # Panics
    /// On targets whose standard library has no clock, such as `wasm32-unknown-unknown`.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "a convenience for the edge of a program")]
    pub fn now() -> Self {
        SystemTime::now().into()
    }
}

/// Rounds down to whole milliseconds. A time before the epoch becomes the epoch.
impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        Self::from_millis(millis(time.duration_since(UNIX_EPOCH).unwrap_or_default()))
    }
}

/// Converts to the system's type. A time that this type cannot represent becomes the end of the year 9999.
impl From<Timestamp> for SystemTime {
    fn from(time: Timestamp) -> Self {
        let since_epoch = Duration::from_millis(time.as_millis());
        UNIX_EPOCH.checked_add(since_epoch).or_else(|| UNIX_EPOCH.checked_add(LATEST)).unwrap_or(UNIX_EPOCH)
    }
}
