//! A request that is not granted, and what its answer says.

use std::time::Duration;

use ably_auth_core::{ErrorCode, ErrorInfo, Timestamp};

/// The service has more to do than it takes on.
pub(crate) const OVERLOADED: ErrorCode = ErrorCode::new(50004);

/// The answer to a request that is not granted: what any backend answers, and what only the service has to add.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    of_any: ably_auth_backend::Refusal,
    /// The methods that the path does take.
    allow: Option<&'static str>,
    /// How long to wait before another try.
    retry_after: Option<Duration>,
}

impl Refusal {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        ably_auth_backend::Refusal::new(code, message).into()
    }

    pub(crate) fn internal() -> Self {
        Self::new(ErrorCode::INTERNAL, "the service failed; try again later")
    }

    /// What is asked cannot be told for now, so it is not granted.
    pub(crate) fn unavailable() -> Self {
        Self::new(ErrorCode::TIMEOUT, "the service cannot see what it must not forget; try again later")
    }

    /// What is over and what is not cannot be told while the clock is wrong.
    pub(crate) fn wrong_clock() -> Self {
        Self::new(ErrorCode::TIMEOUT, "the service cannot tell what time it is; try again later")
    }

    /// For a path that takes other methods: those.
    pub(crate) fn method_not_allowed(methods: &'static str) -> Self {
        let message = format!("the path does not take this method; use {methods}");
        Self { allow: Some(methods), ..Self::new(ErrorCode::METHOD_NOT_ALLOWED, message) }
    }

    #[must_use]
    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.of_any = self.of_any.with_status(status);
        self
    }

    /// Too many of something are there: one of these will be gone in a moment.
    pub(crate) fn overloaded(of_what: &str) -> Self {
        let message = format!("the service has too many {of_what} at once; try again in a moment");
        let refusal = Self::new(OVERLOADED, message).with_status(503);
        Self { retry_after: Some(Duration::from_secs(1)), ..refusal }
    }

    /// Too many requests of somebody, who may go on after that time.
    pub(crate) fn too_often(whose: &str, wait: Duration) -> Self {
        let message = format!("there are too many requests {whose}; wait as `Retry-After` says, and spread them out");
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
        self.of_any.info()
    }

    pub(crate) const fn of_any(&self) -> &ably_auth_backend::Refusal {
        &self.of_any
    }

    pub(crate) fn into_of_any(self) -> ably_auth_backend::Refusal {
        self.of_any
    }

    pub(crate) const fn allow(&self) -> Option<&'static str> {
        self.allow
    }
}

impl From<ably_auth_backend::Refusal> for Refusal {
    fn from(of_any: ably_auth_backend::Refusal) -> Self {
        Self { of_any, allow: None, retry_after: None }
    }
}

/// Core's errors quote no secret, and end with what to do.
impl From<ably_auth_core::Error> for Refusal {
    fn from(error: ably_auth_core::Error) -> Self {
        Self::new(error.ably_code(), error.to_string())
    }
}
