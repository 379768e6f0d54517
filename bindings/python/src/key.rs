//! API keys.

use ably_auth_core::{ErrorCode, Signer};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::arguments::text;
use crate::error::exception;

/// An API key, with its secret. It is immutable, and its text never shows the secret.
#[pyclass(frozen, module = "ably_capability")]
pub(crate) struct ApiKey {
    key: ably_auth_core::ApiKey,
    /// Prepared once, because that costs as much as a signature.
    signer: Signer,
}

#[pymethods]
impl ApiKey {
    /// Parses `appId.keyId:secret`.
    #[staticmethod]
    fn parse(text: &Bound<'_, PyString>) -> PyResult<Self> {
        let text = self::text(text, "key", ErrorCode::INVALID_CREDENTIAL)?;
        let key = ably_auth_core::ApiKey::parse(text).map_err(exception)?;
        let signer = key.signer();
        Ok(Self { key, signer })
    }

    /// The public part, `appId.keyId`.
    #[getter]
    fn key_name(&self) -> &str {
        self.key.key_name().as_str()
    }

    /// The app ID.
    #[getter]
    fn app_id(&self) -> &str {
        self.key.key_name().app_id()
    }

    /// The key ID.
    #[getter]
    fn key_id(&self) -> &str {
        self.key.key_name().key_id()
    }

    fn __repr__(&self) -> String {
        format!("ApiKey({}:[redacted])", self.key_name())
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Self>().is_ok_and(|other| self.key == other.get().key)
    }

    /// The key's name decides, so that no hash depends on the secret.
    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        PyString::new(py, self.key_name()).hash()
    }

    fn __copy__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __deepcopy__(this: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
        this
    }
}

impl ApiKey {
    pub(crate) const fn name(&self) -> &ably_auth_core::KeyName {
        self.key.key_name()
    }

    pub(crate) const fn signer(&self) -> &Signer {
        &self.signer
    }
}

/// Reads a key argument: an `ApiKey`, or the text of a key.
pub(crate) fn read<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, ApiKey>> {
    if let Ok(key) = value.cast::<ApiKey>() {
        return Ok(key.clone());
    }
    let Ok(text) = value.cast::<PyString>() else {
        let problem = format!("key must be an ApiKey or a str, not {}", value.get_type().name()?);
        return Err(PyTypeError::new_err(problem));
    };
    Bound::new(value.py(), ApiKey::parse(text)?)
}
