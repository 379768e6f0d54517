//! The entries of the journal, each in one text: the row of the list as JSON, a line feed, and the details as JSON.

use std::borrow::Cow;

use ably_auth_core::{KeyName, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The initial capacity for an entry, in bytes. Most entries fit.
const TYPICAL_ENTRY: usize = 1024;

/// The subject of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Kind {
    Request,
    Connection,
    Message,
}

/// The answer to what a client asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Outcome {
    Granted,
    Refused,
    /// The service could not answer, or ended a connection.
    Failed,
}

impl Outcome {
    /// Returns the outcome of an answer with this status.
    pub(crate) const fn of_status(status: u16) -> Self {
        match status {
            0..400 => Self::Granted,
            400..500 => Self::Refused,
            _ => Self::Failed,
        }
    }
}

/// A row of the list. It has no credential, and no part of the query.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row<'a> {
    pub(crate) at: Timestamp,
    pub(crate) kind: Kind,
    /// The endpoint, or the message on a connection.
    pub(crate) action: &'static str,
    pub(crate) outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) method: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<&'a KeyName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_id: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) channel: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) operation: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) connection_id: Option<&'a str>,
    /// The time until the answer was ready, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) duration_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<Cow<'a, str>>,
}

impl Row<'_> {
    pub(crate) const fn new(at: Timestamp, kind: Kind, action: &'static str, outcome: Outcome) -> Self {
        Self {
            at,
            kind,
            action,
            outcome,
            method: None,
            path: None,
            status: None,
            code: None,
            reason: None,
            key: None,
            client_id: None,
            channel: None,
            operation: None,
            connection_id: None,
            duration_us: None,
            request_id: None,
        }
    }
}

/// The fields of a row by which rows are selected.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RowFields<'a> {
    pub(super) at: Timestamp,
    pub(super) kind: Kind,
    pub(super) outcome: Outcome,
    pub(super) code: Option<u32>,
    #[serde(borrow)]
    pub(super) key: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) client_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) channel: Option<Cow<'a, str>>,
}

/// A kind of credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum CredentialKind {
    Key,
    Token,
    Jwt,
}

/// The facts about a credential that was accepted, without the credential itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CredentialFacts<'a> {
    pub(crate) kind: CredentialKind,
    pub(crate) key: Cow<'a, KeyName>,
    /// The clientId of the credential; `*` if it permits any.
    #[serde(borrow)]
    pub(crate) client_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) capability: Cow<'a, str>,
    /// The times of issue and of expiry.
    pub(crate) validity: Option<(Timestamp, Timestamp)>,
}

/// The facts about a token that was issued.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IssuedFacts<'a> {
    /// The capability that was asked for.
    #[serde(borrow)]
    pub(crate) asked: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) token: CredentialFacts<'a>,
}

/// The details of an entry.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Details<'a> {
    /// The numbers of the checks, as [`Checks`](super::checks::Checks) has them.
    pub(crate) checks: Vec<u8>,
    /// The [`CredentialFacts`] of the sender, if its credential was accepted.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(crate) credential: Option<&'a RawValue>,
    /// The [`IssuedFacts`].
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(crate) issued: Option<&'a RawValue>,
    /// The nonce that was used.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(crate) nonce: Option<Cow<'a, str>>,
    /// The reason of a refusal: members of the story.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(crate) evidence: Option<&'a RawValue>,
}

impl Row<'_> {
    /// Encodes the entry of this row.
    pub(crate) fn encode(&self, details: &Details<'_>) -> Vec<u8> {
        let mut text = Vec::with_capacity(TYPICAL_ENTRY);
        // Texts and numbers can always be encoded.
        let encoded = serde_json::to_writer(&mut text, self);
        text.push(b'\n');
        let encoded = encoded.and_then(|()| serde_json::to_writer(&mut text, details));
        debug_assert!(encoded.is_ok(), "{encoded:?}");
        text
    }
}

/// A row as JSON.
pub(crate) type JsonRow = Box<RawValue>;

/// An entry of the journal, without its number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a>(&'a [u8]);

impl<'a> Entry<'a> {
    /// Returns the entry with that text.
    pub(crate) const fn of(text: &'a [u8]) -> Self {
        Self(text)
    }

    pub(super) const fn text(&self) -> &'a [u8] {
        self.0
    }

    /// Returns the length of the text, in bytes.
    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    fn parts(&self) -> (&'a [u8], &'a [u8]) {
        let end = self.0.iter().position(|byte| *byte == b'\n').unwrap_or(self.0.len());
        let (row, details) = self.0.split_at(end);
        (row, details.get(1..).unwrap_or_default())
    }

    /// Returns the row as JSON, with its number.
    pub(crate) fn row(&self, seq: u64) -> JsonRow {
        let fields = self.parts().0.strip_prefix(b"{").map(String::from_utf8_lossy).unwrap_or_default();
        RawValue::from_string(format!("{{\"seq\":{seq},{fields}")).unwrap_or_else(|_| RawValue::NULL.to_owned())
    }

    pub(super) fn fields(&self) -> Option<RowFields<'a>> {
        serde_json::from_slice(self.parts().0).ok()
    }

    pub(crate) fn details(&self) -> Details<'a> {
        serde_json::from_slice(self.parts().1).unwrap_or_default()
    }
}
