//! Refused requests and their responses.

use std::time::Duration;

use ably_auth_core::{ErrorCode, ErrorInfo, Timestamp};

/// The code of responses when the service is at one of its limits.
pub(crate) const OVERLOADED: ErrorCode = ErrorCode::new(50004);

/// The response to a refused request: the part that any backend sends, and what only the service adds.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    inner: ably_auth_backend::Refusal,
    /// The methods that the path permits, for the `Allow` header.
    allow: Option<&'static str>,
    /// The time that the client must wait before it retries, for the `Retry-After` header.
    retry_after: Option<Duration>,
}

impl Refusal {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        ably_auth_backend::Refusal::new(code, message).into()
    }

    pub(crate) fn internal() -> Self {
        Self::new(ErrorCode::INTERNAL, "the service failed; try again later")
    }

    /// Returns the refusal of a key that was sent without TLS.
    pub(crate) fn key_without_tls() -> Self {
        let message = "a key must not be sent without TLS; use a token, or serve with TLS, or as a sandbox on loopback";
        Self::new(ErrorCode::BASIC_AUTH_WITHOUT_TLS, message)
    }

    /// Returns the refusal of a request that cannot be decided because the store is unavailable.
    pub(crate) fn unavailable() -> Self {
        Self::new(ErrorCode::TIMEOUT, "the store is unavailable; try again later")
    }

    /// Returns the refusal of a request that cannot be decided because the clock is wrong, so that expiry is unknown.
    pub(crate) fn wrong_clock() -> Self {
        Self::new(ErrorCode::TIMEOUT, "the service's clock is wrong; try again later")
    }

    /// Returns the refusal of a request with the wrong method. `methods` are those that the path permits.
    pub(crate) fn method_not_allowed(methods: &'static str) -> Self {
        let message = format!("the path does not take this method; use {methods}");
        Self { allow: Some(methods), ..Self::new(ErrorCode::METHOD_NOT_ALLOWED, message) }
    }

    #[must_use]
    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.inner = self.inner.with_status(status);
        self
    }

    /// Returns the refusal of a request that exceeds a limit of the entire service. Overload is brief, so the client
    /// may retry after 1 s.
    pub(crate) fn overloaded(of_what: &str) -> Self {
        let message = format!("the service has too many {of_what} at once; try again after 1 s");
        let refusal = Self::new(OVERLOADED, message).with_status(503);
        Self { retry_after: Some(Duration::from_secs(1)), ..refusal }
    }

    /// Returns the refusal of a request that exceeds a rate limit. `wait` is the time until the next request is
    /// permitted.
    pub(crate) fn rate_limited(whose: &str, wait: Duration) -> Self {
        let message = format!("too many requests {whose}; wait for the time in `Retry-After`, then send fewer");
        Self { retry_after: Some(wait), ..Self::new(ErrorCode::RATE_LIMITED, message) }
    }

    /// Sets how long the client must wait before it retries.
    #[must_use]
    pub(crate) fn after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Returns the refusal of a token request for which a replay cannot be ruled out. The advice is to sign a new
    /// request after `until`.
    pub(crate) fn until(code: ErrorCode, why: &str, until: Timestamp, now: Timestamp) -> Self {
        let wait = (until >= now).then(|| Duration::from_millis(until.millis_since(now).saturating_add(1)));
        let advice = match wait {
            Some(wait) => format!("sign a new one in {} s", wait.as_millis().div_ceil(1_000)),
            None => "sign a new one".into(),
        };
        Self { retry_after: wait, ..Self::new(code, format!("{why}; {advice}")) }
    }

    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    pub(crate) const fn info(&self) -> &ErrorInfo {
        self.inner.info()
    }

    pub(crate) const fn of_any(&self) -> &ably_auth_backend::Refusal {
        &self.inner
    }

    pub(crate) fn into_of_any(self) -> ably_auth_backend::Refusal {
        self.inner
    }

    pub(crate) const fn allow(&self) -> Option<&'static str> {
        self.allow
    }
}

impl From<ably_auth_backend::Refusal> for Refusal {
    fn from(inner: ably_auth_backend::Refusal) -> Self {
        Self { inner, allow: None, retry_after: None }
    }
}

/// Values in a request come from the client, so an invalid one is its mistake.
impl From<ably_auth_core::Error> for Refusal {
    fn from(error: ably_auth_core::Error) -> Self {
        ably_auth_backend::Refusal::invalid_input(error).into()
    }
}
