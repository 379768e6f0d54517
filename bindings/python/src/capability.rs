//! Capabilities and their algebra.

use std::borrow::Cow;

use ably_auth_core::capability::{Asked, Work};
use ably_auth_core::{Capability as Core, ErrorCode};
use pyo3::basic::CompareOp;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyMapping, PyString, PyTuple};

use crate::arguments::text;
use crate::error::{exception, exception_without_place, invalid};
use crate::explanation::Explanation;

/// The permitted operations on channels, queues and metachannels. It is immutable.
#[pyclass(frozen, module = "ably_capability")]
pub(crate) struct Capability(Core);

impl From<Core> for Capability {
    fn from(capability: Core) -> Self {
        Self(capability)
    }
}

#[pymethods]
impl Capability {
    /// Parses JSON text, or a mapping of resources to operations.
    #[staticmethod]
    #[pyo3(signature = (value, *, lenient = false))]
    fn parse(value: &Bound<'_, PyAny>, lenient: bool) -> PyResult<Self> {
        read(value, lenient).map(|capability| Self(capability.into_owned()))
    }

    /// Returns whether the operation is permitted on the channel.
    fn permits(&self, operation: &Bound<'_, PyString>, channel: &Bound<'_, PyString>) -> PyResult<bool> {
        let (operation, channel) = question(operation, channel)?;
        Ok(self.0.permits(channel, operation))
    }

    /// Returns whether everything that `other` permits is permitted.
    fn covers(&self, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.0.covers(&*read(other, false)?))
    }

    /// Returns what both capabilities permit.
    fn intersect(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Self> {
        let other = read(other, false)?;
        let mut work = Work::steps(Work::PER_REQUEST);
        let common = py.detach(|| self.0.intersect_within(&other, &mut work));
        common.map(Self).map_err(exception)
    }

    /// Returns what either capability permits.
    fn union(&self, other: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self(self.0.union(&*read(other, false)?)))
    }

    /// Returns the capability that permits the same with the fewest entries.
    fn minimal(&self) -> Self {
        Self(self.0.minimal())
    }

    /// Returns whether both capabilities permit the same.
    fn equivalent(&self, other: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.0.is_equivalent(&*read(other, false)?))
    }

    /// Explains why the operation is permitted on the channel, or what is missing.
    fn explain(&self, operation: &Bound<'_, PyString>, channel: &Bound<'_, PyString>) -> PyResult<Explanation> {
        let (operation, channel) = question(operation, channel)?;
        let asked = Asked { resource: channel, operation: operation.into() };
        Ok(Explanation::new(&asked, &self.0.explain(channel, operation)))
    }

    /// Returns a dict of resources to lists of operations, in the order of the canonical text.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for entry in &self.0 {
            let operations = entry.operations.iter().map(|operation| PyString::new(py, operation.as_str()));
            dict.set_item(entry.resource.as_str(), PyList::new(py, operations.collect::<Vec<_>>())?)?;
        }
        Ok(dict)
    }

    fn __and__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        if !is_capability(other) {
            return Ok(py.NotImplemented());
        }
        Ok(Py::new(py, self.intersect(py, other)?)?.into_any())
    }

    fn __rand__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.__and__(py, other)
    }

    fn __or__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        if !is_capability(other) {
            return Ok(py.NotImplemented());
        }
        Ok(Py::new(py, self.union(other)?)?.into_any())
    }

    fn __ror__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.__or__(py, other)
    }

    /// Compares the canonical text. There is no order, because `<` would be taken for `covers`.
    fn __richcmp__(&self, py: Python<'_>, other: &Bound<'_, PyAny>, op: CompareOp) -> PyResult<Py<PyAny>> {
        let is_equal = other.cast::<Self>().map(|other| self.0 == other.get().0);
        Ok(match (op, is_equal) {
            (CompareOp::Eq, Ok(is_equal)) => is_equal.into_pyobject(py)?.to_owned().into_any().unbind(),
            (CompareOp::Ne, Ok(is_equal)) => (!is_equal).into_pyobject(py)?.to_owned().into_any().unbind(),
            _ => py.NotImplemented(),
        })
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        PyString::new(py, &self.0.to_string()).hash()
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let text = PyString::new(py, &self.0.to_string());
        Ok(format!("Capability.parse({})", text.repr()?))
    }

    fn __bool__(&self) -> bool {
        !self.0.is_empty()
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __copy__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __deepcopy__(this: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
        this
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let restore = py.import("ably_capability._native")?.getattr("restore_capability")?;
        PyTuple::new(py, [restore, PyTuple::new(py, [self.0.to_string()])?.into_any()])
    }
}

/// Restores a pickled capability. It may have operations that only a newer service knows.
#[pyfunction]
pub(crate) fn restore_capability(text: &Bound<'_, PyString>) -> PyResult<Capability> {
    Capability::parse(text, true)
}

fn question<'a>(operation: &'a Bound<'_, PyString>, channel: &'a Bound<'_, PyString>) -> PyResult<(&'a str, &'a str)> {
    let operation = text(operation, "operation", ErrorCode::BAD_REQUEST)?;
    Ok((operation, text(channel, "channel", ErrorCode::INVALID_CHANNEL_NAME)?))
}

fn is_capability(value: &Bound<'_, PyAny>) -> bool {
    value.cast::<Capability>().is_ok() || value.cast::<PyString>().is_ok() || value.cast::<PyMapping>().is_ok()
}

/// Reads a capability: a `Capability`, JSON text, or a mapping.
pub(crate) fn read<'a>(value: &'a Bound<'_, PyAny>, is_lenient: bool) -> PyResult<Cow<'a, Core>> {
    if let Ok(capability) = value.cast::<Capability>() {
        return Ok(Cow::Borrowed(&capability.get().0));
    }
    let parse = if is_lenient { Core::parse_lenient } else { Core::parse_strict };
    if let Ok(text) = value.cast::<PyString>() {
        let text = self::text(text, "capability", ErrorCode::BAD_REQUEST)?;
        return parse(text).map(Cow::Owned).map_err(exception);
    }
    let Ok(mapping) = value.cast::<PyMapping>() else {
        let name = value.get_type().name()?;
        let problem = format!("capability must be a Capability, a str of JSON or a mapping, not {name}");
        return Err(PyTypeError::new_err(problem));
    };
    parse(&json_of(mapping)?).map(Cow::Owned).map_err(|error| exception_without_place(&error))
}

/// Reads an optional capability, and returns its canonical text.
pub(crate) fn optional_text(value: Option<&Bound<'_, PyAny>>) -> PyResult<Option<String>> {
    value.map(|value| read(value, false).map(|capability| capability.to_string())).transpose()
}

/// Returns the JSON of a mapping, so that text and mappings have the same rules.
fn json_of(mapping: &Bound<'_, PyMapping>) -> PyResult<String> {
    let mut json = String::from("{");
    for item in mapping.items()? {
        let (resource, operations): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item.extract()?;
        let Ok(resource) = resource.cast::<PyString>() else {
            return Err(PyTypeError::new_err("a resource of the capability is not a str; give the name of a channel"));
        };
        let resource = text(resource, "resource", ErrorCode::BAD_REQUEST)?;
        separate(&mut json, '{');
        json.push_str(&quoted(resource));
        json.push_str(":[");
        let form = || {
            let shown = resource.escape_debug();
            let problem = format!("operations of `{shown}` are not a list of str; give for example [\"publish\"]");
            invalid(ErrorCode::BAD_REQUEST, &problem)
        };
        if operations.cast::<PyString>().is_ok() {
            return Err(form());
        }
        for operation in operations.try_iter().map_err(|_| form())? {
            let operation = operation?;
            let operation = operation.cast::<PyString>().map_err(|_| form())?;
            separate(&mut json, '[');
            json.push_str(&quoted(text(operation, "operation", ErrorCode::BAD_REQUEST)?));
        }
        json.push(']');
    }
    json.push('}');
    Ok(json)
}

fn separate(json: &mut String, start: char) {
    if !json.ends_with(start) {
        json.push(',');
    }
}

/// Returns the JSON of a string.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
