//! Errors as Python exceptions.

use ably_auth_core::ErrorCode;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

/// Returns the exception for an error of the core.
#[expect(clippy::needless_pass_by_value, reason = "an argument of `map_err`")]
pub(crate) fn exception(error: ably_auth_core::Error) -> PyErr {
    build(&error.to_string(), error.ably_code(), error.offset(), error.resource())
}

/// Returns the exception for an error in a value that is not text, so that a byte offset would not help.
pub(crate) fn exception_without_place(error: &ably_auth_core::Error) -> PyErr {
    let mut message = error.to_string();
    if let Some(at) = error.offset() {
        message = message.replacen(&format!(" (byte {at})"), "", 1);
    }
    build(&message, error.ably_code(), None, error.resource())
}

/// Returns the exception for an invalid argument. `problem` contains no secret.
pub(crate) fn invalid(code: ErrorCode, problem: &str) -> PyErr {
    build(problem, code, None, None)
}

fn build(message: &str, code: ErrorCode, place: Option<usize>, resource: Option<&str>) -> PyErr {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    Python::attach(|py| {
        let class = CLASS.import(py, "ably_capability._error", "AblyAuthError");
        match class.and_then(|class| class.call1((message, code.as_u32(), code.status(), place, resource))) {
            Ok(exception) => PyErr::from_value(exception),
            Err(fault) => fault,
        }
    })
}
