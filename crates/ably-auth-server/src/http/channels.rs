//! The endpoints of channels. They exist to test what a token permits.

use std::borrow::Cow;

use ably_auth_core::{ErrorCode, Operation};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::SemaphorePermit;

use super::call::Call;
use super::format::Format;
use super::lists::OneOrMany;
use super::page;
use super::reply::Reply;
use crate::channels::channel_name::{ChannelName, MAX_CHANNEL_NAME};
use crate::channels::presence::{Members, PresentMember};
use crate::channels::{self, MAX_PUBLISHED, Message, Publication, Stored};
use crate::journal::checks::Check;
use crate::policy::authenticate::Principal;
use crate::policy::authorize::{EVERY_CHANNEL, authorize, authorize_reading, check_identified};
use crate::policy::publish::Publisher;
use crate::refusal::Refusal;
use crate::sync::lock;

/// The maximum size of a page of history, in bytes. A page with a single message may be larger.
const MAX_PAGE_BYTES: usize = 1024 * 1024;

/// The size in bytes above which a body needs a `long_work` permit. A body of this size can have 170 empty messages.
const LONG_BODY: usize = 512;

/// Waits for a permit for long work. Call it before decoding anything, so that waiting requests use little memory.
pub(super) async fn long_work_permit<'a>(call: &Call<'a>) -> Result<SemaphorePermit<'a>, Refusal> {
    call.state.long_work.acquire().await.map_err(|_| Refusal::internal())
}

/// Waits for a permit to read the body if it is larger than [`LONG_BODY`]; otherwise returns `None`.
async fn body_permit<'a>(call: &Call<'a>) -> Result<Option<SemaphorePermit<'a>>, Refusal> {
    if call.body.is_some_and(|body| body.len() > LONG_BODY) { long_work_permit(call).await.map(Some) } else { Ok(None) }
}

/// Authenticates the sender, and refuses the request if the sender may not perform `operation` on the channel.
async fn permitted(call: &Call<'_>, operation: Operation, channel: &ChannelName<'_>) -> Result<Principal, Refusal> {
    let principal = call.principal().await?;
    let permitted = authorize_reading(principal.capability(), operation, &channel.name, channel.is_filtered);
    call.checks.record(Check::Permitted, permitted)?;
    check_identified(&principal, &channel.name, principal.identity.is_some())?;
    Ok(principal)
}

pub(super) async fn status(call: &Call<'_>, channel: &ChannelName<'_>) -> Result<Reply, Refusal> {
    let principal = permitted(call, Operation::ChannelMetadata, channel).await?;
    call.reply(StatusCode::OK, &status_of(&principal, &channel.name))
}

fn status_of(principal: &Principal, channel: &str) -> Value {
    channels::status(channel, lock(&principal.app.memory.attachments).occupancy(channel))
}

/// Returns the channels with messages, sorted by name.
pub(super) async fn list(call: &Call<'_>) -> Result<Reply, Refusal> {
    let principal = call.principal().await?;
    let permitted = authorize(principal.capability(), Operation::ChannelMetadata, EVERY_CHANNEL);
    call.checks.record(Check::Permitted, permitted)?;
    let limit = page::limit(call)?;
    let (prefix, after) = (name_start(call, "prefix")?, name_start(call, page::AFTER)?);
    let prefix = prefix.unwrap_or_default();
    let by_id = match call.query("by").as_deref() {
        None | Some("value") => false,
        Some("id") => true,
        Some(_) => return Err(page::out_of_range("by", "give `value` or `id`")),
    };
    let (names, more) = lock(&principal.app.memory.channels).names(&prefix, after.as_deref(), limit);
    let by = if by_id { "id" } else { "value" };
    let params = [("limit", limit.to_string()), ("prefix", prefix.to_string()), ("by", by.to_owned())];
    let params = page::in_query(call, params);
    let next = names.last().filter(|_| more);
    let links = page::links("channels", &params, after.as_deref(), next.map(String::as_str));
    let listed: Vec<_> =
        names.into_iter().map(|name| if by_id { name.into() } else { status_of(&principal, &name) }).collect();
    Ok(call.reply(StatusCode::OK, &listed)?.with_links(links))
}

/// Returns a query parameter that contains a channel name or the beginning of one.
fn name_start<'a>(call: &Call<'a>, parameter: &str) -> Result<Option<Cow<'a, str>>, Refusal> {
    let start = call.query(parameter);
    if start.as_ref().is_some_and(|start| start.len() > MAX_CHANNEL_NAME) {
        return Err(page::out_of_range(parameter, &format!("give at most {MAX_CHANNEL_NAME} bytes")));
    }
    Ok(start)
}

/// Returns a page of history. `name` is the last segment of the path, for links.
pub(super) async fn history(call: &Call<'_>, channel: &ChannelName<'_>, name: &str) -> Result<Reply, Refusal> {
    let principal = permitted(call, Operation::History, channel).await?;
    let page = page::read(call)?;
    let _permit = long_work_permit(call).await?;
    let (messages, mut next) = lock(&principal.app.memory.channels).history(&channel.name, &page);
    let has_bytes = call.format == Format::MsgPack;
    let published = messages.iter().map(|message| message.published(has_bytes));
    let (body, count) = call.format.encode_list(published, MAX_PAGE_BYTES)?;
    if count < messages.len() {
        next = count.checked_sub(1).and_then(|last| messages.get(last)).map(Stored::place);
    }
    let links = page::links_of(&page, name, &page::params(call, &page), next);
    Ok(Reply::encoded(StatusCode::OK, body, call.format).with_links(links))
}

/// Returns the presence members of a channel.
pub(super) async fn presence(call: &Call<'_>, channel: &ChannelName<'_>) -> Result<Reply, Refusal> {
    let principal = permitted(call, Operation::Subscribe, channel).await?;
    let limit = page::limit(call)?;
    let (client_id, connection_id) = (call.query("clientId"), call.query("connectionId"));
    let _permit = long_work_permit(call).await?;
    let members = {
        let attachments = lock(&principal.app.memory.attachments);
        let all = attachments.members(&channel.name).into_iter().flat_map(Members::iter);
        let is_wanted = |member: &&PresentMember| {
            client_id.as_deref().is_none_or(|wanted| wanted == &*member.client_id)
                && connection_id.as_deref().is_none_or(|wanted| wanted == &*member.connection_id)
        };
        all.filter(is_wanted).take(limit).cloned().collect::<Vec<_>>()
    };
    let has_bytes = call.format == Format::MsgPack;
    let (body, _) = call.format.encode_list(members.iter().map(|member| member.rendered(has_bytes)), MAX_PAGE_BYTES)?;
    let params = page::in_query(call, [("limit", limit.to_string())]);
    Ok(Reply::encoded(StatusCode::OK, body, call.format).with_links(page::links("presence", &params, None, None)))
}

/// Returns past presence events: always an empty list.
pub(super) async fn presence_history(call: &Call<'_>, channel: &ChannelName<'_>) -> Result<Reply, Refusal> {
    permitted(call, Operation::History, channel).await?;
    let page = page::read(call)?;
    let links = page::links_of(&page, "history", &page::params(call, &page), None);
    Ok(call.reply::<[(); 0]>(StatusCode::OK, &[])?.with_links(links))
}

pub(super) async fn publish(call: &Call<'_>, channel: &ChannelName<'_>) -> Result<Reply, Refusal> {
    let principal = call.principal().await?;
    let publisher = Publisher::new(&principal);
    // Authorize before reading the body: a sender who must not publish gets this refusal even if the body is invalid.
    call.checks.record(Check::Permitted, publisher.authorize(&channel.name))?;
    let _permit = body_permit(call).await?;
    let OneOrMany::<Message, MAX_PUBLISHED> { values: messages, .. } = call.read()?;
    call.reserve_answer(max_answer_size(&channel.name, messages.len()))?;
    let published = publish_on(call, &publisher, &channel.name, messages)?;
    call.state.registry.make_room_for_history();
    call.reply(
        StatusCode::CREATED,
        &json!({ "channel": channel.name, "messageId": published.id, "serials": published.serials }),
    )
}

/// Returns an upper bound of the size, in bytes, of the answer about messages published on a channel.
pub(super) fn max_answer_size(channel: &str, messages: usize) -> usize {
    /// The size of a serial, with its quotes and comma.
    const SERIAL: usize = 40;
    /// The size of the rest of the answer: the id, the field names, or the text of a refusal.
    const REST: usize = 3 * 1024;
    // A refusal names the channel twice, and JSON escapes a character with up to 6 bytes.
    let names = channel.len().min(MAX_CHANNEL_NAME).saturating_mul(12);
    messages.saturating_mul(SERIAL).saturating_add(names).saturating_add(REST)
}

/// The result of publishing: new messages, and messages that were stored already.
pub(super) struct Published {
    /// The prefix of the ids of the messages that were published together.
    pub(super) id: String,
    pub(super) serials: Vec<String>,
}

/// Publishes messages on a channel for which the publisher is authorized. The caller must call `make_room_for_history`
/// afterwards.
pub(super) fn publish_on(
    call: &Call<'_>,
    publisher: &Publisher<'_>,
    channel: &str,
    messages: Vec<Message>,
) -> Result<Published, Refusal> {
    if messages.is_empty() {
        return Err(Refusal::new(
            ErrorCode::BAD_REQUEST,
            "invalid body: it has no message; send one, or a list of them",
        ));
    }
    let messages = publisher.admit(call.state, channel, messages)?;
    let id = channels::batch_id(&messages)?;
    let memory = publisher.memory();
    let Publication { serials, new } = memory.publish(channel, messages, &id, None, call.now);
    lock(&memory.stats).count_messages(new.len(), call.now);
    Ok(Published { id, serials })
}
