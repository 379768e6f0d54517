//! Whether a token finds room in a header.

/// What servers and proxies commonly take for all of a request's headers, in bytes.
pub const HEADER_BUDGET_BYTES: usize = 8 * 1024;

const NAME_AND_SCHEME: &str = "authorization: Bearer ";
/// What other headers may need: a quarter.
const NEAR_BYTES: usize = HEADER_BUDGET_BYTES / 4 * 3;

/// How a token fits into the budget of a request's headers, with the name of its own header counted in.
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
    /// It leaves room for other headers.
    Fits,
    /// It takes more than three quarters of the budget: a request with many other headers may be refused.
    Near,
    /// It takes more than the budget on its own.
    Over,
}

impl HeaderFit {
    /// How that token fits.
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
