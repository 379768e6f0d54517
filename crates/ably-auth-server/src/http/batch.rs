//! Publishing messages on several channels with one request.

use ably_auth_core::{ErrorCode, ErrorInfo};
use http::StatusCode;
use serde::Serialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::call::Call;
use super::channel_name;
use super::channels::{OneOrMany, publish_on, turn_to_read};
use super::format::{AtMost, Object};
use super::keys::FIRST_VERSION_WITH_BATCH_RESULTS;
use super::reply::Reply;
use crate::authenticate::Principal;
use crate::channels::MAX_PUBLISHED;
use crate::refusal::Refusal;

/// The maximum number of specifications in one request.
const MAX_SPECS: usize = 10;

/// The maximum number of messages in one specification. [`MAX_SPECS`] times this is [`MAX_PUBLISHED`].
const MAX_MESSAGES: usize = MAX_PUBLISHED / MAX_SPECS;

/// The maximum number of channels in one request.
const MAX_CHANNELS: usize = 100;

/// A specification: messages, and the channels on which all of them are published.
#[derive(serde::Deserialize)]
struct Spec {
    channels: Channels,
    messages: OneOrMany<MAX_MESSAGES>,
}

/// The channel names of a specification, read from one name or a list of names.
struct Channels(Vec<String>);

impl<'de> Deserialize<'de> for Channels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;

        impl<'de> Visitor<'de> for Names {
            type Value = Channels;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a channel name or a list of names")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Channels, E> {
                Ok(Channels(vec![name.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Channels, A::Error> {
                let AtMost(names): AtMost<String, MAX_CHANNELS> =
                    AtMost::deserialize(SeqAccessDeserializer::new(list))?;
                Ok(Channels(names))
            }
        }

        deserializer.deserialize_any(Names)
    }
}

/// The body of a request: one specification, or a list of specifications.
struct Body {
    specs: Vec<Spec>,
    is_list: bool,
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Specs;

        impl<'de> Visitor<'de> for Specs {
            type Value = Body;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object with `channels` and `messages`, or a list of such objects")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Body, A::Error> {
                let spec = Spec::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Body { specs: vec![spec], is_list: false })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Body, A::Error> {
                let AtMost(specs): AtMost<Object<Spec>, MAX_SPECS> =
                    AtMost::deserialize(SeqAccessDeserializer::new(list))?;
                Ok(Body { specs: specs.into_iter().map(|Object(spec)| spec).collect(), is_list: true })
            }

            fn visit_str<E: de::Error>(self, _: &str) -> Result<Body, E> {
                Err(E::custom("invalid type: string, expected an object or a list"))
            }
        }

        deserializer.deserialize_any(Specs)
    }
}

/// The result of one specification.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SpecResult {
    success_count: usize,
    failure_count: usize,
    results: Vec<ChannelResult>,
}

/// The result of publishing on one channel.
#[derive(Serialize)]
#[serde(untagged)]
enum ChannelResult {
    #[serde(rename_all = "camelCase")]
    Published {
        channel: String,
        message_id: String,
        serials: Vec<String>,
    },
    Refused {
        channel: String,
        error: ErrorInfo,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorWithBatch<'a> {
    error: &'a ErrorInfo,
    batch_response: &'a [ChannelResult],
}

pub(super) async fn publish(call: &Call<'_>) -> Result<Reply, Refusal> {
    let principal = call.principal().await?;
    let _turn = turn_to_read(call).await?;
    let Body { specs, is_list } = call.read()?;
    let channels = specs.iter().map(|spec| spec.channels.0.len()).fold(0, usize::saturating_add);
    let copies = |spec: &Spec| spec.channels.0.len().saturating_mul(spec.messages.0.len());
    let total = specs.iter().map(copies).fold(0, usize::saturating_add);
    if total == 0 || total > MAX_PUBLISHED || channels > MAX_CHANNELS {
        let message = format!(
            "invalid batch: it publishes {total} messages on {channels} channels, a message counted for each of its channels; \
             send 1 to {MAX_PUBLISHED} messages to at most {MAX_CHANNELS} channels"
        );
        return Err(Refusal::new(ErrorCode::BAD_REQUEST, message));
    }
    let results: Vec<_> = specs.into_iter().map(|spec| apply(call, &principal, spec)).collect();
    if call.version() < FIRST_VERSION_WITH_BATCH_RESULTS {
        return reply_as_of_old(call, results);
    }
    match (is_list, results.as_slice()) {
        (false, [only]) => call.reply(StatusCode::CREATED, only),
        _ => call.reply(StatusCode::CREATED, &results),
    }
}

fn apply(call: &Call<'_>, principal: &Principal, spec: Spec) -> SpecResult {
    let Spec { channels: Channels(channels), messages: OneOrMany(messages) } = spec;
    let mut result = SpecResult { success_count: 0, failure_count: 0, results: Vec::with_capacity(channels.len()) };
    for channel in channels {
        let published =
            channel_name::check(&channel).and_then(|()| publish_on(call, principal, &channel, messages.clone()));
        call.state.registry.make_room_for_history();
        result.results.push(match published {
            Ok(published) => {
                result.success_count = result.success_count.saturating_add(1);
                ChannelResult::Published { channel, message_id: published.id, serials: published.serials }
            }
            Err(refusal) => {
                result.failure_count = result.failure_count.saturating_add(1);
                let shown: String = channel.chars().take(channel_name::MAX_CHANNEL_NAME).collect();
                ChannelResult::Refused { channel: shown, error: refusal.info().clone() }
            }
        });
    }
    result
}

/// Returns the response for a client that sends an old protocol version or none: a plain list of results.
fn reply_as_of_old(call: &Call<'_>, results: Vec<SpecResult>) -> Result<Reply, Refusal> {
    let has_failures = results.iter().any(|result| result.failure_count > 0);
    let results: Vec<_> = results.into_iter().flat_map(|result| result.results).collect();
    if !has_failures {
        return call.reply(StatusCode::CREATED, &results);
    }
    let error = ErrorInfo::new(ErrorCode::BATCH_ERROR, "batched response includes errors; see `batchResponse`");
    let error = error.with_request_id(&call.request_id);
    let body = ErrorWithBatch { error: &error, batch_response: &results };
    Ok(call.reply(StatusCode::BAD_REQUEST, &body)?.with_error(&error.into()))
}
