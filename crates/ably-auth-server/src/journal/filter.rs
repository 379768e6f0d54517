//! The rows of the journal that a reader wants.

use ably_auth_core::ErrorCode;

use super::row::{Entry, Kind, Outcome};
use crate::refusal::Refusal;

/// Selects rows. Each field that is set must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    kind: Option<Kind>,
    outcome: Option<Outcome>,
    code: Option<u32>,
    key: Option<Pattern>,
    client_id: Option<Pattern>,
    channel: Option<Pattern>,
}

/// A text, or the beginning of one if it ends with `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern(Box<str>);

impl Pattern {
    fn matches(&self, text: Option<&str>) -> bool {
        match (self.0.strip_suffix('*'), text) {
            (Some(start), text) => text.is_some_and(|text| text.starts_with(start)),
            (None, text) => text == Some(&*self.0),
        }
    }
}

impl Filter {
    /// Reads a filter from the parameters of a query. Empty parameters and those of other names are ignored.
    pub(crate) fn from_query(query: &str) -> Result<Self, Refusal> {
        let mut filter = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()).filter(|(_, value)| !value.is_empty()) {
            let pattern = || Some(Pattern((&*value).into()));
            match &*name {
                "kind" => {
                    filter.kind = Some(match &*value {
                        "request" => Kind::Request,
                        "connection" => Kind::Connection,
                        "message" => Kind::Message,
                        _ => return Err(invalid("kind", "give `request`, `connection` or `message`")),
                    });
                }
                "outcome" => {
                    filter.outcome = Some(match &*value {
                        "granted" => Outcome::Granted,
                        "refused" => Outcome::Refused,
                        "failed" => Outcome::Failed,
                        _ => return Err(invalid("outcome", "give `granted`, `refused` or `failed`")),
                    });
                }
                "code" => {
                    let code = value.parse().map_err(|_| invalid("code", "give a number such as `40160`"))?;
                    filter.code = Some(code);
                }
                "key" => filter.key = pattern(),
                "clientId" => filter.client_id = pattern(),
                "channel" => filter.channel = pattern(),
                _ => {}
            }
        }
        Ok(filter)
    }

    /// Returns true if the reader wants the row of the entry.
    pub(crate) fn matches(&self, entry: &Entry<'_>) -> bool {
        if *self == Self::default() {
            return true;
        }
        let Some(row) = entry.fields() else {
            return false;
        };
        let is = |pattern: &Option<Pattern>, text: Option<&str>| {
            pattern.as_ref().is_none_or(|pattern| pattern.matches(text))
        };
        self.kind.is_none_or(|kind| kind == row.kind)
            && self.outcome.is_none_or(|outcome| outcome == row.outcome)
            && self.code.is_none_or(|code| Some(code) == row.code)
            && is(&self.key, row.key.as_deref())
            && is(&self.client_id, row.client_id.as_deref())
            && is(&self.channel, row.channel.as_deref())
    }
}

fn invalid(parameter: &str, advice: &str) -> Refusal {
    Refusal::new(ErrorCode::INVALID_PARAMETER, format!("invalid `{parameter}`: it is unknown; {advice}"))
}

#[cfg(test)]
mod tests {
    use ably_auth_core::{KeyName, Timestamp};

    use super::*;
    use crate::journal::row::{Details, Row};

    fn entry() -> Vec<u8> {
        let key = KeyName::parse("app.key").unwrap();
        let row = Row {
            code: Some(40_160),
            key: Some(&key),
            channel: Some("chat:1".into()),
            ..Row::new(Timestamp::from_millis(1), Kind::Request, "publish", Outcome::Refused)
        };
        row.encode(&Details::default())
    }

    #[test]
    fn each_field_of_filter_must_match() {
        for (query, expected) in [
            ("", true),
            ("limit=5&kind=", true),
            ("kind=request&outcome=refused&code=40160&key=app.key&channel=chat:1", true),
            ("channel=chat:*", true),
            ("channel=*", true),
            ("channel=chat", false),
            ("key=app.*", true),
            ("key=other.*", false),
            ("clientId=*", false),
            ("clientId=bob", false),
            ("kind=message", false),
            ("outcome=granted", false),
            ("code=40101", false),
        ] {
            assert_eq!(Filter::from_query(query).unwrap().matches(&Entry::of(&entry())), expected, "{query}");
        }
    }

    #[test]
    fn invalid_filter_is_refused() {
        for query in ["kind=x", "outcome=ok", "code=x", "code=-1"] {
            let refusal = Filter::from_query(query).unwrap_err();
            assert_eq!(refusal.info().code(), ErrorCode::INVALID_PARAMETER, "{query}");
        }
    }
}
