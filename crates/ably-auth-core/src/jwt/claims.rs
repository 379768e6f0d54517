//! The claims of a JWT.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::number::Number;
use super::{invalid, names, numeric_date, parts};
use crate::capability::Capability;
use crate::credentials::{ClientId, Token};
use crate::error::Error;
use crate::text::json_value::{Members, Value};
use crate::time::{Timestamp, Ttl};

/// The claims of a JWT. They can be trusted only if they come from a [`VerifiedJwt`](super::VerifiedJwt).
///
/// `Debug` shows neither an embedded token nor the values of claims that Ably does not define.
///
/// ```
/// use core::time::Duration;
/// use ably_auth_core::{ApiKey, JwtFields, Timestamp, Ttl, jwt::ClaimValue, jwt::UnverifiedJwt};
///
/// let key = ApiKey::parse("app.key:secret")?;
/// let now = Timestamp::from_millis(1_767_225_600_000);
/// let fields = JwtFields {
///     client_id: Some("bob"),
///     capability: Some(r#"{"chat:*":["publish"]}"#),
///     revocation_key: Some("group-1"),
///     channel_claims: &[("chat:*", "moderator")],
///     publish_limits: &[("chat:*", 5)],
///     others: &[("sub", ClaimValue::Text("bob@example.com"))],
///     ..JwtFields::new("app.key", now, Ttl::from_millis(60_000)?)
/// };
/// let token = fields.mint(&key.signer())?;
///
/// let verified = UnverifiedJwt::parse(token.expose())?.verify(&key.signer(), now, Duration::ZERO)?;
/// let claims = verified.claims();
/// assert_eq!(claims.expires().millis_since(claims.issued()), 60_000);
/// assert!(claims.client_id().permits("bob"));
/// assert!(claims.capability()?.is_some_and(|capability| capability.permits("chat:lobby", "publish")));
/// assert_eq!(claims.revocation_key(), Some("group-1"));
/// assert_eq!(claims.channel_claims().collect::<Vec<_>>(), [("chat:*", "moderator")]);
/// assert_eq!(claims.publish_limits().collect::<Vec<_>>(), [("chat:*", 5.0)]);
/// assert_eq!(claims.others().collect::<Vec<_>>(), [("sub", r#""bob@example.com""#)]);
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct JwtClaims {
    issued: Timestamp,
    expires: Timestamp,
    not_before: Option<Timestamp>,
    capability: Option<String>,
    client_id: ClientId,
    revocation_key: Option<String>,
    embedded_token: Option<Token>,
    /// `None` for most JWTs.
    maps: Option<Box<Maps>>,
}

#[derive(Clone, Default, PartialEq)]
struct Maps {
    /// Channel claims by resource.
    channel_claims: Map,
    /// The JSON numbers of publish limits in messages per second, by resource.
    publish_limits: Map,
    client_type: Option<Box<str>>,
    /// The JSON text of the other claims, by name.
    others: Map,
}

static NO_MAPS: Maps =
    Maps { channel_claims: Map::EMPTY, publish_limits: Map::EMPTY, client_type: None, others: Map::EMPTY };

impl Maps {
    /// Stores a claim that has no field of its own.
    fn push(&mut self, name: &str, value: Value<'_>) -> Result<(), Error> {
        match scoped(name) {
            Some((names::CHANNEL, resource)) => {
                self.channel_claims.push(resource, text_or_null(names::CHANNEL, value)?.as_deref());
            }
            Some((_, resource)) => self.publish_limits.push(resource, Some(limit(&value)?)),
            None => {
                self.others.push(name, Some(value.raw));
                if name == names::CLIENT_TYPE {
                    self.client_type = text_or_null(names::CLIENT_TYPE, value)?.map(Into::into);
                }
            }
        }
        Ok(())
    }
}

/// Claims by name, in byte order. A claim is `None` if it is null, until [`finish`](Self::finish).
#[derive(Clone, Default, PartialEq)]
struct Map(Vec<(Box<str>, Option<Box<str>>)>);

impl Map {
    const EMPTY: Self = Self(Vec::new());

    fn push(&mut self, name: &str, claim: Option<&str>) {
        self.0.push((name.into(), claim.map(Into::into)));
    }

    /// Sorts the claims and removes those that are null. Returns true if a name is repeated.
    fn finish(&mut self) -> bool {
        self.0.sort_unstable();
        let is_repeated = self.0.iter().zip(self.0.iter().skip(1)).any(|(one, next)| one.0 == next.0);
        self.0.retain(|(_, claim)| claim.is_some());
        is_repeated
    }

    fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, claim)| (&**name, claim.as_deref().unwrap_or_default()))
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl JwtClaims {
    pub(super) fn read(payload: &str) -> Result<Self, Error> {
        let (mut issued, mut expires, mut not_before) = (None, None, None);
        let (mut capability, mut client_id, mut revocation_key, mut token) = (None, None, None, None);
        let mut maps: Option<Box<Maps>> = None;
        let mut members = Members::of(payload);
        while let Some((name, value)) = members.next().map_err(parts::payload_fault)? {
            let is_repeated = match &*name {
                names::ISSUED => issued.replace(time(names::ISSUED, &value)?).is_some(),
                names::EXPIRES => expires.replace(time(names::EXPIRES, &value)?).is_some(),
                names::NOT_BEFORE => not_before.replace(time(names::NOT_BEFORE, &value)?).is_some(),
                names::CAPABILITY => capability.replace(capability_text(value)?).is_some(),
                names::CLIENT_ID => client_id.replace(text_or_null(names::CLIENT_ID, value)?).is_some(),
                names::REVOCATION_KEY => revocation_key.replace(text_or_null(names::REVOCATION_KEY, value)?).is_some(),
                names::TOKEN => token.replace(text_or_null(names::TOKEN, value)?).is_some(),
                _ => {
                    maps.get_or_insert_default().push(&name, value)?;
                    false
                }
            };
            if is_repeated {
                return Err(repeated());
            }
        }
        if let Some(Maps { channel_claims, publish_limits, others, .. }) = maps.as_deref_mut() {
            if [channel_claims, publish_limits, others].into_iter().any(Map::finish) {
                return Err(repeated());
            }
        }
        let missing = |problem| invalid(problem, "give `iat` and `exp`, in seconds since the epoch");
        let issued = issued.flatten().ok_or_else(|| missing("JWT has no `iat`"))?;
        let expires = expires.flatten().ok_or_else(|| missing("JWT has no `exp`"))?;
        if expires <= issued {
            return Err(invalid("JWT's `exp` is not later than its `iat`", "give an `exp` that is later than `iat`"));
        }
        Ok(Self {
            issued,
            expires,
            not_before: not_before.flatten(),
            capability: capability.map(Cow::into_owned),
            client_id: client_id.flatten().map_or(Ok(ClientId::None), |client_id| ClientId::parse(&client_id))?,
            revocation_key: revocation_key.flatten().map(Cow::into_owned),
            embedded_token: token.flatten().map(|token| Token::new(&token)).transpose()?,
            maps,
        })
    }

    /// Returns the time of issue: `iat`.
    #[must_use]
    pub const fn issued(&self) -> Timestamp {
        self.issued
    }

    /// Returns the time of expiry: `exp`.
    #[must_use]
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }

    /// Returns the time at which the JWT becomes valid: `nbf`, if it has one.
    #[must_use]
    pub const fn not_before(&self) -> Option<Timestamp> {
        self.not_before
    }

    /// Returns the lifetime, from `iat` to `exp`.
    ///
    /// # Errors
    /// [`ErrorKind::Ttl`](crate::ErrorKind::Ttl) if it is longer than 24 hours, the maximum of the service.
    pub fn ttl(&self) -> Result<Ttl, Error> {
        Ttl::from_millis(self.expires.millis_since(self.issued))
    }

    /// Returns the capability as the issuer wrote it: `x-ably-capability`. `None` means the capability of the key.
    #[must_use]
    pub fn capability_text(&self) -> Option<&str> {
        self.capability.as_deref()
    }

    /// Parses the capability [leniently](Capability::parse_lenient).
    ///
    /// # Errors
    /// Returns the same errors as [`Capability::parse_lenient`].
    pub fn capability(&self) -> Result<Option<Capability>, Error> {
        self.capability.as_deref().map(Capability::parse_lenient).transpose()
    }

    /// Returns the identity: `x-ably-clientId`.
    #[must_use]
    pub const fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// Returns the text by which several tokens can be revoked together: `x-ably-revocation-key`.
    #[must_use]
    pub fn revocation_key(&self) -> Option<&str> {
        self.revocation_key.as_deref()
    }

    /// Returns the client type that the issuer vouches for: `x-ably-clientType`. [`others`](Self::others) contains it
    /// too.
    #[must_use]
    pub fn client_type(&self) -> Option<&str> {
        self.maps().client_type.as_deref()
    }

    /// Returns the embedded token: `x-ably-token`. If there is one, it counts instead of this JWT: see
    /// [`embedded_token`](super::embedded_token).
    #[must_use]
    pub const fn embedded_token(&self) -> Option<&Token> {
        self.embedded_token.as_ref()
    }

    fn maps(&self) -> &Maps {
        self.maps.as_deref().unwrap_or(&NO_MAPS)
    }

    /// Returns the claims that other clients on a channel can see, by resource: `ably.channel.<resource>`.
    pub fn channel_claims(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.maps().channel_claims.iter()
    }

    /// Returns the maximum messages per second that a connection may publish on a channel, by resource:
    /// `ably.limits.publish.perAttachment.maxRate.<resource>`. The numbers are not negative, and below 10^308.
    pub fn publish_limits(&self) -> impl ExactSizeIterator<Item = (&str, f64)> {
        // Parsed only here, so that a program that reads no limit does not contain the conversion to `f64`.
        self.maps().publish_limits.iter().map(|(resource, limit)| (resource, limit.parse().unwrap_or(f64::MAX)))
    }

    /// Returns the claims that Ably does not define, by name, each as its JSON text.
    pub fn others(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.maps().others.iter()
    }
}

const fn repeated() -> Error {
    invalid("JWT has a claim twice", "give each claim once")
}

/// Splits the name of a claim into its kind and its resource, if it has a resource.
fn scoped(name: &str) -> Option<(&'static str, &str)> {
    let kinds = [names::CHANNEL, names::PUBLISH_LIMIT];
    kinds.into_iter().find_map(|kind| Some((kind, name.strip_prefix(kind).filter(|resource| !resource.is_empty())?)))
}

fn time(claim: &'static str, value: &Value<'_>) -> Result<Option<Timestamp>, Error> {
    if value.is_null() { Ok(None) } else { numeric_date::read(claim, value.raw).map(Some) }
}

/// Reads the capability. Null is refused, because a JWT without the claim has all the rights of its key.
fn capability_text(value: Value<'_>) -> Result<Cow<'_, str>, Error> {
    if value.is_null() {
        let advice = "give the capability as JSON text in a string, or omit the claim to get all rights of the key";
        return Err(invalid("JWT has a claim that is null:", advice).input(names::CAPABILITY));
    }
    text(names::CAPABILITY, value)
}

fn text_or_null<'a>(claim: &'static str, value: Value<'a>) -> Result<Option<Cow<'a, str>>, Error> {
    if value.is_null() { Ok(None) } else { text(claim, value).map(Some) }
}

fn text<'a>(claim: &'static str, value: Value<'a>) -> Result<Cow<'a, str>, Error> {
    let advice = "give it as a JSON string; a capability is JSON text in a string";
    value.text.ok_or_else(|| invalid("JWT has a claim that is not a string:", advice).input(claim))
}

/// Reads a publish limit: a number from 0 and below 10^308, which fits into an `f64`.
fn limit<'a>(value: &Value<'a>) -> Result<&'a str, Error> {
    const MAX_DIGITS: i64 = 308;
    let is_valid = Number::parse(value.raw)
        .is_some_and(|limit| limit.is_zero() || (!limit.is_negative() && limit.digits_before_point() <= MAX_DIGITS));
    let advice = "give the messages a second as a JSON number that is not negative";
    let fault = || invalid("JWT has an invalid publish limit:", advice).input(names::PUBLISH_LIMIT);
    is_valid.then_some(value.raw).ok_or_else(fault)
}

impl fmt::Debug for JwtClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtClaims")
            .field("issued", &self.issued)
            .field("expires", &self.expires)
            .field("not_before", &self.not_before)
            .field("capability", &self.capability)
            .field("client_id", &self.client_id)
            .field("revocation_key", &self.revocation_key)
            .field("embedded_token", &self.embedded_token)
            .field("channel_claims", &self.maps().channel_claims)
            .field("publish_limits", &self.maps().publish_limits)
            .finish_non_exhaustive()
    }
}
