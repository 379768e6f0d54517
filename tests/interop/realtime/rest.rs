//! The steps of a REST client.

use bytes::Bytes;
use http::Request;
use serde_json::Value;

use super::super::encode;
use super::Fault;

/// Sends a request, and returns its body.
async fn request(rest: &ably_auth_reqwest::Client, request: Request<Bytes>) -> Result<Value, Fault> {
    let answer = rest.request(request).await?;
    Ok(serde_json::from_slice(answer.body())?)
}

async fn list(rest: &ably_auth_reqwest::Client, path: &str) -> Result<Vec<Value>, Fault> {
    let body = request(rest, Request::get(path).body(Bytes::new())?).await?;
    Ok(body.as_array().cloned().unwrap_or_default())
}

pub(super) async fn publish(rest: &ably_auth_reqwest::Client, channel: &str, messages: Value) -> Result<String, Fault> {
    let path = format!("/channels/{}/messages", encode(channel));
    let body = Bytes::from(messages.to_string());
    request(rest, Request::post(path).header("content-type", "application/json").body(body)?).await?;
    Ok("ok".into())
}

/// Returns the data of the messages in a channel's history.
pub(super) async fn history(rest: &ably_auth_reqwest::Client, channel: &str) -> Result<String, Fault> {
    let messages = list(rest, &format!("/channels/{}/messages", encode(channel))).await?;
    let data = messages.iter().map(|message| message["data"].as_str().unwrap_or_default());
    Ok(data.collect::<Vec<_>>().join(" "))
}

/// Returns the presence members of a channel, each a clientId and its data.
pub(super) async fn members(rest: &ably_auth_reqwest::Client, channel: &str) -> Result<String, Fault> {
    let members = list(rest, &format!("/channels/{}/presence", encode(channel))).await?;
    let text = |member: &Value, name: &str| member[name].as_str().map(str::to_owned);
    Ok(names(members.iter().map(|member| (text(member, "clientId").unwrap_or_default(), text(member, "data")))))
}

/// Returns members as cases write them.
pub(super) fn names(members: impl Iterator<Item = (String, Option<String>)>) -> String {
    let mut names: Vec<String> =
        members.map(|(id, data)| data.map_or_else(|| id.clone(), |data| format!("{id} {data}"))).collect();
    names.sort();
    if names.is_empty() { "nobody".into() } else { names.join(" ") }
}
