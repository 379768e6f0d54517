//! The issue of JWTs and token requests for a grant.

use ably_auth_core::jwt::ClaimValue;
use ably_auth_core::{
    ApiKey, Error, JwtFields, KeyName, Signer, Timestamp, Token, TokenDetails, TokenRequestFields, Ttl, Validity,
};
use bytes::Bytes;

use super::grant::{Claim, Claims, Grant};
use crate::random::Random;
use crate::refusal::Refusal;

/// Size of the buffer that an answer is first written to, in bytes. It is large enough for most answers.
const USUAL_BYTES: usize = 1024;

/// The parts that all tokens of an endpoint share. The signer computes the key schedule once.
pub(super) struct Issuer {
    pub(super) key_name: KeyName,
    signer: Signer,
    pub(super) random: Random,
}

impl Issuer {
    pub(super) fn new(key: &ApiKey) -> Self {
        Self { key_name: key.key_name().clone(), signer: key.signer(), random: Random::system() }
    }

    pub(super) fn jwt(&self, grant: &Grant, capability: &str, now: Timestamp) -> Result<Bytes, Error> {
        let borrowed = grant.claims.as_deref().map(Borrowed::of).unwrap_or_default();
        let fields = JwtFields {
            capability: Some(capability),
            client_id: grant.client_id().as_str(),
            revocation_key: borrowed.revocation_key,
            channel_claims: &borrowed.channel_claims,
            publish_limits: &borrowed.publish_limits,
            others: &borrowed.others,
            ..JwtFields::new(self.key_name.as_str(), now, grant.lifetime())
        };
        write_to_buffer(|buffer| fields.mint_into(&self.signer, buffer).map(str::len))
    }

    pub(super) fn token_request(&self, grant: &Grant, capability: &str, now: Timestamp) -> Result<Bytes, Refusal> {
        if grant.claims.is_some() {
            let message =
                "a token request cannot carry the claims of the grant; use an endpoint that answers with a JWT";
            return Err(Refusal::internal(message));
        }
        let nonce = self.random.nonce()?;
        let fields = TokenRequestFields {
            key_name: self.key_name.as_str(),
            ttl: Some(grant.lifetime()),
            capability: Some(capability),
            client_id: grant.client_id().as_str(),
            timestamp: now,
            nonce: nonce.as_str(),
        };
        let mac = self.signer.sign(&fields)?;
        Ok(write_to_buffer(|buffer| fields.json_into(&mac, buffer).map(str::len))?)
    }

    pub(super) fn token_details(&self, grant: &Grant, capability: &str, now: Timestamp) -> Result<Bytes, Refusal> {
        // In whole seconds, like the times in the JWT.
        let issued = Timestamp::from_millis(whole_seconds(now.as_millis()));
        let ttl = Ttl::from_millis(whole_seconds(grant.lifetime().as_millis()).max(1000))?;
        let grant = grant.clone().ttl(ttl);
        let jwt = self.jwt(&grant, capability, issued)?;
        let token = Token::new(std::str::from_utf8(&jwt).unwrap_or_default())?;
        let validity = Validity { issued, expires: issued.saturating_add(ttl) };
        let known = Some(grant.capability()).filter(|_| capability != ALL_RIGHTS);
        let details = TokenDetails::issued_by(self.key_name.clone(), token, validity, known, grant.client_id().clone());
        serde_json::to_vec(&details)
            .map(Bytes::from)
            .map_err(|_| Refusal::internal("cannot write the token details as JSON; try again"))
    }
}

/// The capability that has all rights of the key. The key's own capability is not known here.
const ALL_RIGHTS: &str = r#"{"[*]*":["*"]}"#;

const fn whole_seconds(millis: u64) -> u64 {
    (millis / 1000).saturating_mul(1000)
}

/// Writes into a buffer. If that is too small, writes again into one of the needed size.
fn write_to_buffer(mut write: impl FnMut(&mut [u8]) -> Result<usize, Error>) -> Result<Bytes, Error> {
    let mut usual = [0; USUAL_BYTES];
    match write(&mut usual) {
        Ok(len) => Ok(Bytes::copy_from_slice(usual.get(..len).unwrap_or_default())),
        Err(error) => {
            let mut large = vec![0; error.needed_bytes().ok_or(error)?];
            write(&mut large)?;
            Ok(large.into())
        }
    }
}

/// A grant's claims in the types that a JWT is minted from.
#[derive(Default)]
struct Borrowed<'a> {
    revocation_key: Option<&'a str>,
    channel_claims: Vec<(&'a str, &'a str)>,
    publish_limits: Vec<(&'a str, u32)>,
    others: Vec<(&'a str, ClaimValue<'a>)>,
}

impl<'a> Borrowed<'a> {
    fn of(claims: &'a Claims) -> Self {
        let value = |claim: &'a Claim| match claim {
            Claim::Text(text) => ClaimValue::Text(text),
            Claim::Json(json) => ClaimValue::Json(json),
        };
        Self {
            revocation_key: claims.revocation_key.as_deref(),
            channel_claims: claims.channel_claims.iter().map(|(name, claim)| (name.as_str(), claim.as_str())).collect(),
            publish_limits: claims.publish_limits.iter().map(|(name, limit)| (name.as_str(), *limit)).collect(),
            others: claims.others.iter().map(|(name, claim)| (name.as_str(), value(claim))).collect(),
        }
    }
}
