//! A token that was found to be genuine, and what it says.

use std::fmt;
use std::sync::Arc;

use ably_auth_core::{Capability, ClientId, JwtClaims, KeyName, Timestamp, VerifiedJwt};

/// A token that was found to be genuine and in force, and what it says. Copies share what they hold.
///
/// It is for a [`VerifyToken`](crate::VerifyToken) to make one: whoever has it is believed.
///
/// ```
/// use ably_auth_axum::{Capability, ClientId, KeyName, Timestamp, VerifiedToken};
///
/// let issued = Timestamp::from_millis(1_767_225_600_000);
/// let life = (issued, Timestamp::from_millis(1_767_229_200_000));
/// let chat: Capability = r#"{"chat:*":["publish"]}"#.parse()?;
/// let token = VerifiedToken::new(KeyName::parse("appId.keyId")?, ClientId::parse("bob")?, chat, life);
/// assert!(token.client_id().permits("bob") && token.capability().permits("chat:room1", "publish"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct VerifiedToken(Arc<Verified>);

#[derive(Clone, PartialEq)]
struct Verified {
    capability: Arc<Capability>,
    source: Source,
}

#[derive(Clone, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "it is allocated once for all that share it")]
enum Source {
    Jwt(VerifiedJwt),
    Other { key_name: KeyName, client_id: ClientId, issued: Timestamp, expires: Timestamp },
}

impl VerifiedToken {
    /// A token of that key, with what its holder may do: what the token says and the key has.
    #[must_use]
    pub fn new(
        key_name: KeyName,
        client_id: ClientId,
        capability: impl Into<Arc<Capability>>,
        (issued, expires): (Timestamp, Timestamp),
    ) -> Self {
        let source = Source::Other { key_name, client_id, issued, expires };
        Self(Arc::new(Verified { capability: capability.into(), source }))
    }

    /// A token that is that JWT, with what its holder may do: what the JWT says and the key has.
    #[must_use]
    pub fn of_jwt(jwt: VerifiedJwt, capability: impl Into<Arc<Capability>>) -> Self {
        Self(Arc::new(Verified { capability: capability.into(), source: Source::Jwt(jwt) }))
    }

    /// The key that issued it.
    #[must_use]
    pub fn key_name(&self) -> &KeyName {
        match &self.0.source {
            Source::Jwt(jwt) => jwt.key_name(),
            Source::Other { key_name, .. } => key_name,
        }
    }

    /// As whom its holder may act.
    #[must_use]
    pub fn client_id(&self) -> &ClientId {
        match &self.0.source {
            Source::Jwt(jwt) => jwt.claims().client_id(),
            Source::Other { client_id, .. } => client_id,
        }
    }

    /// What its holder may do.
    #[must_use]
    pub fn capability(&self) -> &Capability {
        &self.0.capability
    }

    /// When it was issued.
    #[must_use]
    pub fn issued(&self) -> Timestamp {
        match &self.0.source {
            Source::Jwt(jwt) => jwt.claims().issued(),
            Source::Other { issued, .. } => *issued,
        }
    }

    /// When it expires.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        match &self.0.source {
            Source::Jwt(jwt) => jwt.claims().expires(),
            Source::Other { expires, .. } => *expires,
        }
    }

    /// What a JWT says beyond that; none for other tokens.
    #[must_use]
    pub fn claims(&self) -> Option<&JwtClaims> {
        match &self.0.source {
            Source::Jwt(jwt) => Some(jwt.claims()),
            Source::Other { .. } => None,
        }
    }
}

impl fmt::Debug for VerifiedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedToken")
            .field("key_name", self.key_name())
            .field("client_id", self.client_id())
            .field("capability", self.capability())
            .field("issued", &self.issued())
            .field("expires", &self.expires())
            .finish_non_exhaustive()
    }
}
