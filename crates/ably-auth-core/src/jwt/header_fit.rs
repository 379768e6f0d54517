//! The size of a token in relation to usual limits for headers.

/// The usual limit of servers and proxies for all headers of a request, in bytes.
pub const HEADER_BUDGET_BYTES: usize = 8 * 1024;

const NAME_AND_SCHEME: &str = "authorization: Bearer ";
/// The bytes above which a token leaves less than a quarter of the limit to other headers.
const NEAR_BYTES: usize = HEADER_BUDGET_BYTES / 4 * 3;

/// The size of an `Authorization` header with a token, compared with [`HEADER_BUDGET_BYTES`].
///
/// ```
/// use ably_auth_core::jwt::HeaderFit;
///
/// assert_eq!(HeaderFit::of(&"a".repeat(400)), HeaderFit::Fits);
/// assert_eq!(HeaderFit::of(&"a".repeat(7_000)), HeaderFit::Near);
/// assert_eq!(HeaderFit::of(&"a".repeat(8_192)), HeaderFit::Over);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HeaderFit {
    /// It leaves at least a quarter of the limit for other headers.
    Fits,
    /// It takes more than three quarters of the limit. A request with many other headers may be refused.
    Near,
    /// It takes more than the limit on its own.
    Over,
}

impl HeaderFit {
    /// Compares the size of the header for `token` with the limit.
    #[must_use]
    pub const fn of(token: &str) -> Self {
        let header = token.len().saturating_add(NAME_AND_SCHEME.len());
        if header > HEADER_BUDGET_BYTES {
            Self::Over
        } else if header > NEAR_BYTES {
            Self::Near
        } else {
            Self::Fits
        }
    }
}
