//! Arguments: text, times and lifetimes.

use std::time::Duration;

use ably_auth_core::{ErrorCode, Timestamp, Ttl};
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDateTime, PyDelta, PyInt, PyString, PyTzInfoAccess as _};

use crate::error::{exception, invalid};

/// Returns the text of a string. `what` names it in the error.
///
/// Python's own error for a lone surrogate would carry the whole string, which may be a secret.
pub(crate) fn text<'a>(value: &'a Bound<'_, PyString>, what: &str, code: ErrorCode) -> PyResult<&'a str> {
    value.to_str().map_err(|_| {
        let problem = format!("{what} has a lone surrogate, which no UTF-8 text has; decode the text correctly");
        invalid(code, &problem)
    })
}

/// Returns the text of an optional string.
pub(crate) fn optional_text<'a>(
    value: Option<&'a Bound<'_, PyString>>,
    what: &str,
    code: ErrorCode,
) -> PyResult<Option<&'a str>> {
    value.map(|value| text(value, what, code)).transpose()
}

/// Returns a lifetime from an `int` of milliseconds or a `timedelta`.
pub(crate) fn ttl(value: &Bound<'_, PyAny>) -> PyResult<Ttl> {
    // A number that does not fit is out of the range, as 0 is.
    Ttl::from_millis(millis(value, "ttl", "timedelta", is_delta)?.unwrap_or(0)).map_err(exception)
}

/// Returns a point in time from an `int` of milliseconds since the epoch or an aware `datetime`.
pub(crate) fn timestamp(value: &Bound<'_, PyAny>, what: &str) -> PyResult<Timestamp> {
    let is_time = |value: &Bound<'_, PyAny>| value.cast::<PyDateTime>().is_ok().then_some(true);
    if value.cast::<PyDateTime>().is_ok_and(|time| time.get_tzinfo().is_none()) {
        let problem =
            format!("{what} is a datetime without a time zone; use datetime.now(timezone.utc), or milliseconds");
        return Err(invalid(ErrorCode::BAD_REQUEST, &problem));
    }
    let out_of_range = || {
        let problem = format!("{what} is not a time after 1970; give milliseconds since the epoch, or a datetime");
        invalid(ErrorCode::BAD_REQUEST, &problem)
    };
    millis(value, what, "datetime", is_time)?.map(Timestamp::from_millis).ok_or_else(out_of_range)
}

/// Returns the time, by Python's clock if none is given.
pub(crate) fn timestamp_or_now(py: Python<'_>, value: Option<&Bound<'_, PyAny>>, what: &str) -> PyResult<Timestamp> {
    if let Some(value) = value {
        return timestamp(value, what);
    }
    static TIME: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let nanos = module(py, &TIME, "time")?.call_method0(intern!(py, "time_ns"))?;
    let nanos: u64 = nanos.extract()?;
    Ok(Timestamp::from_millis(nanos / 1_000_000))
}

/// Returns a module, which is imported once. Its functions are looked up in each call, so that tests can replace them.
pub(crate) fn module<'py>(
    py: Python<'py>,
    cell: &PyOnceLock<Py<PyModule>>,
    name: &str,
) -> PyResult<Bound<'py, PyModule>> {
    let module = cell.get_or_try_init(py, || py.import(name).map(Bound::unbind))?;
    Ok(module.bind(py).clone())
}

/// Returns a tolerance for clocks that differ, from an `int` of milliseconds or a `timedelta`.
pub(crate) fn leeway(value: Option<&Bound<'_, PyAny>>) -> PyResult<Duration> {
    let Some(value) = value else { return Ok(Duration::ZERO) };
    let out_of_range =
        || invalid(ErrorCode::INVALID_PARAMETER, "leeway is negative; give milliseconds, or a timedelta");
    millis(value, "leeway", "timedelta", is_delta)?.map(Duration::from_millis).ok_or_else(out_of_range)
}

fn is_delta(value: &Bound<'_, PyAny>) -> Option<bool> {
    value.cast::<PyDelta>().is_ok().then_some(false)
}

/// Returns milliseconds, or `None` if the number is negative or too large. `is_other` recognizes the other accepted type,
/// and says if that is a point in time.
fn millis(
    value: &Bound<'_, PyAny>,
    what: &str,
    other: &str,
    is_other: impl Fn(&Bound<'_, PyAny>) -> Option<bool>,
) -> PyResult<Option<u64>> {
    if value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>() {
        return Ok(value.extract().ok());
    }
    let Some(is_time) = is_other(value) else {
        let problem = format!("{what} must be an int of milliseconds or a {other}, not {}", value.get_type().name()?);
        return Err(PyTypeError::new_err(problem));
    };
    let delta = if is_time { since_epoch(value)? } else { value.clone() };
    let one = PyDelta::new(value.py(), 0, 0, 1000, false)?;
    Ok(delta.call_method1("__floordiv__", (one,))?.extract().ok())
}

fn since_epoch<'py>(time: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = time.py();
    let utc = pyo3::types::PyTzInfo::utc(py)?.to_owned();
    time.sub(PyDateTime::new(py, 1970, 1, 1, 0, 0, 0, 0, Some(&utc))?)
}
