//! The values of a JWT to mint, borrowed from the caller.

use core::fmt;

use super::MAX_BYTES;
use super::names;
use super::seconds::{self, Lifetime};
#[cfg(feature = "alloc")]
use crate::credentials::BLOCK_BYTES;
use crate::credentials::{Signer, client_id, key};
use crate::error::{Error, ErrorKind};
use crate::text::Decimal;
use crate::text::base64url::{Encoder, PADDING_BYTES, SIGNATURE_LEN, encoded_len};
use crate::text::json_writer::{Json, Slice};
use crate::time::{Timestamp, Ttl};

/// `{"typ":"JWT","alg":"HS256","kid":` in base64url. These are eleven groups of three bytes, so the rest of the header
/// is encoded separately.
const HEADER_START: &[u8] = b"eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiIsImtpZCI6";
/// The text before and after the key's name.
const NAME_START: &[u8] = b"\"";
const NAME_END: &[u8] = b"\"}";

/// Returns the first block of all JWTs of a key. Returns `None` if the header is shorter than a block, or the name is
/// very long.
#[cfg(feature = "alloc")]
pub(super) fn header_prefix(key_name: &str) -> Option<[u8; BLOCK_BYTES]> {
    let mut name = [0; NAME_BYTES + PADDING_BYTES];
    let mut json = Slice::new(&mut name);
    write_name(&mut json, key_name);
    let len = json.len();
    let mut text = [0; HEADER_START.len() + encoded_len(NAME_BYTES)];
    let mut header = Encoder::new(&mut text);
    header.plain(HEADER_START);
    header.encode(&name, len.min(NAME_BYTES));
    header.text().first_chunk().copied().filter(|_| len <= NAME_BYTES)
}

/// Writes the end of the header: the key's name with its punctuation.
fn write_name(json: &mut impl Json, key_name: &str) {
    json.raw(NAME_START);
    // A key name has no characters that need an escape.
    json.raw(key_name.as_bytes());
    json.raw(NAME_END);
}

/// The maximum bytes of the key's name and of the payload that a draft stores. Most JWTs are shorter.
const NAME_BYTES: usize = 64;
const PAYLOAD_BYTES: usize = 384;

/// The values of a JWT, borrowed from the caller. Minting one needs no allocator.
///
/// A JWT has times in whole seconds. `iat` is rounded down. `exp` is rounded so that the JWT lives no longer than
/// `ttl`, but at least one second.
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
    /// The name of the signing key, `appId.keyId`: `kid` in the header.
    pub key_name: &'a str,
    /// The time of issue: `iat`.
    pub issued: Timestamp,
    /// The lifetime: `exp` is `iat` plus this.
    pub ttl: Ttl,
    /// The time at which the JWT becomes valid, if that is after the time of issue: `nbf`.
    pub not_before: Option<Timestamp>,
    /// The capability, as canonical JSON text: `x-ably-capability`. `None` gives the capability of the key.
    pub capability: Option<&'a str>,
    /// The identity, `*` for any: `x-ably-clientId`.
    pub client_id: Option<&'a str>,
    /// A text by which several tokens can be revoked together: `x-ably-revocation-key`.
    pub revocation_key: Option<&'a str>,
    /// An embedded Ably token or JWT: `x-ably-token`.
    pub embedded_token: Option<&'a str>,
    /// The claims that other clients on a channel can see, by resource: `ably.channel.<resource>`.
    pub channel_claims: &'a [(&'a str, &'a str)],
    /// The maximum messages per second that a connection may publish on a channel, by resource:
    /// `ably.limits.publish.perAttachment.maxRate.<resource>`.
    pub publish_limits: &'a [(&'a str, u32)],
    /// All other claims, by name.
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
    /// The JSON text of any value.
    #[cfg(feature = "alloc")]
    Json(&'a str),
}

impl<'a> JwtFields<'a> {
    /// Creates a JWT with a key and a lifetime, without other claims.
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

    /// Returns the length of the JWT in bytes, which [`mint_into`](Self::mint_into) needs.
    ///
    /// # Errors
    /// Returns the same errors as [`mint_into`](Self::mint_into), except for the buffer.
    pub fn minted_len(&self) -> Result<usize, Error> {
        self.checked()?.draft(&mut Draft::new())
    }

    /// Signs the JWT into `buffer` and returns its text.
    ///
    /// # Errors
    /// - [`ErrorKind::Buffer`], with [the bytes it needs](Error::needed_bytes), if the buffer is too small;
    /// - [`ErrorKind::Key`] or [`ErrorKind::ClientId`] if the key name or the clientId is invalid;
    /// - [`ErrorKind::Timestamp`] if a time is after the year 5138;
    /// - [`ErrorKind::Jwt`] if a claim is repeated, has an empty resource, is in `others` although it has its own
    ///   field, or is not valid JSON, or if the JWT would be longer than any token.
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

    /// Signs the JWT and returns it as a token.
    ///
    /// # Errors
    /// Returns the same errors as [`mint_into`](Self::mint_into), except for the buffer.
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
            return crate::text::json_reader::check(json);
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

/// The validated values of a JWT.
struct Checked<'f, 'a> {
    fields: &'f JwtFields<'a>,
    lifetime: Lifetime,
    not_before: Option<u64>,
}

/// The JSON of a JWT, written while its length is computed. JSON that does not fit is written again later.
struct Draft {
    name: [u8; NAME_BYTES + PADDING_BYTES],
    payload: [u8; PAYLOAD_BYTES + PADDING_BYTES],
    payload_len: usize,
}

impl Draft {
    const fn new() -> Self {
        Self { name: [0; NAME_BYTES + PADDING_BYTES], payload: [0; PAYLOAD_BYTES + PADDING_BYTES], payload_len: 0 }
    }
}

impl Checked<'_, '_> {
    /// Computes the length of the JWT, and stores its JSON if it fits.
    fn draft(&self, draft: &mut Draft) -> Result<usize, Error> {
        self.name(draft.name.split_at_mut(NAME_BYTES).0);
        let mut payload = Slice::new(draft.payload.split_at_mut(PAYLOAD_BYTES).0);
        self.payload(&mut payload);
        draft.payload_len = payload.len();
        let parts = [HEADER_START.len(), encoded_len(self.name_len()), encoded_len(draft.payload_len), SIGNATURE_LEN];
        let len = parts.into_iter().fold(2, usize::saturating_add);
        if len > MAX_BYTES {
            let advice = "put less into it; many servers limit all headers of a request to 8 KiB";
            return Err(Error::new(ErrorKind::Jwt, "JWT would be longer than 128 KiB", advice));
        }
        Ok(len)
    }

    /// Writes the JWT into `buffer`, which must have exactly its length.
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
        // Computed before the output, so that these bytes are in memory when they are copied. A copy right after
        // single-byte writes would stall.
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

/// Writes a string claim, if it is present. `name` includes the punctuation, so that it is copied at once.
#[inline(always)]
fn text<const N: usize>(json: &mut impl Json, name: &[u8; N], value: Option<&str>) {
    if let Some(value) = value {
        json.raw(name);
        json.text(value);
    }
}

/// Writes the name of a claim that is not the first.
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
