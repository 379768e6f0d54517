//! What a JWT is minted from, borrowed from wherever it is.

use core::fmt;

use super::MAX_BYTES;
use super::encode::{BEHIND, Encoder, SIGNATURE_LEN, encoded_len};
use super::names;
use super::seconds::{self, Lifetime};
use crate::canonical::Decimal;
use crate::error::{Error, ErrorKind};
use crate::json_text::{Json, Slice};
#[cfg(feature = "alloc")]
use crate::signing::BLOCK_BYTES;
use crate::signing::Signer;
use crate::time::{Timestamp, Ttl};
use crate::{client_id, key};

/// `{"typ":"JWT","alg":"HS256","kid":` in base64url: eleven groups of three bytes, so that what follows starts anew.
const HEADER_START: &[u8] = b"eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiIsImtpZCI6";
/// What stands around the key's name.
const NAME_START: &[u8] = b"\"";
const NAME_END: &[u8] = b"\"}";

/// The first block of every JWT of that key, where its header is so long: of a usual name it is.
#[cfg(feature = "alloc")]
pub(crate) fn beginning(key_name: &str) -> Option<[u8; BLOCK_BYTES]> {
    let mut name = [0; NAME_BYTES + BEHIND];
    let mut json = Slice::new(&mut name);
    write_name(&mut json, key_name);
    let len = json.len();
    let mut text = [0; HEADER_START.len() + encoded_len(NAME_BYTES)];
    let mut header = Encoder::new(&mut text);
    header.plain(HEADER_START);
    header.encode(&name, len.min(NAME_BYTES));
    header.text().first_chunk().copied().filter(|_| len <= NAME_BYTES)
}

/// The header's end.
fn write_name(json: &mut impl Json, key_name: &str) {
    json.raw(NAME_START);
    // Nothing in it needs an escape.
    json.raw(key_name.as_bytes());
    json.raw(NAME_END);
}

/// How much JSON is kept while it is measured: as much as most JWTs have.
const NAME_BYTES: usize = 64;
const PAYLOAD_BYTES: usize = 384;

/// The values of a JWT, borrowed from wherever they are; minting one needs no allocator.
///
/// A JWT counts in whole seconds: `iat` is rounded down, and `exp` so that the JWT lives no longer than asked, but at least
/// one second.
///
/// ```
/// use ably_auth_core::{ApiKeyRef, JwtFields, Timestamp, Ttl};
///
/// let key = ApiKeyRef::parse("app.key:secret")?;
/// let fields = JwtFields {
///     client_id: Some("sensor-1"),
///     capability: Some(r#"{"sensors:1":["publish"]}"#),
///     ..JwtFields::new(key.key_name(), Timestamp::from_millis(1_449_746_287_318), Ttl::DEFAULT)
/// };
/// let mut buffer = [0; 512];
/// let jwt = fields.mint_into(&key.signer(), &mut buffer)?;
/// assert_eq!(jwt.len(), fields.minted_len()?);
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct JwtFields<'a> {
    /// The name of the key that signs, `appId.keyId`: the header's `kid`.
    pub key_name: &'a str,
    /// When the JWT is issued: `iat`.
    pub issued: Timestamp,
    /// How long it lives: `exp` is as much later than `iat`.
    pub ttl: Ttl,
    /// When it becomes valid, where that is not at once: `nbf`.
    pub not_before: Option<Timestamp>,
    /// What it permits, as canonical JSON text: `x-ably-capability`. None asks for all that the key has.
    pub capability: Option<&'a str>,
    /// Whom it identifies, `*` for any: `x-ably-clientId`.
    pub client_id: Option<&'a str>,
    /// By what it can be revoked together with others: `x-ably-revocation-key`.
    pub revocation_key: Option<&'a str>,
    /// An Ably token or JWT that stands in this one: `x-ably-token`.
    pub embedded_token: Option<&'a str>,
    /// What the holder may show on a channel, by resource: `ably.channel.<resource>`.
    pub channel_claims: &'a [(&'a str, &'a str)],
    /// How many messages a second a connection may publish on a channel, by resource:
    /// `ably.limits.publish.perAttachment.maxRate.<resource>`.
    pub publish_limits: &'a [(&'a str, u32)],
    /// Claims that are none of the above, by name.
    pub others: &'a [(&'a str, ClaimValue<'a>)],
}

/// The value of a claim that Ably does not define.
///
/// ```
/// use ably_auth_core::jwt::ClaimValue;
/// use ably_auth_core::{ApiKeyRef, JwtFields, Timestamp, Ttl};
///
/// let key = ApiKeyRef::parse("app.key:secret")?;
/// let fields = JwtFields {
///     others: &[("sub", ClaimValue::Text("bob")), ("level", ClaimValue::Integer(-3))],
///     ..JwtFields::new(key.key_name(), Timestamp::from_millis(1_767_225_600_000), Ttl::DEFAULT)
/// };
/// assert!(fields.mint_into(&key.signer(), &mut [0; 512]).is_ok());
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ClaimValue<'a> {
    /// A string.
    Text(&'a str),
    /// An integer.
    Integer(i64),
    /// JSON text of any value.
    #[cfg(feature = "alloc")]
    Json(&'a str),
}

impl<'a> JwtFields<'a> {
    /// A JWT of that key and lifetime, with nothing else in it.
    #[must_use]
    pub const fn new(key_name: &'a str, issued: Timestamp, ttl: Ttl) -> Self {
        Self {
            key_name,
            issued,
            ttl,
            not_before: None,
            capability: None,
            client_id: None,
            revocation_key: None,
            embedded_token: None,
            channel_claims: &[],
            publish_limits: &[],
            others: &[],
        }
    }

    /// How many bytes the JWT has: what [`mint_into`](Self::mint_into) needs.
    ///
    /// # Errors
    /// As [`mint_into`](Self::mint_into), but for the buffer.
    pub fn minted_len(&self) -> Result<usize, Error> {
        self.checked()?.draft(&mut Draft::new())
    }

    /// Signs the JWT into a buffer, and gives its text.
    ///
    /// # Errors
    /// - [`ErrorKind::Buffer`], with [the bytes it needs](Error::needed_bytes), if the buffer is too small;
    /// - [`ErrorKind::Key`] or [`ErrorKind::ClientId`] if the key's name or the clientId is not in the form of one;
    /// - [`ErrorKind::Timestamp`] if a time is after the year 5138;
    /// - [`ErrorKind::Jwt`] if a claim is named twice, is about a resource without a name, is given as another though it has
    ///   a field of its own, or is no JSON, or if the JWT would be longer than any token may be.
    pub fn mint_into<'b>(&self, signer: &Signer, buffer: &'b mut [u8]) -> Result<&'b str, Error> {
        let (checked, mut draft) = (self.checked()?, Draft::new());
        let needed = checked.draft(&mut draft)?;
        let Some(buffer) = buffer.get_mut(..needed) else {
            let advice = "give a buffer of that size";
            return Err(Error::new(ErrorKind::Buffer, "buffer is too small for the JWT", advice).needs(needed));
        };
        checked.write(&draft, signer, buffer);
        Ok(core::str::from_utf8(buffer).unwrap_or_default())
    }

    /// Signs the JWT.
    ///
    /// # Errors
    /// As [`mint_into`](Self::mint_into), but for the buffer.
    #[cfg(feature = "alloc")]
    pub fn mint(&self, signer: &Signer) -> Result<crate::Token, Error> {
        let (checked, mut draft) = (self.checked()?, Draft::new());
        let needed = checked.draft(&mut draft)?;
        let mut text = super::room(needed);
        checked.write(&draft, signer, &mut text);
        Ok(crate::Token::from_minted(alloc::string::String::from_utf8(text).unwrap_or_default()))
    }

    fn checked(&self) -> Result<Checked<'_, 'a>, Error> {
        key::check_name(self.key_name)?;
        self.client_id.map_or(Ok(()), client_id::check)?;
        names::check_resources(self.channel_claims)?;
        names::check_resources(self.publish_limits)?;
        names::check_distinct(self.channel_claims)?;
        names::check_distinct(self.publish_limits)?;
        names::check_distinct(self.others)?;
        for (name, value) in self.others {
            names::check_other(name)?;
            value.check()?;
        }
        let not_before = self.not_before.map(seconds::ceil).transpose()?;
        Ok(Checked { fields: self, lifetime: Lifetime::of(self.issued, self.ttl)?, not_before })
    }
}

impl ClaimValue<'_> {
    #[cfg_attr(not(feature = "alloc"), allow(clippy::unnecessary_wraps, clippy::unused_self, reason = "no JSON here"))]
    fn check(&self) -> Result<(), Error> {
        #[cfg(feature = "alloc")]
        if let Self::Json(json) = self {
            return super::json::check(json);
        }
        Ok(())
    }

    fn write(&self, json: &mut impl Json) {
        match self {
            Self::Text(text) => json.text(text),
            Self::Integer(number) => {
                if number.is_negative() {
                    json.raw(b"-");
                }
                json.raw(Decimal::new(number.unsigned_abs()).as_bytes());
            }
            #[cfg(feature = "alloc")]
            Self::Json(text) => json.raw(text.as_bytes()),
        }
    }
}

/// Values of which a JWT can be made.
struct Checked<'f, 'a> {
    fields: &'f JwtFields<'a>,
    lifetime: Lifetime,
    not_before: Option<u64>,
}

/// The JSON of a JWT that is being measured, as far as it is kept.
struct Draft {
    name: [u8; NAME_BYTES + BEHIND],
    payload: [u8; PAYLOAD_BYTES + BEHIND],
    payload_len: usize,
}

impl Draft {
    const fn new() -> Self {
        Self { name: [0; NAME_BYTES + BEHIND], payload: [0; PAYLOAD_BYTES + BEHIND], payload_len: 0 }
    }
}

impl Checked<'_, '_> {
    /// Measures the JWT, and keeps of its JSON what there is room for.
    fn draft(&self, draft: &mut Draft) -> Result<usize, Error> {
        self.name(draft.name.split_at_mut(NAME_BYTES).0);
        let mut payload = Slice::new(draft.payload.split_at_mut(PAYLOAD_BYTES).0);
        self.payload(&mut payload);
        draft.payload_len = payload.len();
        let parts = [HEADER_START.len(), encoded_len(self.name_len()), encoded_len(draft.payload_len), SIGNATURE_LEN];
        let len = parts.into_iter().fold(2, usize::saturating_add);
        if len > MAX_BYTES {
            let advice = "put less into it; what nears 8 KiB finds no place in a header anyway";
            return Err(Error::new(ErrorKind::Jwt, "JWT would be longer than 128 KiB", advice));
        }
        Ok(len)
    }

    /// Fills the buffer, which is as long as the JWT.
    fn write(&self, draft: &Draft, signer: &Signer, buffer: &mut [u8]) {
        let mut jwt = Encoder::new(buffer);
        jwt.plain(HEADER_START);
        match self.name_len() {
            len @ ..=NAME_BYTES => jwt.encode(&draft.name, len),
            len => jwt.encode_in_place(len, |room| self.name(room)),
        }
        jwt.plain(b".");
        match draft.payload_len {
            len @ ..=PAYLOAD_BYTES => jwt.encode(&draft.payload, len),
            len => jwt.encode_in_place(len, |room| self.payload(&mut Slice::new(room))),
        }
        let hmac = signer.hmac(jwt.text());
        jwt.plain(b".");
        jwt.signature(&hmac);
    }

    fn name_len(&self) -> usize {
        self.fields.key_name.len().saturating_add(NAME_START.len()).saturating_add(NAME_END.len())
    }

    fn name(&self, room: &mut [u8]) {
        write_name(&mut Slice::new(room), self.fields.key_name);
    }

    fn payload(&self, json: &mut impl Json) {
        let fields = self.fields;
        // Made before they are needed: a copy of bytes that were just written one by one has to wait for them.
        let [issued, expires] = [self.lifetime.issued, self.lifetime.expires].map(Decimal::new);
        json.raw(b"{\"iat\":");
        json.raw(issued.as_bytes());
        json.raw(b",\"exp\":");
        json.raw(expires.as_bytes());
        if let Some(not_before) = self.not_before {
            json.raw(b",\"nbf\":");
            json.raw(Decimal::new(not_before).as_bytes());
        }
        if let Some(capability) = fields.capability {
            json.raw(b",\"x-ably-capability\":");
            json.text_with_escapes(capability);
        }
        text(json, b",\"x-ably-clientId\":", fields.client_id);
        text(json, b",\"x-ably-revocation-key\":", fields.revocation_key);
        text(json, b",\"x-ably-token\":", fields.embedded_token);
        for (resource, claim) in fields.channel_claims {
            begin(json, names::CHANNEL, resource);
            json.text(claim);
        }
        for (resource, limit) in fields.publish_limits {
            begin(json, names::PUBLISH_LIMIT, resource);
            json.raw(Decimal::new(u64::from(*limit)).as_bytes());
        }
        for (name, value) in fields.others {
            begin(json, "", name);
            value.write(json);
        }
        json.raw(b"}");
    }
}

/// A claim that is a string, if there is one: its name comes with all that stands around it, ready to be copied.
#[inline(always)]
fn text<const N: usize>(json: &mut impl Json, name: &[u8; N], value: Option<&str>) {
    if let Some(value) = value {
        json.raw(name);
        json.text(value);
    }
}

/// Begins a claim that is not the first.
fn begin(json: &mut impl Json, prefix: &str, name: &str) {
    json.raw(b",\"");
    json.raw(prefix.as_bytes());
    json.escaped(name);
    json.raw(b"\":");
}

impl fmt::Debug for JwtFields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtFields")
            .field("key_name", &self.key_name)
            .field("issued", &self.issued)
            .field("ttl", &self.ttl)
            .field("not_before", &self.not_before)
            .field("capability", &self.capability)
            .field("client_id", &self.client_id)
            .field("revocation_key", &self.revocation_key)
            .field("embedded_token", &self.embedded_token.map(|_| format_args!("[redacted]")))
            .field("channel_claims", &self.channel_claims)
            .field("publish_limits", &self.publish_limits)
            .field("others", &self.others)
            .finish()
    }
}
