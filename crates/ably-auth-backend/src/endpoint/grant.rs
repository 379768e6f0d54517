//! Grants: the upper bound of a user's token.

use std::fmt;
use std::sync::Arc;

use ably_auth_core::capability::Work;
use ably_auth_core::{Capability, ClientId, ErrorCode, Identity, TokenParams, Ttl};

use crate::refusal::Refusal;

/// The upper bound of a user's token, decided by the application.
///
/// A capability is required, since a token without one has all rights of the key. To grant all of them, use
/// `Capability::all()`. A capability in an [`Arc`] need not be copied for each request.
///
/// The application must check user ids that it puts into a resource: an id that contains `:` or `*` changes which
/// channels the resource covers.
///
/// ```
/// use ably_auth_backend::{Capability, Grant, Operation};
///
/// let own = Capability::none().with("inbox:bob", [Operation::Subscribe])?;
/// let grant = Grant::identified("bob", own)?.ttl("10m").revocation_key("basic-plan");
/// assert!(grant.capability().permits("inbox:bob", Operation::Subscribe));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Grant {
    client_id: ClientId,
    capability: Arc<Capability>,
    ttl: Ttl,
    /// Claims of a JWT. Boxed, since most grants have none.
    pub(super) claims: Option<Box<Claims>>,
    /// The error of a setter that got an invalid value.
    invalid: Option<Box<ably_auth_core::Error>>,
}

/// Claims that only a JWT can carry.
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
    /// Creates a grant of a capability for an hour, with no clientId, one, or any.
    #[must_use]
    pub fn new(client_id: impl Into<ClientId>, capability: impl Into<Arc<Capability>>) -> Self {
        Self {
            client_id: client_id.into(),
            capability: capability.into(),
            ttl: Ttl::DEFAULT,
            claims: None,
            invalid: None,
        }
    }

    /// Creates a grant for the user with this id, who cannot act as another.
    ///
    /// # Errors
    /// A refusal with status 500 if the id is empty, is `*`, or has a control character: the application chose the id,
    /// so it is not the client's mistake.
    pub fn identified(client_id: &str, capability: impl Into<Arc<Capability>>) -> Result<Self, Refusal> {
        Ok(Self::new(Identity::new(client_id)?, capability))
    }

    /// Creates a grant without a clientId.
    #[must_use]
    pub fn anonymous(capability: impl Into<Arc<Capability>>) -> Self {
        Self::new(ClientId::None, capability)
    }

    /// Sets the lifetime of the token: a [`Ttl`], a [`Duration`](std::time::Duration), or text such as `10m`. The
    /// default is an hour. An invalid value is reported by [`narrowed`](Self::narrowed), which the endpoint calls.
    #[must_use]
    pub fn ttl(mut self, ttl: impl TryInto<Ttl, Error: Into<ably_auth_core::Error>>) -> Self {
        match ttl.try_into() {
            Ok(ttl) => self.ttl = ttl,
            Err(error) => self.invalid = Some(Box::new(error.into())),
        }
        self
    }

    /// Sets the revocation key: all tokens with the same one can be revoked together. For JWTs only.
    #[must_use]
    pub fn revocation_key(mut self, key: impl Into<String>) -> Self {
        self.claims_mut().revocation_key = Some(key.into());
        self
    }

    /// Adds a claim that other clients can see on the channels of a resource. For JWTs only.
    #[must_use]
    pub fn channel_claim(mut self, resource: impl Into<String>, claim: impl Into<String>) -> Self {
        self.claims_mut().channel_claims.push((resource.into(), claim.into()));
        self
    }

    /// Limits the number of messages a second that a connection may publish on the channels of a resource. For JWTs
    /// only.
    #[must_use]
    pub fn publish_limit(mut self, resource: impl Into<String>, per_second: u32) -> Self {
        self.claims_mut().publish_limits.push((resource.into(), per_second));
        self
    }

    /// Adds a custom claim with a text value. For JWTs only.
    #[must_use]
    pub fn claim(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.claims_mut().others.push((name.into(), Claim::Text(text.into())));
        self
    }

    /// Adds a custom claim with a JSON value. For JWTs only.
    #[must_use]
    pub fn json_claim(mut self, name: impl Into<String>, json: impl Into<String>) -> Self {
        self.claims_mut().others.push((name.into(), Claim::Json(json.into())));
        self
    }

    fn claims_mut(&mut self) -> &mut Claims {
        self.claims.get_or_insert_default()
    }

    /// Returns the clientId that the holder may act as.
    #[must_use]
    pub const fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// Returns the capability of the token.
    #[must_use]
    pub fn capability(&self) -> &Capability {
        &self.capability
    }

    /// Returns the lifetime of the token.
    #[must_use]
    pub const fn lifetime(&self) -> Ttl {
        self.ttl
    }

    /// Narrows the grant to the params that a client requests. The result is never more than the grant.
    ///
    /// The capability is the intersection of both, and the ttl the shorter one. A requested clientId must be permitted
    /// by the grant; `*` requests the grant's own. A param that is not requested stays as granted. The timestamp and
    /// the nonce are ignored.
    ///
    /// ```
    /// use ably_auth_backend::{Capability, Grant, TokenParams};
    ///
    /// let chat: Capability = r#"{"chat:*":["publish","subscribe"]}"#.parse()?;
    /// let asked = TokenParams::new().capability(r#"{"chat:a":["publish"],"secret":["*"]}"#);
    /// let narrowed = Grant::identified("bob", chat)?.narrowed(&asked)?;
    /// assert_eq!(narrowed.capability().to_string(), r#"{"chat:a":["publish"]}"#);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// - 500 if a setter got an invalid value, since the application chose it;
    /// - 40102 if the requested clientId is not granted: a token for another would be of no use to the client;
    /// - 40160 if the resulting capability is empty;
    /// - 40000 if the comparison with the granted capability takes more than [`Work::PER_REQUEST`] steps.
    pub fn narrowed(mut self, asked: &TokenParams) -> Result<Self, Refusal> {
        if let Some(error) = self.invalid.take() {
            return Err(Refusal::from(*error));
        }
        asked.check()?;
        if let ClientId::Identified(identity) = asked.get_client_id() {
            if !self.client_id.permits(identity.as_str()) {
                let message = "this user may not have a token for the requested clientId; omit the clientId, or log in as \
                               that user";
                return Err(Refusal::new(ErrorCode::INCOMPATIBLE_CREDENTIALS, message));
            }
            self.client_id = asked.get_client_id().clone();
        }
        if let Some(ttl) = asked.get_ttl() {
            self.ttl = self.ttl.min(ttl);
        }
        if let Some(capability) = asked.get_capability() {
            let granted = self.capability.intersect_within(capability, &mut Work::steps(Work::PER_REQUEST));
            self.capability = Arc::new(granted.map_err(|_| {
                let message = "invalid capability: the comparison with the granted one takes too much work; request fewer \
                               resources or use wildcards";
                Refusal::new(ErrorCode::BAD_REQUEST, message)
            })?);
        }
        if self.capability.is_empty() {
            let message = if asked.get_capability().is_some() {
                "the grant covers nothing of the requested capability; request less, or omit the capability"
            } else {
                "the grant has an empty capability; on the server, grant something or refuse with a reason"
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
