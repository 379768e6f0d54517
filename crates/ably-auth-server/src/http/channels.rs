//! Endpoints that are there to be authorised for.

use ably_auth_core::{ErrorCode, Operation};
use http::StatusCode;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::json;
use tokio::sync::SemaphorePermit;

use super::call::Call;
use super::channel_name::ChannelName;
use super::format::{AtMost, Format, Object, unexpected_string};
use super::page;
use super::reply::Reply;
use crate::authenticate::Principal;
use crate::authorise::{EVERY_CHANNEL, authorise, authorise_reading, check_identified};
use crate::channels::{self, MAX_PUBLISHED, Message, Stored};
use crate::publishing;
use crate::refusal::Refusal;
use crate::store::lock;

/// The maximum size of a page of history, in bytes. A page with a single message may be larger.
const MAX_PAGE_BYTES: usize = 1024 * 1024;

/// The size in bytes above which reading a body takes so long that it needs a `long_work` permit.
const LONG_BODY: usize = 4 * 1024;

/// Waits for a permit for long work. Call it before decoding anything, so that waiting requests use little memory.
async fn turn<'a>(call: &Call<'a>) -> Result<SemaphorePermit<'a>, Refusal> {
    call.state.long_work.acquire().await.map_err(|_| Refusal::internal())
}

/// Waits for a permit to read the body if it is larger than [`LONG_BODY`]; otherwise returns `None`.
pub(super) async fn turn_to_read<'a>(call: &Call<'a>) -> Result<Option<SemaphorePermit<'a>>, Refusal> {
    if call.body.is_some_and(|body| body.len() > LONG_BODY) { turn(call).await.map(Some) } else { Ok(None) }
}

/// Authenticates the sender, and refuses the request if the sender may not perform `operation` on the channel.
async fn permitted(call: &Call<'_>, operation: Operation, channel: &ChannelName<'_>) -> Result<Principal, Refusal> {
    let principal = call.principal().await?;
    authorise_reading(principal.capability(), operation, &channel.name, channel.is_filtered)?;
    check_identified(&principal, &channel.name, principal.identity.is_some())?;
    Ok(principal)
}

pub(super) async fn status(call: &Call<'_>, channel: &ChannelName<'_>) -> Result<Reply, Refusal> {
    permitted(call, Operation::ChannelMetadata, channel).await?;
    call.reply(StatusCode::OK, &channels::status(&channel.name))
}

/// The channels on which something was published, in the order of their names.
pub(super) async fn list(call: &Call<'_>) -> Result<Reply, Refusal> {
    let principal = call.principal().await?;
    authorise(principal.capability(), Operation::ChannelMetadata, EVERY_CHANNEL)?;
    let limit = page::limit(call)?;
    let (prefix, after) = (call.query("prefix").unwrap_or_default(), call.query(page::AFTER));
    let by_id = match call.query("by").as_deref() {
        None | Some("value") => false,
        Some("id") => true,
        Some(_) => return Err(page::out_of_range("by", "give `value` or `id`")),
    };
    let (names, more) = lock(&principal.app.memory.channels).names(&prefix, after.as_deref(), limit);
    let links = page::links(call, "channels", names.last().filter(|_| more));
    let listed: Vec<_> =
        names.into_iter().map(|name| if by_id { name.into() } else { channels::status(&name) }).collect();
    Ok(call.reply(StatusCode::OK, &listed)?.with_links(links))
}

/// Returns a page of history. `name` is the last segment of the path, for links.
pub(super) async fn history(call: &Call<'_>, channel: &ChannelName<'_>, name: &str) -> Result<Reply, Refusal> {
    let principal = permitted(call, Operation::History, channel).await?;
    let page = page::read(call)?;
    let _turn = turn(call).await?;
    let (messages, mut next) = lock(&principal.app.memory.channels).history(&channel.name, &page);
    let has_bytes = call.format == Format::MsgPack;
    let published = messages.iter().map(|message| message.published(has_bytes));
    let (body, count) = call.format.encode_list(published, MAX_PAGE_BYTES)?;
    if count < messages.len() {
        next = count.checked_sub(1).and_then(|last| messages.get(last)).map(Stored::place);
    }
    Ok(Reply::encoded(StatusCode::OK, body, call.format).with_links(page::links(call, name, next)))
}

/// Returns the presence members of a channel: always an empty list, because the service has no realtime connections.
pub(super) async fn presence(call: &Call<'_>, channel: &ChannelName<'_>) -> Result<Reply, Refusal> {
    permitted(call, Operation::Subscribe, channel).await?;
    page::limit(call)?;
    no_presence(call, "presence")
}

/// Returns past presence events: always an empty list.
pub(super) async fn presence_history(call: &Call<'_>, channel: &ChannelName<'_>) -> Result<Reply, Refusal> {
    permitted(call, Operation::History, channel).await?;
    page::read(call)?;
    no_presence(call, "history")
}

fn no_presence(call: &Call<'_>, name: &str) -> Result<Reply, Refusal> {
    Ok(call.reply::<[(); 0]>(StatusCode::OK, &[])?.with_links(page::links(call, name, None::<u64>)))
}

pub(super) async fn publish(call: &Call<'_>, channel: &ChannelName<'_>) -> Result<Reply, Refusal> {
    let principal = call.principal().await?;
    // Before the body is read, so that a sender who must not publish gets this refusal even if the body is invalid.
    authorise(principal.capability(), Operation::Publish, &channel.name)?;
    let _turn = turn_to_read(call).await?;
    let OneOrMany::<MAX_PUBLISHED>(messages) = call.read()?;
    let published = publish_on(call, &principal, &channel.name, messages)?;
    call.state.registry.make_room_for_history();
    call.reply(
        StatusCode::CREATED,
        &json!({ "channel": channel.name, "messageId": published.id, "serials": published.serials }),
    )
}

/// The result of publishing: new messages, and messages that were stored already.
pub(super) struct Published {
    /// The prefix of the ids of the messages that were published together.
    pub(super) id: String,
    pub(super) serials: Vec<String>,
}

/// Publishes messages on a channel. The caller must call `make_room_for_history` afterwards.
pub(super) fn publish_on(
    call: &Call<'_>,
    principal: &Principal,
    channel: &str,
    messages: Vec<Message>,
) -> Result<Published, Refusal> {
    if messages.is_empty() {
        return Err(Refusal::new(ErrorCode::BAD_REQUEST, "there is no message; send one, or a list of them"));
    }
    let messages = publishing::admit(call.state, principal, channel, messages)?;
    let id = channels::batch_id(&messages)?;
    let (serials, kept) = principal.app.memory.publish(channel, messages, &id, call.now);
    lock(&principal.app.memory.stats).count_messages(kept, call.now);
    Ok(Published { id, serials })
}

/// One message, or a list of at most `N` messages.
pub(super) struct OneOrMany<const N: usize>(pub(super) Vec<Message>);

impl<'de, const N: usize> Deserialize<'de> for OneOrMany<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyNumber<const N: usize>;

        impl<'de, const N: usize> Visitor<'de> for AnyNumber<N> {
            type Value = OneOrMany<N>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a message or a list of messages")
            }

            fn visit_str<E: de::Error>(self, _: &str) -> Result<OneOrMany<N>, E> {
                Err(unexpected_string(&self))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OneOrMany<N>, A::Error> {
                Message::deserialize(MapAccessDeserializer::new(map)).map(|message| OneOrMany(vec![message]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<OneOrMany<N>, A::Error> {
                let AtMost(messages): AtMost<Object<Message>, N> =
                    AtMost::deserialize(SeqAccessDeserializer::new(list))?;
                Ok(OneOrMany(messages.into_iter().map(|Object(message)| message).collect()))
            }
        }

        deserializer.deserialize_any(AnyNumber)
    }
}
