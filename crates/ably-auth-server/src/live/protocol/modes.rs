//! Channel modes (`TR3`).

use ably_auth_core::realtime::flags;
use ably_auth_core::{Capability, Operation};

/// A set of channel modes, as bits of `flags`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Modes(u64);

impl Modes {
    pub(crate) const PRESENCE: Self = Self(flags::PRESENCE);
    pub(crate) const PUBLISH: Self = Self(flags::PUBLISH);
    pub(crate) const SUBSCRIBE: Self = Self(flags::SUBSCRIBE);
    pub(crate) const PRESENCE_SUBSCRIBE: Self = Self(flags::PRESENCE_SUBSCRIBE);
    const ANNOTATION_PUBLISH: Self = Self(flags::ANNOTATION_PUBLISH);
    const ANNOTATION_SUBSCRIBE: Self = Self(flags::ANNOTATION_SUBSCRIBE);
    const OBJECT_SUBSCRIBE: Self = Self(flags::OBJECT_SUBSCRIBE);
    const OBJECT_PUBLISH: Self = Self(flags::OBJECT_PUBLISH);

    const ALL: Self = Self(
        Self::PRESENCE.0
            | Self::PUBLISH.0
            | Self::SUBSCRIBE.0
            | Self::PRESENCE_SUBSCRIBE.0
            | Self::ANNOTATION_PUBLISH.0
            | Self::ANNOTATION_SUBSCRIBE.0
            | Self::OBJECT_SUBSCRIBE.0
            | Self::OBJECT_PUBLISH.0,
    );

    /// The modes that each operation of a capability gives.
    const BY_OPERATION: [(Operation, Self); 7] = [
        (Operation::Publish, Self::PUBLISH),
        (Operation::Subscribe, Self(Self::SUBSCRIBE.0 | Self::PRESENCE_SUBSCRIBE.0 | Self::OBJECT_SUBSCRIBE.0)),
        (Operation::Presence, Self::PRESENCE),
        (Operation::AnnotationPublish, Self::ANNOTATION_PUBLISH),
        (Operation::AnnotationSubscribe, Self::ANNOTATION_SUBSCRIBE),
        (Operation::ObjectSubscribe, Self::OBJECT_SUBSCRIBE),
        (Operation::ObjectPublish, Self::OBJECT_PUBLISH),
    ];

    const BY_NAME: [(&str, Self); 8] = [
        ("presence", Self::PRESENCE),
        ("publish", Self::PUBLISH),
        ("subscribe", Self::SUBSCRIBE),
        ("presence_subscribe", Self::PRESENCE_SUBSCRIBE),
        ("annotation_publish", Self::ANNOTATION_PUBLISH),
        ("annotation_subscribe", Self::ANNOTATION_SUBSCRIBE),
        ("object_subscribe", Self::OBJECT_SUBSCRIBE),
        ("object_publish", Self::OBJECT_PUBLISH),
    ];

    /// Returns the modes that an ATTACH requests: those of its flags, else those that its `modes` parameter names, else
    /// all.
    pub(crate) fn requested(flags: u64, names: Option<&str>) -> Self {
        let of_flags = Self(flags & Self::ALL.0);
        if !of_flags.is_empty() {
            return of_flags;
        }
        let names = names.into_iter().flat_map(|names| names.split(','));
        let of_name = |name: &str| {
            let name = name.trim();
            Self::BY_NAME.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, mode)| *mode)
        };
        let of_names = names.filter_map(of_name).fold(Self::default(), Self::union);
        if of_names.is_empty() { Self::ALL } else { of_names }
    }

    /// Returns the modes that a capability permits on a channel.
    pub(crate) fn permitted(capability: &Capability, channel: &str) -> Self {
        let permitted = Self::BY_OPERATION.iter().filter(|(operation, _)| capability.permits(channel, *operation));
        permitted.map(|(_, modes)| *modes).fold(Self::default(), Self::union)
    }

    const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) const fn has(self, mode: Self) -> bool {
        self.0 & mode.0 == mode.0
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the modes as bits of `flags`.
    pub(crate) const fn flags(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requested_modes_come_from_flags_then_from_names() {
        let publish = Modes::PUBLISH;
        assert_eq!(Modes::requested(publish.flags() | flags::RESUMED, Some("subscribe")), publish);
        assert_eq!(Modes::requested(1 << 5, Some("publish, SUBSCRIBE,x")), publish.union(Modes::SUBSCRIBE));
        assert_eq!(Modes::requested(0, None), Modes::ALL);
        assert_eq!(Modes::requested(0, Some("nothing")), Modes::ALL);
    }

    #[test]
    fn subscribe_permits_to_see_presence_but_not_to_enter() {
        let capability: Capability = r#"{"chat":["subscribe"]}"#.parse().unwrap();
        let modes = Modes::permitted(&capability, "chat");
        assert!(modes.has(Modes::SUBSCRIBE) && modes.has(Modes::PRESENCE_SUBSCRIBE));
        assert!(!modes.has(Modes::PUBLISH) && !modes.has(Modes::PRESENCE));
        assert!(Modes::permitted(&capability, "other").is_empty());
        assert_eq!(Modes::permitted(&Capability::all(), "x"), Modes::ALL);
    }
}
