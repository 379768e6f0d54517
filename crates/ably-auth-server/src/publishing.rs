//! Publishing: checks what a credential may publish on a channel, and adds the service's fields to the messages.

use std::time::Duration;

use ably_auth_core::capability::Resource;
use ably_auth_core::{ErrorCode, JwtClaims, Operation};

use crate::authenticate::Principal;
use crate::authorise::{authorise, check_identified};
use crate::channels::Message;
use crate::refusal::Refusal;
use crate::state::State;

/// Refuses all messages if the sender must not publish one of them on the channel. Otherwise, returns them ready to
/// store.
pub(crate) fn admit(
    state: &State,
    principal: &Principal,
    channel: &str,
    messages: Vec<Message>,
) -> Result<Vec<Message>, Refusal> {
    authorise(principal.capability(), Operation::Publish, channel)?;
    if messages.iter().any(Message::is_privileged) {
        authorise(principal.capability(), Operation::PrivilegedHeaders, channel)?;
    }
    let claims = principal.claims();
    let user_claim = claims.and_then(|claims| most_specific(claims.channel_claims(), channel));
    let sign = |message: Message| message.signed_by(principal, user_claim);
    let messages = messages.into_iter().map(sign).collect::<Result<Vec<_>, _>>()?;
    check_identified(principal, channel, messages.iter().all(Message::has_client_id))?;
    claims.map_or(Ok(()), |claims| check_rate(state, principal, claims, (channel, messages.len())))?;
    Ok(messages)
}

/// Refuses messages above the rate that the token's issuer has set for one attachment. Requests have no attachment, so
/// all requests of a token on a channel count as one.
fn check_rate(
    state: &State,
    principal: &Principal,
    claims: &JwtClaims,
    (channel, messages): (&str, usize),
) -> Result<(), Refusal> {
    let Some(rate) = most_specific(claims.publish_limits(), channel) else {
        return Ok(());
    };
    let attachment = (
        principal.key.name().as_str(),
        claims.client_id().as_str(),
        (claims.issued().as_millis(), claims.expires().as_millis()),
        channel,
    );
    state.publish_rates.take_many(&attachment, state.stopwatch.elapsed(), rate, messages).map_err(|wait| {
        let message =
            format!("the token's limit of {rate} messages a second on this channel is reached; publish more slowly");
        let refusal = Refusal::new(ErrorCode::PUBLISH_RATE_EXCEEDED, message);
        // Waiting does not help if the rate is 0, or if one request has more messages than the limit ever allows.
        if wait == Duration::MAX { refusal } else { refusal.after(wait) }
    })
}

/// Returns the value of the most specific resource that covers the channel.
fn most_specific<'a, T>(by_resource: impl Iterator<Item = (&'a str, T)>, channel: &str) -> Option<T> {
    let channel = Resource::parse_lenient(channel).ok()?;
    let matching = by_resource
        .filter(|(resource, _)| Resource::parse_lenient(resource).is_ok_and(|resource| resource.covers(&channel)));
    matching.max_by_key(|(resource, _)| specificity(resource)).map(|(_, value)| value)
}

/// Returns a sort key that is larger for a more specific resource. It compares, in this order: plain channels above
/// resources with a `[…]` prefix, the number of segments that are not `*`, the number of all segments, and the text.
fn specificity(resource: &str) -> (bool, usize, usize, &str) {
    let is_of_channels = !resource.starts_with('[');
    let segments = || resource.split(':');
    (
        is_of_channels,
        segments().filter(|segment| !segment.ends_with('*') || segment.len() > 1).count(),
        segments().count(),
        resource,
    )
}

#[cfg(test)]
mod tests {
    use super::most_specific;

    #[test]
    fn most_specific_resource_wins() {
        let all = ["[*]*", "*", "*:*", "chat:*", "chat:*:*", "chat:*:b", "chat:a:b", "other", "[queue]chat"];
        let found = |channel: &str| most_specific(all.iter().map(|resource| (*resource, *resource)), channel);
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
            assert_eq!(found(channel), Some(expected), "{channel}");
        }
        assert_eq!(most_specific([("chat", 1), ("[queue]*", 2)].into_iter(), "other"), None);
        assert_eq!(most_specific([("[*]*", 1)].into_iter(), "other"), Some(1));
    }
}
