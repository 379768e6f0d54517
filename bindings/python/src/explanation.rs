//! Explanations why a capability permits an operation or not.

use ably_auth_core::capability::{self, Asked, Entry};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// The reason why an operation is permitted or not. It is true if the operation is permitted.
#[pyclass(frozen, module = "ably_capability")]
pub(crate) struct Explanation {
    /// `permitted`, `lacksOperation`, `lacksResource`, `lacksBoth` or `noResource`.
    #[pyo3(get)]
    reason: &'static str,
    /// True if the operation is permitted.
    #[pyo3(get)]
    permitted: bool,
    /// The operation, as the caller gave it.
    #[pyo3(get)]
    operation: String,
    /// The channel, as the caller gave it.
    #[pyo3(get)]
    channel: String,
    /// The resource that decided or comes closest, and its operations.
    entry: Option<(String, Vec<String>)>,
    #[pyo3(get)]
    text: String,
}

impl Explanation {
    pub(crate) fn new(asked: &Asked<'_>, explanation: &capability::Explanation<'_>) -> Self {
        use capability::Explanation as E;
        let (reason, entry) = match explanation {
            E::Permitted { by, .. } => ("permitted", Some(by)),
            E::LacksOperation { closest, .. } => ("lacksOperation", Some(closest)),
            E::LacksResource { closest, .. } => ("lacksResource", Some(closest)),
            E::LacksBoth { .. } => ("lacksBoth", None),
            E::NoResource { .. } => ("noResource", None),
            // The core may add reasons, whose text still says what is missing.
            _ => ("other", None),
        };
        let names = |entry: &Entry<'_>| entry.operations.iter().map(|name| name.as_str().to_owned()).collect();
        Self {
            reason,
            permitted: explanation.is_permitted(),
            operation: asked.operation.as_str().into(),
            channel: asked.resource.into(),
            entry: entry.map(|entry| (entry.resource.as_str().into(), names(entry))),
            text: explanation.to_string(),
        }
    }
}

#[pymethods]
impl Explanation {
    /// The entry that decided or comes closest, as a dict.
    #[getter]
    fn entry<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Some((resource, operations)) = &self.entry else { return Ok(None) };
        let entry = PyDict::new(py);
        entry.set_item("resource", resource)?;
        entry.set_item("operations", operations)?;
        Ok(Some(entry))
    }

    /// Returns the explanation as data that is ready for JSON.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("permitted", self.permitted)?;
        dict.set_item("operation", &self.operation)?;
        dict.set_item("channel", &self.channel)?;
        dict.set_item("reason", self.reason)?;
        if let Some(entry) = self.entry(py)? {
            dict.set_item("entry", entry)?;
        }
        dict.set_item("text", &self.text)?;
        Ok(dict)
    }

    fn __bool__(&self) -> bool {
        self.permitted
    }

    fn __str__(&self) -> &str {
        &self.text
    }

    fn __repr__(&self) -> String {
        format!("Explanation({})", self.text)
    }
}
