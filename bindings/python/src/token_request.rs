//! Signed token requests.

use ably_auth_core::{Capability as Core, ClientId, ErrorCode, Nonce, TokenRequest, TokenRequestFields, Ttl};
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyDict, PyInt, PyMapping, PyString};
use serde_json::{Map, Value};

use crate::arguments::{module, optional_text, text, timestamp_or_now, ttl as read_ttl};
use crate::capability::{self, Capability};
use crate::error::{exception, invalid};
use crate::key;

/// Signs a request for a token, as a dict with the names of the wire that is ready for JSON.
#[pyfunction]
#[pyo3(signature = (key, *, ttl = None, capability = None, client_id = None, timestamp = None, nonce = None))]
pub(crate) fn sign_token_request<'py>(
    py: Python<'py>,
    key: &Bound<'py, PyAny>,
    ttl: Option<&Bound<'py, PyAny>>,
    capability: Option<&Bound<'py, PyAny>>,
    client_id: Option<&Bound<'py, PyString>>,
    timestamp: Option<&Bound<'py, PyAny>>,
    nonce: Option<&Bound<'py, PyString>>,
) -> PyResult<Bound<'py, PyDict>> {
    let key = key::read(key)?;
    let key = key.get();
    let capability = capability::optional_text(capability)?;
    let random = if nonce.is_none() { Some(random_nonce(py)?) } else { None };
    let nonce = optional_text(nonce, "nonce", ErrorCode::BAD_REQUEST)?;
    let fields = TokenRequestFields {
        key_name: key.name().as_str(),
        ttl: ttl.map(read_ttl).transpose()?,
        capability: capability.as_deref(),
        client_id: optional_text(client_id, "clientId", ErrorCode::INVALID_CLIENT_ID)?,
        timestamp: timestamp_or_now(py, timestamp, "timestamp")?,
        nonce: nonce.or(random.as_ref().map(Nonce::as_str)).unwrap_or_default(),
    };
    let mac = key.signer().sign(&fields).map_err(exception)?.to_base64();
    let dict = PyDict::new(py);
    dict.set_item(intern!(py, "keyName"), fields.key_name)?;
    if let Some(ttl) = fields.ttl {
        dict.set_item(intern!(py, "ttl"), ttl.as_millis())?;
    }
    if let Some(capability) = fields.capability {
        dict.set_item(intern!(py, "capability"), capability)?;
    }
    if let Some(client_id) = fields.client_id {
        dict.set_item(intern!(py, "clientId"), client_id)?;
    }
    dict.set_item(intern!(py, "timestamp"), fields.timestamp.as_millis())?;
    dict.set_item(intern!(py, "nonce"), fields.nonce)?;
    dict.set_item(intern!(py, "mac"), std::str::from_utf8(&mac).unwrap_or_default())?;
    Ok(dict)
}

/// Returns a nonce from the system's random numbers.
fn random_nonce(py: Python<'_>) -> PyResult<Nonce> {
    static OS: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let bytes = module(py, &OS, "os")?.call_method1(intern!(py, "urandom"), (16,))?;
    Ok(Nonce::from_random(&bytes.extract()?))
}

/// The values of a token request that the holder of the key has signed.
#[pyclass(frozen, get_all, module = "ably_capability")]
pub(crate) struct VerifiedTokenRequest {
    key_name: String,
    /// The requested lifetime in milliseconds.
    ttl: Option<u64>,
    capability: Option<Py<Capability>>,
    client_id: Option<String>,
    /// The time of signing, in milliseconds since the epoch.
    timestamp: u64,
    nonce: String,
}

#[pymethods]
impl VerifiedTokenRequest {
    fn __repr__(&self) -> String {
        format!("VerifiedTokenRequest(key_name='{}')", self.key_name)
    }
}

/// Verifies the mac of a token request: a mapping with the names of the wire, or its JSON.
#[pyfunction]
pub(crate) fn verify_token_request<'py>(
    py: Python<'py>,
    request: &Bound<'py, PyAny>,
    key: &Bound<'py, PyAny>,
) -> PyResult<VerifiedTokenRequest> {
    let key = key::read(key)?;
    let request = read(request)?;
    let verified = request.verify_with(key.get().signer(), key.get().name()).map_err(exception)?;
    let missing = |field| invalid(ErrorCode::BAD_REQUEST, &format!("token request has no {field}; sign it again"));
    let capability: Option<Core> = verified.capability().map_err(exception)?;
    Ok(VerifiedTokenRequest {
        key_name: verified.key_name().into(),
        ttl: verified.ttl().map_err(exception)?.map(Ttl::as_millis),
        capability: capability.map(|capability| Py::new(py, Capability::from(capability))).transpose()?,
        client_id: client_id(&verified.client_id().map_err(exception)?),
        timestamp: verified.timestamp().map_err(exception)?.ok_or_else(|| missing("timestamp"))?.as_millis(),
        nonce: verified.nonce().ok_or_else(|| missing("nonce"))?.into(),
    })
}

/// Returns a clientId as it is on the wire.
pub(crate) fn client_id(client_id: &ClientId) -> Option<String> {
    client_id.as_str().map(Into::into)
}

const FORM: &str = "give the object that `sign_token_request` returns";

fn read(request: &Bound<'_, PyAny>) -> PyResult<TokenRequest> {
    // The parser's own message is not shown, because it quotes its input.
    let fault = |problem: &str| invalid(ErrorCode::BAD_REQUEST, &format!("token request {problem}; {FORM}"));
    let malformed = |error: serde_json::Error| {
        let place = format!("(line {}, column {})", error.line(), error.column());
        match error.classify() {
            serde_json::error::Category::Data => fault(&format!("has an invalid or missing field {place}")),
            _ => fault(&format!("is not valid JSON {place}")),
        }
    };
    if let Ok(json) = request.cast::<PyString>() {
        let json = text(json, "token request", ErrorCode::BAD_REQUEST)?;
        return parse(json.as_bytes()).map_err(malformed);
    }
    if let Ok(json) = request.cast::<PyBytes>() {
        return parse(json.as_bytes()).map_err(malformed);
    }
    let Ok(mapping) = request.cast::<PyMapping>() else {
        let name = request.get_type().name()?;
        return Err(PyTypeError::new_err(format!("token request must be a mapping, str or bytes, not {name}")));
    };
    let mut fields = Map::new();
    for name in ["keyName", "ttl", "capability", "clientId", "timestamp", "nonce", "mac"] {
        if mapping.contains(name)? {
            let value =
                field(&mapping.get_item(name)?).map_err(|wanted| fault(&format!("has a `{name}` that {wanted}")))?;
            fields.insert(name.into(), value);
        }
    }
    if !fields.contains_key("keyName") {
        return Err(fault("has no `keyName`"));
    }
    serde::de::Deserialize::deserialize(Value::Object(fields)).map_err(|_| fault("has a field of the wrong type"))
}

fn parse(json: &[u8]) -> Result<TokenRequest, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let request = TokenRequest::deserialize_known_fields(&mut reader)?;
    reader.end()?;
    Ok(request)
}

/// Returns a value of a field, or says what is wrong with it.
fn field(value: &Bound<'_, PyAny>) -> Result<Value, &'static str> {
    if value.is_none() {
        return Ok(Value::Null);
    }
    if let Ok(value) = value.cast::<PyString>() {
        return value.to_str().map(Value::from).map_err(|_| "has a lone surrogate");
    }
    if value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>() {
        return value.extract::<i64>().map(Value::from).map_err(|_| "is out of range");
    }
    Err("is neither a str nor an int")
}
