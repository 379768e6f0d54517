//! The names of a token request's fields.

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    KeyName,
    Ttl,
    Capability,
    ClientId,
    Timestamp,
    Nonce,
    Mac,
}

impl Field {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "keyName" => Self::KeyName,
            "ttl" => Self::Ttl,
            "capability" => Self::Capability,
            "clientId" => Self::ClientId,
            "timestamp" => Self::Timestamp,
            "nonce" => Self::Nonce,
            "mac" => Self::Mac,
            _ => return None,
        })
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::KeyName => "keyName",
            Self::Ttl => "ttl",
            Self::Capability => "capability",
            Self::ClientId => "clientId",
            Self::Timestamp => "timestamp",
            Self::Nonce => "nonce",
            Self::Mac => "mac",
        }
    }

    pub(super) const fn bit(self) -> u8 {
        1 << self as u8
    }
}
