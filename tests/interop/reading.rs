//! Requests written out in a case, and the values to read from their responses.

use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};

use super::{Client, Fault, list, send};

/// Sends the request of a case. Returns the status and the values that `see` names, by JSON pointer in the body or by
/// header name.
pub(super) fn ask(client: &Client, asked: &Value) -> Result<String, Fault> {
    let text = |name: &str| asked[name].as_str().unwrap_or_default();
    let method = if text("method").is_empty() { "GET".to_owned() } else { text("method").to_uppercase() };
    let mut request = Request::builder().method(&*method).uri(format!("{}?{}", text("path"), query(&asked["query"])));
    if let Some(version) = asked["version"].as_u64() {
        request = request.header("x-ably-version", version);
    }
    for (name, value) in asked["headers"].as_object().into_iter().flatten() {
        request = request.header(name, value.as_str().unwrap_or_default());
    }
    let body = match &asked["body"] {
        Value::Null => Bytes::new(),
        Value::String(text) => text.clone().into(),
        value => {
            request = request.header("content-type", "application/json");
            value.to_string().into()
        }
    };
    let answer = super::request(client, request.body(body)?)?;
    let items = items(&answer);
    let seen = asked["see"].as_array().into_iter().flatten().filter_map(Value::as_str).map(|what| {
        let header = || answer.headers().get(what).and_then(|value| value.to_str().ok()).unwrap_or("-").to_owned();
        if what.starts_with('/') { at(&items, what) } else { header() }
    });
    Ok([answer.status().as_u16().to_string()].into_iter().chain(seen).collect::<Vec<_>>().join(" "))
}

/// Returns the values at a list of JSON pointers.
pub(super) fn see(body: &Value, pointers: &Value) -> String {
    let pointers = pointers.as_array().into_iter().flatten().filter_map(Value::as_str);
    pointers.map(|pointer| at(body, pointer)).collect::<Vec<_>>().join(" ")
}

/// Follows the `next` links. Returns the items of each page, and those of the page that the last `first` link leads to.
pub(super) fn walk(client: &Client, path: &str, asked: &Value) -> Result<String, Fault> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut next = Some(format!("{path}?{}", query(asked)));
    let (mut pages, mut first) = (Vec::new(), None);
    while let Some(path) = next.take() {
        let answer = send(client, "GET", &path, None)?;
        pages.push(labels(&items(&answer)));
        let link = |relation: &str| {
            let end = format!("; rel=\"{relation}\"");
            let mut links = answer.headers().get_all("link").iter().filter_map(|link| link.to_str().ok());
            let link = links.find_map(|link| link.strip_suffix(&*end))?.trim_matches(['<', '>']);
            Some(format!("{folder}/{}", link.trim_start_matches("./")))
        };
        (first, next) = (link("first"), link("next"));
    }
    let first = list(client, &first.ok_or("there is no link to the first page")?)?;
    Ok(format!("{}; {}", pages.join(", "), labels(&first)))
}

/// Encodes parameters as a query.
pub(super) fn query(params: &Value) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in params.as_object().into_iter().flatten() {
        query.append_pair(name, &text(value));
    }
    query.finish()
}

/// Returns the value at a JSON pointer as text, or `-` if it is missing or null.
fn at(body: &Value, pointer: &str) -> String {
    body.pointer(pointer).filter(|value| !value.is_null()).map_or_else(|| "-".into(), text)
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), Into::into)
}

/// Returns the body as a list, as the `request` method of other SDKs does.
fn items(answer: &Response<Bytes>) -> Value {
    match serde_json::from_slice(answer.body()) {
        Ok(Value::Array(items)) => items.into(),
        Ok(item) => json!([item]),
        Err(_) => json!([]),
    }
}

fn labels(items: &Value) -> String {
    let label = |item: &Value| text(item.get("data").or_else(|| item.get("intervalId")).unwrap_or(item));
    items.as_array().into_iter().flatten().map(label).collect::<Vec<_>>().join(" ")
}
