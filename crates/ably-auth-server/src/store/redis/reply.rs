//! What the script answers.

use redis::{FromRedisValue, ParsingError, Value};
use zeroize::Zeroizing;

use ably_auth_core::Timestamp;

use crate::store::Record;

#[derive(Debug)]
pub(super) struct Reply {
    pub(super) outcome: String,
    pub(super) generation: String,
    /// The sequence number up to which the news tell everything.
    pub(super) up_to: u64,
    pub(super) latest: Timestamp,
    pub(super) known_from: Timestamp,
    /// Whether the caller has to read everything anew.
    pub(super) reset: bool,
    /// Whether there are more news.
    pub(super) more: bool,
    pub(super) news: Vec<Record>,
}

type Flat = (String, String, u64, u64, u64, bool, bool, Vec<Vec<u8>>);

impl FromRedisValue for Reply {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        let (outcome, generation, up_to, latest, known_from, reset, more, flat) = Flat::from_redis_value(value)?;
        let news = flat.chunks(4).map(|fields| record(fields).ok_or_else(odd)).collect::<Result<_, _>>()?;
        let [latest, known_from] = [latest, known_from].map(Timestamp::from_millis);
        Ok(Self { outcome, generation, up_to, latest, known_from, reset, more, news })
    }
}

fn record(fields: &[Vec<u8>]) -> Option<Record> {
    let [name, there, value, expires] = fields else {
        return None;
    };
    let expires = std::str::from_utf8(expires).ok()?;
    let expires = if expires.is_empty() { None } else { Some(Timestamp::from_millis(expires.parse().ok()?)) };
    Some(Record {
        name: std::str::from_utf8(name).ok()?.into(),
        value: (there == b"1").then(|| Zeroizing::new(value.clone())),
        expires,
    })
}

fn odd() -> ParsingError {
    ParsingError::from("the script's answer is not in the form of one".to_owned())
}
