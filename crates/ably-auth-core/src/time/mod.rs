//! Points in time and lifetimes, in whole milliseconds.

mod arithmetic;
mod duration;
#[cfg(feature = "std")]
mod system;
#[cfg(feature = "alloc")]
mod wire;

pub use duration::parse_duration;

#[cfg(feature = "alloc")]
pub(crate) use wire::Integer;
#[cfg(feature = "serde")]
pub(crate) use wire::optional_timestamp;

use core::fmt;
use core::time::Duration;

use crate::error::{Error, ErrorKind};

/// A point in time, in milliseconds since the Unix epoch. It is by the service's clock, unless its documentation says
/// otherwise.
///
/// `+` and `-` with a [`Duration`], and `-` with another timestamp, saturate: they never overflow.
///
/// ```
/// use core::time::Duration;
/// use ably_auth_core::{Timestamp, Ttl};
///
/// let issued = Timestamp::from_millis(1_449_746_287_318); // with the feature `std`: `Timestamp::now()`
/// let expires = issued + Duration::from_secs(60);
/// assert_eq!(expires, issued.saturating_add("1m".parse::<Ttl>()?));
/// assert_eq!(expires - issued, Duration::from_secs(60));
/// assert!(issued < expires);
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(u64);

impl Timestamp {
    /// Creates a timestamp from milliseconds since the epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Returns the milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Returns the time at which a lifetime that starts at this time ends.
    #[must_use]
    pub const fn saturating_add(self, ttl: Ttl) -> Self {
        Self(self.0.saturating_add(ttl.as_millis()))
    }

    /// Returns the difference between two times in milliseconds, in either order.
    #[must_use]
    pub const fn abs_diff(self, other: Self) -> u64 {
        self.0.abs_diff(other.0)
    }

    /// Returns the milliseconds from `earlier` to this time, or 0 if `earlier` is later.
    #[must_use]
    pub const fn millis_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({} ms)", self.0)
    }
}

/// The lifetime of a token: 1 ms to 24 h.
///
/// If a token request has no lifetime, the service uses 60 minutes (`RSA5`).
///
/// It parses from numbers with units: see [`parse_duration`]. `Display` writes milliseconds, as on the wire.
///
/// ```
/// use core::time::Duration;
/// use ably_auth_core::Ttl;
///
/// let ttl: Ttl = "90m".parse()?;
/// assert_eq!(ttl, Ttl::try_from(Duration::from_secs(5400))?);
/// assert_eq!(Ttl::from_millis(3_600_000)?, Ttl::DEFAULT);
/// assert!(Ttl::from_millis(0).is_err() && "25h".parse::<Ttl>().is_err());
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ttl(u64);

impl Ttl {
    /// The maximum lifetime of a token: 24 hours.
    pub const MAX: Self = Self(24 * 60 * 60 * 1000);
    /// The maximum lifetime of a token whose key has revocable tokens: 1 hour.
    pub const MAX_REVOCABLE: Self = Self(60 * 60 * 1000);
    /// The lifetime of a token whose request has none: 1 hour.
    pub const DEFAULT: Self = Self(60 * 60 * 1000);

    /// Creates a lifetime from milliseconds.
    ///
    /// # Errors
    /// [`ErrorKind::Ttl`] if it is 0 or more than 24 hours.
    pub const fn from_millis(millis: u64) -> Result<Self, Error> {
        if millis == 0 || millis > Self::MAX.0 {
            return Err(Self::out_of_range());
        }
        Ok(Self(millis))
    }

    /// Returns the lifetime in milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Returns the lifetime as a duration.
    #[must_use]
    pub const fn as_duration(self) -> Duration {
        Duration::from_millis(self.0)
    }

    pub(crate) const fn out_of_range() -> Error {
        Error::new(ErrorKind::Ttl, "ttl is not between 1 ms and 24 h", "give whole milliseconds from 1 to 86400000")
    }
}

impl fmt::Display for Ttl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Ttl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ttl({} ms)", self.0)
    }
}
