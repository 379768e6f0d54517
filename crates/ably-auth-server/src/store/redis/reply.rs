//! The reply of the script.

use redis::{FromRedisValue, ParsingError, Value};
use zeroize::Zeroizing;

use ably_auth_core::Timestamp;

use crate::store::Record;

/// The error for a reply that this version of the script cannot have sent.
pub(super) const MALFORMED: &str = "the script's reply is malformed";

#[derive(Debug)]
pub(super) struct Reply {
    pub(super) outcome: String,
    pub(super) generation: String,
    /// The sequence number up to which the new records are complete.
    pub(super) up_to: u64,
    pub(super) latest: Timestamp,
    pub(super) known_from: Timestamp,
    /// True if the caller must resync.
    pub(super) reset: bool,
    /// True if there are more new records.
    pub(super) more: bool,
    /// The sequence number of the change that this call made; 0 if it made none.
    pub(super) written: u64,
    pub(super) new_records: Vec<Versioned>,
}

/// A record and the sequence number under which it was first written.
#[derive(Clone, Debug)]
pub(super) struct Versioned {
    pub(super) record: Record,
    pub(super) version: u64,
}

type Flat = (String, String, u64, u64, u64, bool, bool, u64, Vec<Vec<u8>>);

impl FromRedisValue for Reply {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        let (outcome, generation, up_to, latest, known_from, reset, more, written, flat) =
            Flat::from_redis_value(value)?;
        let new_records =
            flat.chunks(5).map(|fields| record(fields).ok_or_else(malformed)).collect::<Result<_, _>>()?;
        let [latest, known_from] = [latest, known_from].map(Timestamp::from_millis);
        Ok(Self { outcome, generation, up_to, latest, known_from, reset, more, written, new_records })
    }
}

fn record(fields: &[Vec<u8>]) -> Option<Versioned> {
    let [name, there, value, expires, version] = fields else {
        return None;
    };
    let expires = std::str::from_utf8(expires).ok()?;
    let expires = if expires.is_empty() { None } else { Some(Timestamp::from_millis(expires.parse().ok()?)) };
    let record = Record {
        name: std::str::from_utf8(name).ok()?.into(),
        value: (there == b"1").then(|| Zeroizing::new(value.clone())),
        expires,
    };
    Some(Versioned { record, version: std::str::from_utf8(version).ok()?.parse().ok()? })
}

fn malformed() -> ParsingError {
    ParsingError::from(MALFORMED.to_owned())
}
