//! A request that is not granted, and what its answer says.

use ably_auth_core::{ErrorCode, ErrorInfo};

use crate::store::Unavailable;

/// The answer to a request that is not granted.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    info: Box<ErrorInfo>,
    /// The methods that the path does take.
    allow: Option<&'static str>,
}

impl Refusal {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { info: Box::new(ErrorInfo::new(code, message)), allow: None }
    }

    pub(crate) fn internal() -> Self {
        Self::new(ErrorCode::INTERNAL, "the service failed; try again later")
    }

    /// What is asked cannot be told for now, so it is not granted.
    pub(crate) fn unavailable() -> Self {
        Self::new(ErrorCode::TIMEOUT, "the service cannot see what it must not forget; try again later")
    }

    /// For a path that takes other methods: those.
    pub(crate) fn method_not_allowed(methods: &'static str) -> Self {
        let message = format!("the path does not take this method; use {methods}");
        Self { allow: Some(methods), ..Self::new(ErrorCode::METHOD_NOT_ALLOWED, message) }
    }

    #[must_use]
    pub(crate) fn with_status(mut self, status: u16) -> Self {
        *self.info = self.info.with_status(status);
        self
    }

    pub(crate) const fn info(&self) -> &ErrorInfo {
        &self.info
    }

    pub(crate) fn into_info(self) -> ErrorInfo {
        *self.info
    }

    pub(crate) const fn allow(&self) -> Option<&'static str> {
        self.allow
    }
}

/// What exactly is wrong with the store is not for clients to know.
impl From<Unavailable> for Refusal {
    fn from(_: Unavailable) -> Self {
        Self::unavailable()
    }
}

/// Core's errors quote no secret, and end with what to do.
impl From<ably_auth_core::Error> for Refusal {
    fn from(error: ably_auth_core::Error) -> Self {
        Self::new(error.ably_code(), error.to_string())
    }
}
