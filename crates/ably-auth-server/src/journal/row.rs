//! The entries of the journal: a row of the list, and the facts from which its story is told.

use ably_auth_core::{KeyName, Timestamp};
use serde::Serialize;

use super::checks::Check;
use crate::store::Fingerprint;

/// The subject of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Kind {
    Request,
    Connection,
    Message,
}

/// The answer to what a client asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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
pub(crate) struct Row {
    /// The number of the entry. The journal sets it.
    pub(crate) seq: u64,
    pub(crate) at: Timestamp,
    pub(crate) kind: Kind,
    /// The endpoint, or the message on a connection.
    pub(crate) action: &'static str,
    pub(crate) outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) method: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<KeyName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_id: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) channel: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) operation: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) connection_id: Option<Box<str>>,
    /// The time until the answer was ready, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) duration_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<Box<str>>,
}

impl Row {
    pub(crate) const fn new(at: Timestamp, kind: Kind, action: &'static str, outcome: Outcome) -> Self {
        Self {
            seq: 0,
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

    fn size(&self) -> usize {
        let texts = [&self.path, &self.reason, &self.client_id, &self.channel, &self.connection_id, &self.request_id];
        let texts = texts.into_iter().flatten().map(|text| text.len());
        texts.chain(self.key.as_ref().map(|key| key.as_str().len())).fold(0, usize::saturating_add)
    }
}

/// A kind of credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum CredentialKind {
    Key,
    Token,
    Jwt,
}

/// The facts about a credential that was accepted, without the credential itself.
#[derive(Clone, Debug)]
pub(crate) struct CredentialFacts {
    pub(crate) kind: CredentialKind,
    pub(crate) key: KeyName,
    /// The clientId of the credential; `*` if it permits any.
    pub(crate) client_id: Option<Box<str>>,
    pub(crate) capability: Box<str>,
    /// The times of issue and of expiry.
    pub(crate) validity: Option<(Timestamp, Timestamp)>,
}

/// An entry of the journal.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) row: Row,
    pub(crate) checks: Box<[(Check, bool)]>,
    /// The credential of the sender, if it was accepted.
    pub(crate) credential: Option<Box<CredentialFacts>>,
    /// The capability that was asked for, and the token that was issued.
    pub(crate) issued: Option<Box<(Option<Box<str>>, CredentialFacts)>>,
    /// The nonce that was used.
    pub(crate) nonce: Option<Fingerprint>,
    /// The reason of a refusal as JSON: members of the story.
    pub(crate) evidence: Option<Box<str>>,
}

/// The bytes that an entry uses in addition to its texts: the entry, its place in the list, and overheads of allocations.
const ENTRY_BYTES: usize = 640;

impl Entry {
    pub(crate) const fn new(row: Row, checks: Box<[(Check, bool)]>) -> Self {
        Self { row, checks, credential: None, issued: None, nonce: None, evidence: None }
    }

    /// Returns approximately how many bytes the entry uses.
    pub(crate) fn size(&self) -> usize {
        let facts = |facts: &CredentialFacts| {
            let client_id = facts.client_id.as_ref().map_or(0, |text| text.len());
            size_of::<CredentialFacts>()
                .saturating_add(facts.capability.len())
                .saturating_add(client_id)
                .saturating_add(facts.key.as_str().len())
        };
        let issued = |(asked, issued): &(Option<Box<str>>, CredentialFacts)| {
            facts(issued).saturating_add(asked.as_ref().map_or(0, |text| text.len()))
        };
        ENTRY_BYTES
            .saturating_add(self.row.size())
            .saturating_add(self.credential.as_deref().map_or(0, facts))
            .saturating_add(self.issued.as_deref().map_or(0, issued))
            .saturating_add(self.evidence.as_ref().map_or(0, |text| text.len()))
    }
}
