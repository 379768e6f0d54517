//! Publishing messages on several channels with one request.

use std::borrow::Cow;

use ably_auth_core::{BatchResult, ErrorCode, ErrorInfo};
use http::StatusCode;
use serde::Serialize;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};

use super::call::Call;
use super::channels::{long_work_permit, max_answer_size, publish_on};
use super::lists::{AtMost, OneOrMany};
use super::refusal_log;
use super::reply::Reply;
use super::request_labels::Part;
use crate::channels::channel_name::{ChannelName, MAX_CHANNEL_NAME};
use crate::channels::{MAX_PUBLISHED, Message};
use crate::policy::publish::Publisher;
use crate::refusal::Refusal;

/// The first version of the protocol in which the answer to a batch counts the parts that failed.
pub(super) const FIRST_VERSION_WITH_BATCH_RESULTS: u32 = 3;

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
    messages: OneOrMany<Message, MAX_MESSAGES>,
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

pub(super) async fn publish(call: &Call<'_>) -> Result<Reply, Refusal> {
    let principal = call.principal().await?;
    let publisher = Publisher::new(&principal);
    // Even a short body can name many channels, each of which is compared with all resources of the credential.
    let _permit = long_work_permit(call).await?;
    let OneOrMany::<Spec, MAX_SPECS> { values: specs, is_list } = call.read()?;
    let channels = specs.iter().map(|spec| spec.channels.0.len()).fold(0, usize::saturating_add);
    let copies = |spec: &Spec| spec.channels.0.len().saturating_mul(spec.messages.values.len());
    let total = specs.iter().map(copies).fold(0, usize::saturating_add);
    if total == 0 || total > MAX_PUBLISHED || channels > MAX_CHANNELS {
        let message = format!(
            "invalid batch: it publishes {total} messages on {channels} channels, a message counted for each of its channels; \
             send 1 to {MAX_PUBLISHED} messages to at most {MAX_CHANNELS} channels"
        );
        return Err(Refusal::new(ErrorCode::BAD_REQUEST, message));
    }
    call.reserve_answer(specs.iter().map(Spec::max_answer_size).fold(0, usize::saturating_add))?;
    let results: Vec<_> = specs.into_iter().map(|spec| apply(call, &publisher, spec)).collect();
    if call.version() < FIRST_VERSION_WITH_BATCH_RESULTS {
        let has_failures = results.iter().any(|result| result.failure_count > 0);
        let results: Vec<_> = results.into_iter().flat_map(|result| result.results).collect();
        return reply_in_old_format(call, &results, has_failures);
    }
    match (is_list, results.as_slice()) {
        (false, [only]) => call.reply(StatusCode::CREATED, only),
        _ => call.reply(StatusCode::CREATED, &results),
    }
}

impl Spec {
    /// Returns an upper bound of the size, in bytes, of the answer about this specification.
    fn max_answer_size(&self) -> usize {
        let sizes = self.channels.0.iter().map(|channel| max_answer_size(channel, self.messages.values.len()));
        sizes.fold(0, usize::saturating_add)
    }
}

fn apply(call: &Call<'_>, publisher: &Publisher<'_>, spec: Spec) -> BatchResult<ChannelResult> {
    let Spec { channels: Channels(channels), messages: OneOrMany { values: messages, .. } } = spec;
    let mut result = BatchResult { success_count: 0, failure_count: 0, results: Vec::with_capacity(channels.len()) };
    for channel in channels {
        let published = ChannelName::parse(Cow::Borrowed(&channel)).and_then(|ChannelName { name, .. }| {
            publisher.authorize(&name)?;
            publish_on(call, publisher, &name, messages.clone())
        });
        call.state.registry.make_room_for_history();
        // A refused name can be long, and so can the qualifier of a name that is valid.
        let channel: String = channel.chars().take(MAX_CHANNEL_NAME).collect();
        result.results.push(match published {
            Ok(published) => {
                result.success_count = result.success_count.saturating_add(1);
                ChannelResult::Published { channel, message_id: published.id, serials: published.serials }
            }
            Err(refusal) => {
                refusal_log::record_part(call, Some(Part::Channel(&channel)), refusal.info());
                result.failure_count = result.failure_count.saturating_add(1);
                ChannelResult::Refused { channel, error: refusal.info().clone() }
            }
        });
    }
    result
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorWithBatch<'a, T> {
    error: &'a ErrorInfo,
    batch_response: &'a [T],
}

/// Returns the response for a client that sends an old protocol version or none: a plain list of results.
pub(super) fn reply_in_old_format<T: Serialize>(
    call: &Call<'_>,
    results: &[T],
    has_failures: bool,
) -> Result<Reply, Refusal> {
    if !has_failures {
        return call.reply(StatusCode::CREATED, results);
    }
    let error = ErrorInfo::new(ErrorCode::BATCH_ERROR, "batched response includes errors; see `batchResponse`");
    let error = error.with_request_id(&call.request_id);
    let body = ErrorWithBatch { error: &error, batch_response: results };
    Ok(call.reply(StatusCode::BAD_REQUEST, &body)?.with_error(&error.into()))
}
