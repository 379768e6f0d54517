//! A message, as it is published and as it is kept.

use std::collections::BTreeMap;

use ably_auth_core::{ErrorCode, Identity, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::data::Data;
use crate::authenticate::Principal;
use crate::refusal::Refusal;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Message {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<Data>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    encoding: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    extras: Option<Map<String, Value>>,
    /// The service's, whatever the publisher says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timestamp: Option<Value>,
    /// The service's, whatever the publisher says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    serial: Option<Value>,
    #[serde(flatten)]
    other: BTreeMap<String, Value>,
}

impl Message {
    /// Puts the publisher's name to the message, or checks the name that it has (`RSL1m`).
    pub(crate) fn signed_by(mut self, principal: &Principal) -> Result<Self, Refusal> {
        match &self.client_id {
            None => self.client_id = principal.identity.as_ref().map(|identity| identity.as_str().into()),
            Some(client_id) => {
                Identity::new(client_id)?;
                if !principal.may_speak_as(client_id) {
                    let message = "a message's clientId is another than the credential permits; leave it out";
                    return Err(Refusal::new(ErrorCode::INVALID_CLIENT_ID, message));
                }
            }
        }
        Ok(self)
    }

    pub(super) fn published(mut self, id: String, serial: String, now: Timestamp) -> Self {
        self.id.get_or_insert(id);
        self.timestamp = Some(now.as_millis().into());
        self.serial = Some(serial.into());
        self
    }

    /// The message for a format that has no bytes: these are then base64, as the encoding says (`RSL4`).
    pub(crate) fn into_text(mut self) -> Self {
        if let Some(text) = self.data.as_ref().and_then(Data::to_text) {
            self.data = Some(text);
            let before = self.encoding.take().filter(|encoding| !encoding.is_empty());
            self.encoding = Some(before.map_or_else(|| "base64".into(), |encoding| encoding + "/base64"));
        }
        self
    }
}
