//! Endpoints that are there to be authorised for.

use ably_auth_core::{ErrorCode, Operation};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::json;
use tokio::sync::SemaphorePermit;

use super::call::Call;
use super::format::{AtMost, Format, Object, unexpected_string};
use super::page;
use super::reply::Reply;
use crate::authenticate::Principal;
use crate::authorise::{EVERY_CHANNEL, authorise};
use crate::channels::{self, MAX_PUBLISHED, Message, Stored};
use crate::random;
use crate::refusal::Refusal;
use crate::store::lock;

/// A page of history ends before it is larger than this, in bytes, unless a single message is.
const MAX_PAGE_BYTES: usize = 1024 * 1024;

/// A body of more bytes takes so long to read that it waits for its turn.
const LONG_BODY: usize = 4 * 1024;

/// Waits for the turn of work that takes long, with nothing decoded.
async fn turn<'a>(call: &Call<'a>) -> Result<SemaphorePermit<'a>, Refusal> {
    call.state.long_work.acquire().await.map_err(|_| Refusal::internal())
}

async fn permitted(call: &Call<'_>, operation: Operation, resource: &str) -> Result<Principal, Refusal> {
    let principal = call.principal().await?;
    authorise(principal.capability(), operation, resource)?;
    Ok(principal)
}

pub(super) async fn status(call: &Call<'_>, channel: &str) -> Result<Reply, Refusal> {
    permitted(call, Operation::ChannelMetadata, channel).await?;
    call.reply(StatusCode::OK, &channels::status(channel))
}

/// The channels on which something was published, in the order of their names.
pub(super) async fn list(call: &Call<'_>) -> Result<Reply, Refusal> {
    let principal = permitted(call, Operation::ChannelMetadata, EVERY_CHANNEL).await?;
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
    Ok(call.reply(StatusCode::OK, &listed)?.with_links(&links))
}

pub(super) async fn history(call: &Call<'_>, channel: &str) -> Result<Reply, Refusal> {
    let principal = permitted(call, Operation::History, channel).await?;
    let page = page::read(call)?;
    let _turn = turn(call).await?;
    let (messages, mut next) = lock(&principal.app.memory.channels).history(channel, &page);
    let has_bytes = call.format == Format::MsgPack;
    let published = messages.iter().map(|message| message.published(has_bytes));
    let (body, count) = call.format.encode_list(published, MAX_PAGE_BYTES)?;
    if count < messages.len() {
        next = count.checked_sub(1).and_then(|last| messages.get(last)).map(Stored::place);
    }
    Ok(Reply::encoded(StatusCode::OK, body, call.format).with_links(&page::links(call, "messages", next)))
}

pub(super) async fn stats(call: &Call<'_>) -> Result<Reply, Refusal> {
    let principal = permitted(call, Operation::Stats, EVERY_CHANNEL).await?;
    let page = page::read(call)?;
    if call.query("unit").is_some_and(|unit| unit != "minute") {
        return Err(Refusal::new(ErrorCode::INVALID_PARAMETER, "statistics are kept by the minute; leave `unit` out"));
    }
    let (intervals, next) = lock(&principal.app.memory.stats).page(&page);
    Ok(call.reply(StatusCode::OK, &intervals)?.with_links(&page::links(call, "stats", next)))
}

pub(super) async fn publish(call: &Call<'_>, channel: &str) -> Result<Reply, Refusal> {
    let principal = permitted(call, Operation::Publish, channel).await?;
    let is_long = call.body.is_some_and(|body| body.len() > LONG_BODY);
    let _turn = if is_long { Some(turn(call).await?) } else { None };
    let OneOrMany(messages) = call.read()?;
    if messages.is_empty() {
        return Err(Refusal::new(ErrorCode::BAD_REQUEST, "there is no message; send one, or a list of them"));
    }
    let messages: Vec<_> =
        messages.into_iter().map(|message| message.signed_by(&principal)).collect::<Result<_, _>>()?;
    let count = messages.len();
    let batch = URL_SAFE_NO_PAD.encode(random::bytes::<9>().map_err(|_| Refusal::internal())?);
    let serials = principal.app.memory.publish(channel, messages, &batch, call.now);
    call.state.registry.make_room_for_history();
    lock(&principal.app.memory.stats).count_messages(count, call.now);
    call.reply(StatusCode::CREATED, &json!({ "channel": channel, "messageId": batch, "serials": serials }))
}

/// One message, or a list of them.
struct OneOrMany(Vec<Message>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyNumber;

        impl<'de> Visitor<'de> for AnyNumber {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a message or a list of messages")
            }

            fn visit_str<E: de::Error>(self, _: &str) -> Result<OneOrMany, E> {
                Err(unexpected_string(&self))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OneOrMany, A::Error> {
                Message::deserialize(MapAccessDeserializer::new(map)).map(|message| OneOrMany(vec![message]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<OneOrMany, A::Error> {
                let AtMost(messages): AtMost<Object<Message>, MAX_PUBLISHED> =
                    AtMost::deserialize(SeqAccessDeserializer::new(list))?;
                Ok(OneOrMany(messages.into_iter().map(|Object(message)| message).collect()))
            }
        }

        deserializer.deserialize_any(AnyNumber)
    }
}
