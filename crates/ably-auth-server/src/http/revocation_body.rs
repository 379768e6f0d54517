//! The body of `revokeTokens`. Targets above the limit are skipped while the body is parsed.

use std::fmt;

use ably_auth_core::{RevokeTokensRequest, Timestamp};
use serde::Deserialize;
use serde::de::value::{StrDeserializer, U64Deserializer};
use serde::de::{Deserializer, Error, IgnoredAny, IntoDeserializer as _, MapAccess, SeqAccess, Visitor};

/// The maximum number of targets kept: one more than a request may have, to detect that it has too many.
const MAX_KEPT: usize = RevokeTokensRequest::MAX_TARGETS.saturating_add(1);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RevocationBody {
    pub(super) targets: Targets,
    #[serde(default)]
    pub(super) issued_before: Moment,
    pub(super) allow_reauth_margin: Option<bool>,
}

/// The first targets, up to [`MAX_KEPT`].
pub(super) struct Targets(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for Targets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TargetsVisitor;

        impl<'de> Visitor<'de> for TargetsVisitor {
            type Value = Targets;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a sequence")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Targets, A::Error> {
                let mut targets = Vec::new();
                while targets.len() < MAX_KEPT {
                    let Some(target) = list.next_element()? else {
                        return Ok(Targets(targets));
                    };
                    targets.push(target);
                }
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Targets(targets))
            }
        }

        deserializer.deserialize_seq(TargetsVisitor)
    }
}

/// A time in a body: absent, valid, or not a timestamp.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Moment {
    #[default]
    Absent,
    At(Timestamp),
    Invalid,
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MomentVisitor;

        impl<'de> Visitor<'de> for MomentVisitor {
            type Value = Moment;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("milliseconds since the epoch")
            }

            fn visit_unit<E: Error>(self) -> Result<Moment, E> {
                Ok(Moment::Absent)
            }

            fn visit_none<E: Error>(self) -> Result<Moment, E> {
                Ok(Moment::Absent)
            }

            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Moment, D::Error> {
                deserializer.deserialize_any(self)
            }

            fn visit_u64<E: Error>(self, millis: u64) -> Result<Moment, E> {
                let millis: U64Deserializer<E> = millis.into_deserializer();
                Ok(Timestamp::deserialize(millis).map_or(Moment::Invalid, Moment::At))
            }

            fn visit_i64<E: Error>(self, millis: i64) -> Result<Moment, E> {
                u64::try_from(millis).map_or(Ok(Moment::Invalid), |millis| self.visit_u64(millis))
            }

            fn visit_str<E: Error>(self, millis: &str) -> Result<Moment, E> {
                let millis: StrDeserializer<'_, E> = millis.into_deserializer();
                Ok(Timestamp::deserialize(millis).map_or(Moment::Invalid, Moment::At))
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Moment, E> {
                Ok(Moment::Invalid)
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<Moment, E> {
                Ok(Moment::Invalid)
            }

            fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<Moment, E> {
                Ok(Moment::Invalid)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Moment, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Moment::Invalid)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Moment, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Moment::Invalid)
            }
        }

        deserializer.deserialize_any(MomentVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> RevocationBody {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn surplus_targets_are_not_kept() {
        let list = format!("[{}\"\"]", "\"\",".repeat(20_999));
        let body = read(&format!(r#"{{"targets":{list},"unknown":{list}}}"#));
        assert_eq!((body.targets.0.len(), body.issued_before), (MAX_KEPT, Moment::Absent));
        assert!(body.targets.0.capacity() < 2 * MAX_KEPT);
    }

    #[test]
    fn issued_before_is_parsed_or_invalid() {
        let moment = |json: &str| read(&format!(r#"{{"targets":[],"issuedBefore":{json}}}"#)).issued_before;
        for json in ["5", "\"5\""] {
            assert_eq!(moment(json), Moment::At(Timestamp::from_millis(5)), "{json}");
        }
        assert_eq!(moment("null"), Moment::Absent);
        for json in ["-1", "0.5", "true", "\"x\"", "[[1],{}]", r#"{"a":[1]}"#] {
            assert_eq!(moment(json), Moment::Invalid, "{json}");
        }
    }
}
