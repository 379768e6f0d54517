//! JWTs: minting, verification, and inspection without verification.

use ably_auth_core::jwt::{ClaimValue, JwtText};
use ably_auth_core::{ErrorCode, JwtFields, Timestamp, Ttl, UnverifiedJwt};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyMapping, PyString};

use crate::arguments::{
    leeway as read_leeway, optional_text, text, timestamp as read_timestamp, timestamp_or_now, ttl as read_ttl,
};
use crate::capability::{self, Capability};
use crate::error::{exception, invalid};
use crate::key;
use crate::token_request::client_id as wire_client_id;

/// Mints a JWT that clients use as an Ably token.
#[pyfunction]
#[pyo3(signature = (
    key, *, ttl = None, capability = None, client_id = None, timestamp = None, not_before = None, revocation_key = None,
    channel_claims = None, publish_limits = None, claims = None
))]
#[expect(clippy::too_many_arguments, reason = "keyword arguments of a Python function")]
pub(crate) fn mint_jwt<'py>(
    py: Python<'py>,
    key: &Bound<'py, PyAny>,
    ttl: Option<&Bound<'py, PyAny>>,
    capability: Option<&Bound<'py, PyAny>>,
    client_id: Option<&Bound<'py, PyString>>,
    timestamp: Option<&Bound<'py, PyAny>>,
    not_before: Option<&Bound<'py, PyAny>>,
    revocation_key: Option<&Bound<'py, PyString>>,
    channel_claims: Option<&Bound<'py, PyMapping>>,
    publish_limits: Option<&Bound<'py, PyMapping>>,
    claims: Option<&Bound<'py, PyMapping>>,
) -> PyResult<String> {
    let key = key::read(key)?;
    let capability = capability::optional_text(capability)?;
    let channel_claims = items(channel_claims, "channel_claims", |value, name| {
        let value = value.cast::<PyString>().map_err(|_| claim_fault(name, "is not a str"))?;
        text(value, name, ErrorCode::INVALID_JWT).map(Into::into)
    })?;
    let publish_limits = items(publish_limits, "publish_limits", |value, name| {
        value.extract::<u32>().map_err(|_| claim_fault(name, "is not a whole number of messages a second"))
    })?;
    let others = items(claims, "claims", json_of)?;
    let channel_claims: Vec<(&str, &str)> = pairs(&channel_claims, |claim: &String| claim.as_str());
    let publish_limits: Vec<(&str, u32)> = pairs(&publish_limits, |limit: &u32| *limit);
    let others: Vec<(&str, ClaimValue<'_>)> = pairs(&others, |json: &String| ClaimValue::Json(json));
    let fields = JwtFields {
        not_before: not_before.map(|time| read_timestamp(time, "not_before")).transpose()?,
        capability: capability.as_deref(),
        client_id: optional_text(client_id, "clientId", ErrorCode::INVALID_CLIENT_ID)?,
        revocation_key: optional_text(revocation_key, "revocation_key", ErrorCode::INVALID_JWT)?,
        channel_claims: &channel_claims,
        publish_limits: &publish_limits,
        others: &others,
        ..JwtFields::new(
            key.get().name().as_str(),
            timestamp_or_now(py, timestamp, "timestamp")?,
            ttl.map_or(Ok(Ttl::DEFAULT), read_ttl)?,
        )
    };
    Ok(fields.mint(key.get().signer()).map_err(exception)?.expose().into())
}

/// Reads the items of a mapping with `read`, which gets the value and the name of the item.
fn items<T>(
    mapping: Option<&Bound<'_, PyMapping>>,
    what: &str,
    read: impl Fn(&Bound<'_, PyAny>, &str) -> PyResult<T>,
) -> PyResult<Vec<(String, T)>> {
    let Some(mapping) = mapping else { return Ok(Vec::new()) };
    let mut items = Vec::new();
    for item in mapping.items()? {
        let (name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item.extract()?;
        let name = name.cast::<PyString>().map_err(|_| claim_fault(what, "has a name that is not a str"))?;
        let name = text(name, what, ErrorCode::INVALID_JWT)?;
        items.push((name.to_owned(), read(&value, name)?));
    }
    Ok(items)
}

fn pairs<'a, T, U>(items: &'a [(String, T)], convert: impl Fn(&'a T) -> U) -> Vec<(&'a str, U)> {
    items.iter().map(|(name, value)| (name.as_str(), convert(value))).collect()
}

fn claim_fault(name: &str, problem: &str) -> PyErr {
    let problem = format!("claim `{}` of the JWT {problem}; change the value", name.escape_debug());
    invalid(ErrorCode::INVALID_JWT, &problem)
}

/// Returns the JSON of a claim that Ably does not define.
fn json_of(value: &Bound<'_, PyAny>, name: &str) -> PyResult<String> {
    let options = PyDict::new(value.py());
    options.set_item("allow_nan", false)?;
    options.set_item("ensure_ascii", false)?;
    options.set_item("separators", (",", ":"))?;
    let json = value.py().import("json")?.call_method("dumps", (value,), Some(&options));
    json.and_then(|json| json.extract()).map_err(|_| claim_fault(name, "has no form in JSON"))
}

/// The claims of a JWT whose signature and times were verified.
#[pyclass(frozen, get_all, module = "ably_capability")]
pub(crate) struct JwtClaims {
    key_name: String,
    /// The time of issue, in milliseconds since the epoch.
    issued: u64,
    /// The time of expiry, in milliseconds since the epoch.
    expires: u64,
    /// The time at which the JWT becomes valid, in milliseconds since the epoch.
    not_before: Option<u64>,
    /// `None` means the capability of the key.
    capability: Option<Py<Capability>>,
    client_id: Option<String>,
    revocation_key: Option<String>,
    channel_claims: Py<PyDict>,
    publish_limits: Py<PyDict>,
    /// The claims that Ably does not define.
    claims: Py<PyDict>,
}

#[pymethods]
impl JwtClaims {
    fn __repr__(&self) -> String {
        format!("JwtClaims(key_name='{}', expires={})", self.key_name, self.expires)
    }
}

/// Verifies the signature and the times of a JWT.
#[pyfunction]
#[pyo3(signature = (token, key, *, now = None, leeway = None))]
pub(crate) fn verify_jwt<'py>(
    py: Python<'py>,
    token: &Bound<'py, PyString>,
    key: &Bound<'py, PyAny>,
    now: Option<&Bound<'py, PyAny>>,
    leeway: Option<&Bound<'py, PyAny>>,
) -> PyResult<JwtClaims> {
    let key = key::read(key)?;
    let now = timestamp_or_now(py, now, "now")?;
    let token = UnverifiedJwt::parse(text(token, "JWT", ErrorCode::INVALID_JWT)?).map_err(exception)?;
    if token.key_name() != key.get().name() {
        let problem = "JWT names another key; verify it with the key that `kid` in its header names";
        return Err(invalid(ErrorCode::INVALID_JWT, problem));
    }
    let verified = token.verify(key.get().signer(), now, read_leeway(leeway)?).map_err(exception)?;
    let claims = verified.claims();
    if claims.embedded_token().is_some() {
        // Its rights count instead of those of this JWT, so these claims would mislead the caller.
        let problem = "JWT has an embedded token, whose rights count instead of its own; verify the embedded token";
        return Err(invalid(ErrorCode::INVALID_JWT, problem));
    }
    let (channel_claims, publish_limits, others) = (PyDict::new(py), PyDict::new(py), PyDict::new(py));
    claims.channel_claims().try_for_each(|(resource, claim)| channel_claims.set_item(resource, claim))?;
    claims.publish_limits().try_for_each(|(resource, limit)| publish_limits.set_item(resource, limit))?;
    for (name, json) in claims.others() {
        others.set_item(name, loads(py, json)?)?;
    }
    let capability = claims.capability().map_err(exception)?;
    Ok(JwtClaims {
        key_name: verified.key_name().as_str().into(),
        issued: claims.issued().as_millis(),
        expires: claims.expires().as_millis(),
        not_before: claims.not_before().map(Timestamp::as_millis),
        capability: capability.map(|capability| Py::new(py, Capability::from(capability))).transpose()?,
        client_id: wire_client_id(claims.client_id()),
        revocation_key: claims.revocation_key().map(Into::into),
        channel_claims: channel_claims.unbind(),
        publish_limits: publish_limits.unbind(),
        claims: others.unbind(),
    })
}

/// The content of a JWT that was not verified. It may be forged.
#[pyclass(frozen, get_all, module = "ably_capability")]
pub(crate) struct Jwt {
    /// `kid` in the header.
    key_name: Option<String>,
    /// The text of the capability.
    capability: Option<String>,
    client_id: Option<String>,
    header: Py<PyAny>,
    /// `None` if the JWT is encrypted.
    payload: Option<Py<PyAny>>,
    /// The time in `iat`, in milliseconds since the epoch.
    issued: Option<u64>,
    /// The time in `exp`, in milliseconds since the epoch.
    expires: Option<u64>,
}

#[pymethods]
impl Jwt {
    // Neither part is shown, because each may contain a token.
    fn __repr__(&self) -> String {
        let shown = self.expires.map_or_else(|| "None".into(), |expires| expires.to_string());
        format!("Jwt(unverified, expires={shown})")
    }
}

/// Reads a JWT without verifying it.
#[pyfunction]
pub(crate) fn inspect_jwt(py: Python<'_>, token: &Bound<'_, PyString>) -> PyResult<Jwt> {
    let jwt = JwtText::parse(text(token, "JWT", ErrorCode::INVALID_JWT)?).map_err(exception)?;
    let header = loads(py, jwt.header())?;
    let payload = jwt.payload().map(|json| loads(py, json)).transpose()?;
    let claim = |name| member(py, payload.as_ref(), name);
    Ok(Jwt {
        key_name: member(py, Some(&header), "kid"),
        capability: claim("x-ably-capability"),
        client_id: claim("x-ably-clientId"),
        header,
        payload,
        issued: jwt.issued().map(Timestamp::as_millis),
        expires: jwt.expires().map(Timestamp::as_millis),
    })
}

/// Returns a member of a dict, or `None` if it is missing or not a text.
fn member(py: Python<'_>, dict: Option<&Py<PyAny>>, name: &str) -> Option<String> {
    dict?.bind(py).get_item(name).ok()?.extract().ok()
}

/// Returns the value of JSON that the core has checked. Python still refuses integers with thousands of digits.
fn loads(py: Python<'_>, json: &str) -> PyResult<Py<PyAny>> {
    let value = py.import("json")?.call_method1("loads", (json,));
    let fault = |_| invalid(ErrorCode::INVALID_JWT, "JWT has a number that Python cannot read; use shorter numbers");
    value.map(Bound::unbind).map_err(fault)
}
