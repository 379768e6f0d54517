//! Publishing: checks what a credential may publish on a channel, and adds the service's fields to the messages.

use std::time::Duration;

use ably_auth_core::capability::Resource;
use ably_auth_core::{ErrorCode, JwtClaims, Operation};

use crate::channels::{Author, Message};
use crate::policy::authenticate::Principal;
use crate::policy::authorize::{authorize, check_identified};
use crate::refusal::Refusal;
use crate::state::State;
use crate::state::app_memory::AppMemory;

/// Checks what one request publishes. It reads the resources of the token's claims once, for all channels.
pub(crate) struct Publisher<'a> {
    principal: &'a Principal,
    user_claims: ByResource<'a, &'a str>,
    limits: ByResource<'a, f64>,
}

impl<'a> Publisher<'a> {
    pub(crate) fn new(principal: &'a Principal) -> Self {
        let claims = principal.claims();
        Self {
            principal,
            user_claims: ByResource::new(claims.into_iter().flat_map(JwtClaims::channel_claims)),
            limits: ByResource::new(claims.into_iter().flat_map(JwtClaims::publish_limits)),
        }
    }

    /// Returns what is stored for the sender's app.
    pub(crate) fn memory(&self) -> &'a AppMemory {
        &self.principal.app.memory
    }

    /// Refuses the request if the sender must not publish on the channel.
    pub(crate) fn authorize(&self, channel: &str) -> Result<(), Refusal> {
        authorize(self.principal.capability(), Operation::Publish, channel)
    }

    /// Refuses all messages if the sender must not publish one of them on the channel, although
    /// [`authorize`](Self::authorize) permits the channel. Otherwise, returns them ready to store.
    pub(crate) fn admit(&self, state: &State, channel: &str, messages: Vec<Message>) -> Result<Vec<Message>, Refusal> {
        let messages = self.sign(channel, messages, None)?;
        self.check_rate(state, channel, messages.len())?;
        Ok(messages)
    }

    /// Does what [`admit`](Self::admit) does, except for the rate. `connection_id` is the publisher's connection, if
    /// there is one.
    pub(crate) fn sign(
        &self,
        channel: &str,
        messages: Vec<Message>,
        connection_id: Option<&str>,
    ) -> Result<Vec<Message>, Refusal> {
        let principal = self.principal;
        messages.iter().try_for_each(Message::check_id)?;
        if messages.iter().any(Message::is_privileged) {
            authorize(principal.capability(), Operation::PrivilegedHeaders, channel)?;
        }
        let author = Author {
            identity: principal.identity.as_ref(),
            client_id: principal.client_id(),
            user_claim: self.user_claims.most_specific(channel),
            connection_id,
        };
        let sign = |message: Message| message.signed_by(&author);
        let messages = messages.into_iter().map(sign).collect::<Result<Vec<_>, _>>()?;
        check_identified(principal, channel, messages.iter().all(Message::has_client_id))?;
        Ok(messages)
    }

    /// Returns the rate, in messages per second, that the token's issuer has set for an attachment to the channel.
    pub(crate) fn rate(&self, channel: &str) -> Option<f64> {
        self.limits.most_specific(channel)
    }

    /// Refuses messages above the rate that the token's issuer has set for one attachment. Requests have no attachment,
    /// so all requests of a token on a channel count as one.
    fn check_rate(&self, state: &State, channel: &str, messages: usize) -> Result<(), Refusal> {
        let Some((claims, rate)) = self.principal.claims().zip(self.rate(channel)) else {
            return Ok(());
        };
        let attachment = (
            self.principal.key.name().as_str(),
            claims.client_id().as_str(),
            (claims.issued().as_millis(), claims.expires().as_millis()),
            channel,
        );
        let taken = state.publish_rates.take_many(&attachment, state.stopwatch.elapsed(), rate, messages);
        taken.map_err(|wait| {
            let refusal = rate_exceeded(rate);
            // Waiting does not help if the rate is 0, or if one request has more messages than the limit ever allows.
            if wait == Duration::MAX { refusal } else { refusal.after(wait) }
        })
    }
}

/// Returns the refusal of messages above the rate that a token permits on a channel, in messages per second.
pub(crate) fn rate_exceeded(rate: f64) -> Refusal {
    let message =
        format!("the token's limit of {rate} messages a second on this channel is reached; publish more slowly");
    Refusal::new(ErrorCode::PUBLISH_RATE_EXCEEDED, message)
}

/// Values by the resource that they concern.
struct ByResource<'a, T>(Vec<(Resource, &'a str, T)>);

impl<'a, T: Copy> ByResource<'a, T> {
    /// Leaves out resources that are not readable: they cover no channel.
    fn new(values: impl Iterator<Item = (&'a str, T)>) -> Self {
        let read = |(text, value): (&'a str, T)| Some((Resource::parse_lenient(text).ok()?, text, value));
        Self(values.filter_map(read).collect())
    }

    /// Returns the value of the most specific resource that covers the channel.
    fn most_specific(&self, channel: &str) -> Option<T> {
        let channel = Resource::parse_lenient(channel).ok()?;
        let matching = self.0.iter().filter(|(resource, ..)| resource.covers(&channel));
        matching.max_by_key(|(_, text, _)| specificity(text)).map(|(.., value)| *value)
    }
}

/// Returns a sort key that is larger for a more specific resource. It compares, in this order: plain channels above
/// resources with a `[…]` prefix, the number of segments that are not `*`, the number of all segments, and the text.
fn specificity(resource: &str) -> (bool, usize, usize, &str) {
    let is_channel = !resource.starts_with('[');
    let segments = || resource.split(':');
    (
        is_channel,
        segments().filter(|segment| !segment.ends_with('*') || segment.len() > 1).count(),
        segments().count(),
        resource,
    )
}

#[cfg(test)]
mod tests {
    use super::ByResource;

    #[test]
    fn most_specific_resource_wins() {
        let all = ["[*]*", "*", "*:*", "chat:*", "chat:*:*", "chat:*:b", "chat:a:b", "other", "[queue]chat"];
        let all = ByResource::new(all.iter().map(|resource| (*resource, *resource)));
        for (channel, expected) in [
            ("x", "*"),
            ("x:y", "*:*"),
            ("other", "other"),
            ("chat", "*"),
            ("chat:a", "chat:*"),
            ("chat:a:c", "chat:*:*"),
            ("chat:x:b", "chat:*:b"),
            ("chat:a:b", "chat:a:b"),
            ("chat:a:b:c", "chat:*:*"),
        ] {
            assert_eq!(all.most_specific(channel), Some(expected), "{channel}");
        }
        assert_eq!(ByResource::new([("chat", 1), ("[queue]*", 2)].into_iter()).most_specific("other"), None);
        assert_eq!(ByResource::new([("[*]*", 1)].into_iter()).most_specific("other"), Some(1));
    }
}
