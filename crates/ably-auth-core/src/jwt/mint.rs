//! Minting of JWTs.

#[cfg(feature = "alloc")]
use alloc::string::String;

use super::fields::{self, ClaimValue, JwtFields, Lifetime};
use super::{MAX_BYTES, names};
#[cfg(feature = "alloc")]
use crate::credentials::{ApiKey, BLOCK_BYTES, KeyName, Token};
use crate::credentials::{Signer, client_id, key};
use crate::error::{Error, ErrorKind};
use crate::text::Decimal;
use crate::text::base64url::{Encoder, PADDING_BYTES, SIGNATURE_LEN, encoded_len};
use crate::text::json_writer::{Json, Slice};
#[cfg(feature = "alloc")]
use crate::time::{Timestamp, Ttl};
#[cfg(feature = "alloc")]
use crate::token_request::TokenParams;

#[cfg(feature = "alloc")]
impl ApiKey {
    /// Returns a signer with the HMAC key schedule already computed. It also has the hash state of the JWT header that
    /// every JWT of this key has.
    #[must_use]
    pub fn signer(&self) -> Signer {
        self.single_use_signer().with_prefix(header_prefix(self.key_name().as_str()))
    }
}

/// Mints a JWT with the properties in `params`. The token needs no exchange.
///
/// If `params` has no ttl, the JWT lives for one hour, the service's default. If it has no timestamp, `now` is used. A
/// nonce is ignored, because a JWT has none. For more claims, use [`JwtFields`].
///
/// ```
/// use ably_auth_core::{ApiKey, Timestamp, TokenParams, jwt};
///
/// let key = ApiKey::parse("app.key:secret")?;
/// let params = TokenParams::new().client_id("bob").capability(r#"{"chat":["publish"]}"#).ttl("10m");
/// let token = jwt::mint(&key, &params, Timestamp::from_millis(1_449_746_287_318))?;
/// assert_eq!(token.expose().split('.').count(), 3);
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
///
/// # Errors
/// Returns the error of [`TokenParams::check`], and the same errors as [`JwtFields::mint`].
#[cfg(feature = "alloc")]
pub fn mint(key: &ApiKey, params: &TokenParams, now: Timestamp) -> Result<Token, Error> {
    mint_with(&key.signer(), key.key_name(), params, now)
}

/// Does the same as [`mint`] with an existing signer, which is faster for many JWTs.
///
/// # Errors
/// Returns the same errors as [`mint`].
#[cfg(feature = "alloc")]
pub fn mint_with(signer: &Signer, key_name: &KeyName, params: &TokenParams, now: Timestamp) -> Result<Token, Error> {
    params.check()?;
    let issued = params.get_timestamp().unwrap_or(now);
    let fields = JwtFields {
        capability: params.capability_text(),
        client_id: params.get_client_id().as_str(),
        ..JwtFields::new(key_name.as_str(), issued, params.get_ttl().unwrap_or(Ttl::DEFAULT))
    };
    fields.mint(signer)
}

impl<'a> JwtFields<'a> {
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
    pub fn mint(&self, signer: &Signer) -> Result<Token, Error> {
        let (checked, mut draft) = (self.checked()?, Draft::new());
        let needed = checked.draft(&mut draft)?;
        let mut text = super::room(needed);
        checked.write(&draft, signer, &mut text);
        Ok(Token::from_minted(String::from_utf8(text).unwrap_or_default()))
    }

    /// Validates the values.
    fn checked(&self) -> Result<Checked<'_, 'a>, Error> {
        key::check_name(self.key_name)?;
        self.client_id.map_or(Ok(()), client_id::check)?;
        fields::check_resources(self.channel_claims)?;
        fields::check_resources(self.publish_limits)?;
        fields::check_distinct(self.channel_claims)?;
        fields::check_distinct(self.publish_limits)?;
        fields::check_distinct(self.others)?;
        for (name, value) in self.others {
            fields::check_other(name)?;
            value.check()?;
        }
        let not_before = self.not_before.map(fields::ceil).transpose()?;
        Ok(Checked { fields: self, lifetime: Lifetime::of(self.issued, self.ttl)?, not_before })
    }
}

/// `{"typ":"JWT","alg":"HS256","kid":` in base64url. These are eleven groups of three bytes, so the rest of the header
/// is encoded separately.
const HEADER_START: &[u8] = b"eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiIsImtpZCI6";
/// The text before and after the key's name.
const NAME_START: &[u8] = b"\"";
const NAME_END: &[u8] = b"\"}";

/// Returns the first block of all JWTs of a key. Returns `None` if the header is shorter than a block, or the name is
/// very long.
#[cfg(feature = "alloc")]
fn header_prefix(key_name: &str) -> Option<[u8; BLOCK_BYTES]> {
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

impl ClaimValue<'_> {
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
    /// In seconds since the epoch.
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
