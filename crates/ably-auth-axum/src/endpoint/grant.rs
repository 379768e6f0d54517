//! What an application lets a user have.

use std::fmt;
use std::sync::Arc;

use ably_auth_core::capability::Work;
use ably_auth_core::{Capability, ClientId, ErrorCode, Identity, TokenParams, Ttl};

use crate::refusal::Refusal;

/// What an application lets a user have: the most that their token may be.
///
/// The capability has to be named, since a token without one has all that the key has; who means that says
/// `Capability::all()`. It may be shared in an [`Arc`], which saves copying it for each request.
///
/// A user's name in a resource is the application's affair: a name with `:` or `*` in it means other channels than one
/// without.
///
/// ```
/// use ably_auth_axum::{Capability, Grant, Operation, Ttl};
///
/// let own = Capability::none().with("inbox:bob", [Operation::Subscribe])?;
/// let grant = Grant::identified("bob", own)?.ttl(Ttl::from_millis(600_000)?).revocation_key("basic-plan");
/// assert!(grant.capability().permits("inbox:bob", Operation::Subscribe));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Grant {
    client_id: ClientId,
    capability: Arc<Capability>,
    ttl: Ttl,
    /// What most grants have none of.
    pub(super) claims: Option<Box<Claims>>,
}

/// What only a JWT can say.
#[derive(Clone, Default, PartialEq)]
pub(super) struct Claims {
    pub(super) revocation_key: Option<String>,
    pub(super) channel_claims: Vec<(String, String)>,
    pub(super) publish_limits: Vec<(String, u32)>,
    pub(super) others: Vec<(String, Claim)>,
}

#[derive(Clone, PartialEq)]
pub(super) enum Claim {
    Text(String),
    Json(String),
}

impl Grant {
    /// Grants that capability to who may act as `client_id`, for an hour: none, one or any.
    #[must_use]
    pub fn new(client_id: impl Into<ClientId>, capability: impl Into<Arc<Capability>>) -> Self {
        Self { client_id: client_id.into(), capability: capability.into(), ttl: Ttl::DEFAULT, claims: None }
    }

    /// Grants that capability to the user of that id, who cannot act as another.
    ///
    /// # Errors
    /// A 500, since it is for the application to give ids, if it is empty, `*`, or has a control character.
    pub fn identified(client_id: &str, capability: impl Into<Arc<Capability>>) -> Result<Self, Refusal> {
        Ok(Self::new(Identity::new(client_id)?, capability))
    }

    /// Grants that capability to somebody without an identity.
    #[must_use]
    pub fn anonymous(capability: impl Into<Arc<Capability>>) -> Self {
        Self::new(ClientId::None, capability)
    }

    /// Lets the token live for that long; an hour where nothing is said.
    #[must_use]
    pub const fn ttl(mut self, ttl: Ttl) -> Self {
        self.ttl = ttl;
        self
    }

    /// Lets the token be revoked together with all others of that revocation key. In a JWT only.
    #[must_use]
    pub fn revocation_key(mut self, key: impl Into<String>) -> Self {
        self.claims_mut().revocation_key = Some(key.into());
        self
    }

    /// Lets the holder show `claim` to others on the channels of that resource. In a JWT only.
    #[must_use]
    pub fn channel_claim(mut self, resource: impl Into<String>, claim: impl Into<String>) -> Self {
        self.claims_mut().channel_claims.push((resource.into(), claim.into()));
        self
    }

    /// Limits how many messages a second a connection may publish on the channels of that resource. In a JWT only.
    #[must_use]
    pub fn publish_limit(mut self, resource: impl Into<String>, per_second: u32) -> Self {
        self.claims_mut().publish_limits.push((resource.into(), per_second));
        self
    }

    /// Adds a claim that Ably does not define, with text for its value. In a JWT only.
    #[must_use]
    pub fn claim(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.claims_mut().others.push((name.into(), Claim::Text(text.into())));
        self
    }

    /// Adds a claim that Ably does not define, with JSON text for its value. In a JWT only.
    #[must_use]
    pub fn json_claim(mut self, name: impl Into<String>, json: impl Into<String>) -> Self {
        self.claims_mut().others.push((name.into(), Claim::Json(json.into())));
        self
    }

    fn claims_mut(&mut self) -> &mut Claims {
        self.claims.get_or_insert_default()
    }

    /// As whom the holder may act.
    #[must_use]
    pub const fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// What the holder may do.
    #[must_use]
    pub fn capability(&self) -> &Capability {
        &self.capability
    }

    /// How long the token lives.
    #[must_use]
    pub const fn lifetime(&self) -> Ttl {
        self.ttl
    }

    /// The grant, narrowed to what a client asks for; never more than it was.
    ///
    /// The capability is what both have in common, and the ttl the shorter one. Who asks to be somebody has to be allowed
    /// to; `*` asks for whatever identity there is. What is not asked for stays as it was. The timestamp and the nonce are
    /// not looked at.
    ///
    /// ```
    /// use ably_auth_axum::{Capability, Grant, TokenParams};
    ///
    /// let chat: Capability = r#"{"chat:*":["publish","subscribe"]}"#.parse()?;
    /// let asked = TokenParams::new().capability(r#"{"chat:a":["publish"],"secret":["*"]}"#.parse()?);
    /// let narrowed = Grant::identified("bob", chat)?.narrowed(&asked)?;
    /// assert_eq!(narrowed.capability().to_string(), r#"{"chat:a":["publish"]}"#);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// - 40102 if an identity is asked for that is not granted: a token for another would be of no use to the client;
    /// - 40160 if nothing is left of the capability;
    /// - 40000 if comparing the capability with the granted one takes more than [`Work::PER_REQUEST`] steps.
    pub fn narrowed(mut self, asked: &TokenParams) -> Result<Self, Refusal> {
        if let ClientId::Identified(identity) = &asked.client_id {
            if !self.client_id.permits(identity.as_str()) {
                let message = "this user may not have a token for the clientId that is asked for; leave the clientId \
                               out, or log in as that user";
                return Err(Refusal::new(ErrorCode::INCOMPATIBLE_CREDENTIALS, message));
            }
            self.client_id = asked.client_id.clone();
        }
        if let Some(ttl) = asked.ttl {
            self.ttl = self.ttl.min(ttl);
        }
        if let Some(capability) = &asked.capability {
            let granted = self.capability.intersect_within(capability, &mut Work::steps(Work::PER_REQUEST));
            self.capability = Arc::new(granted.map_err(|_| {
                let message = "invalid capability: it takes too much work to compare with what is granted; ask for fewer \
                               resources or use wildcards";
                Refusal::new(ErrorCode::BAD_REQUEST, message)
            })?);
        }
        if self.capability.is_empty() {
            let message = if asked.capability.is_some() {
                "this user may have nothing of the capability that is asked for; ask for less, or for none in particular"
            } else {
                "this user may do nothing; have the server grant something, or refuse with a reason"
            };
            return Err(Refusal::new(ErrorCode::CAPABILITY_REFUSED, message));
        }
        Ok(self)
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant")
            .field("client_id", &self.client_id)
            .field("capability", &self.capability)
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}
