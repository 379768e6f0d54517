//! The tables of records and references, and their order by expiry.
#![allow(clippy::result_large_err, reason = "`redb::Error` is large, but these functions are not hot")]

use ably_auth_core::Timestamp;
use redb::{ReadTransaction, ReadableTable as _, TableDefinition, WriteTransaction};
use zeroize::Zeroizing;

use super::guard::Fault;
use crate::store::{KeptClaims, Record, Reference};

const RECORDS: TableDefinition<'_, &str, (u64, &[u8])> = TableDefinition::new("records");
/// Names of records, sorted by expiry.
const EXPIRIES: TableDefinition<'_, (u64, &str), ()> = TableDefinition::new("expiries");
const REFERENCES: TableDefinition<'_, (u64, u128), &[u8]> = TableDefinition::new("references");

/// The expiry of records that do not expire.
pub(super) const NEVER: u64 = u64::MAX;

/// Creates the tables in an empty database.
pub(super) fn create(write: &WriteTransaction) -> Result<(), Fault> {
    write.open_table(RECORDS)?;
    write.open_table(EXPIRIES)?;
    write.open_table(REFERENCES)?;
    Ok(())
}

/// Returns all records. Apps come before their keys.
pub(super) fn read_records(read: &ReadTransaction) -> Result<Vec<Record>, Fault> {
    let mut records = Vec::new();
    for entry in read.open_table(RECORDS)?.iter()? {
        let (name, value) = entry?;
        let (expires, value) = value.value();
        records.push(Record {
            name: name.value().into(),
            value: Some(Zeroizing::new(value.to_vec())),
            expires: (expires != NEVER).then(|| Timestamp::from_millis(expires)),
        });
    }
    Ok(records)
}

/// A reference, with its app's ID and the encoded claims.
pub(super) type StoredReference = (Reference, Box<str>, Vec<u8>);

/// Returns all references.
pub(super) fn read_references(read: &ReadTransaction) -> Result<Vec<StoredReference>, Fault> {
    let damaged = || Fault::Corrupted("a token's claims are malformed".into());
    let mut references = Vec::new();
    for entry in read.open_table(REFERENCES)?.iter()? {
        let (key, value) = entry?;
        let (expires, id) = key.value();
        let claims = KeptClaims::from_bytes(value.value()).ok_or_else(damaged)?;
        let reference = Reference { expires: Timestamp::from_millis(expires), id };
        references.push((reference, claims.app_id().into(), value.value().to_vec()));
    }
    Ok(references)
}

pub(super) fn put_record(write: &WriteTransaction, record: &Record) -> Result<(), Fault> {
    let mut records = write.open_table(RECORDS)?;
    let name: &str = &record.name;
    let Some(value) = &record.value else {
        records.remove(name)?;
        return Ok(());
    };
    let expires = record.expires.map_or(NEVER, Timestamp::as_millis);
    records.insert(name, (expires, value.as_slice()))?;
    if expires != NEVER {
        write.open_table(EXPIRIES)?.insert((expires, name), ())?;
    }
    Ok(())
}

pub(super) fn put_reference(write: &WriteTransaction, reference: &Reference, claims: &[u8]) -> Result<(), Fault> {
    write.open_table(REFERENCES)?.insert((reference.expires.as_millis(), reference.id), claims)?;
    Ok(())
}

/// Drops at most `max` expired records and as many references. Returns the earliest expiry of the rest.
pub(super) fn drop_expired(write: &WriteTransaction, max: usize, latest: Timestamp) -> Result<u64, Fault> {
    let (latest, mut due) = (latest.as_millis(), NEVER);
    let mut expiries = write.open_table(EXPIRIES)?;
    let mut expired = Vec::new();
    for entry in expiries.iter()?.take(max.saturating_add(1)) {
        let (key, _) = entry?;
        let (expires, name) = key.value();
        if expired.len() == max || expires > latest {
            due = expires;
            break;
        }
        expired.push((expires, name.to_owned()));
    }
    let mut records = write.open_table(RECORDS)?;
    for (expires, name) in &expired {
        expiries.remove((*expires, name.as_str()))?;
        // A record that was written again expires later.
        let is_expired = records.get(name.as_str())?.is_some_and(|record| record.value().0 <= latest);
        if is_expired {
            records.remove(name.as_str())?;
        }
    }
    let mut references = write.open_table(REFERENCES)?;
    let mut expired = Vec::new();
    for entry in references.iter()?.take(max.saturating_add(1)) {
        let key = entry?.0.value();
        if expired.len() == max || key.0 > latest {
            due = due.min(key.0);
            break;
        }
        expired.push(key);
    }
    expired.iter().try_for_each(|key| references.remove(key).map(drop))?;
    Ok(due)
}
