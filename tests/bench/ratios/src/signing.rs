//! Token requests and JWTs, compared with their lower bound, which is the HMAC alone, and with `jsonwebtoken`.

use std::hint::black_box;
use std::time::Duration;

use ably_auth_core::jwt::{self, UnverifiedJwt};
use ably_auth_core::{Nonce, TokenRequest};
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::clock::Work;
use crate::inputs;
use crate::table::{Reach, Row};

/// Returns a benchmark of HMAC-SHA-256 over the text, with the key schedule precomputed.
fn raw(text: &str) -> Work {
    let keyed = Hmac::<Sha256>::new_from_slice(inputs::key().secret().expose().as_bytes()).unwrap();
    let text = text.to_owned();
    Work::new("raw HMAC, keyed before", move || -> [u8; 32] {
        keyed.clone().chain_update(black_box(text.as_bytes())).finalize().into_bytes().into()
    })
}

/// Returns the text that the mac of a token request covers.
fn canonical() -> String {
    let (key, nonce) = (inputs::key(), inputs::nonce());
    let fields = inputs::fields(&key, &nonce);
    let (ttl, capability, client_id) = (fields.ttl.unwrap(), fields.capability.unwrap(), fields.client_id.unwrap());
    let text = format!("{}\n{ttl}\n{capability}\n{client_id}\n{}\n{nonce}\n", fields.key_name, fields.timestamp);
    assert_eq!(text.len(), 124);
    text
}

/// Signs the fields of a token request, and writes its JSON.
fn sign_fields(name: &'static str) -> Work {
    let key = inputs::key();
    let signer = key.signer();
    let mut buffer = [0; 512];
    Work::new(name, move || {
        let nonce = Nonce::from_random(black_box(&inputs::RANDOM));
        let fields = black_box(inputs::fields(&key, &nonce));
        let mac = signer.sign(&fields).unwrap();
        fields.json_into(&mac, &mut buffer).unwrap().len()
    })
}

pub fn sign() -> Row {
    Row {
        work: "sign a token request, write its JSON",
        ours: sign_fields(""),
        others: vec![(raw(&canonical()), Reach::Floor(Some(2.0)))],
    }
}

/// Returns a benchmark of signing `TokenParams`, whose request is then written.
fn signed_params<T>(mut write: impl FnMut(TokenRequest) -> T + 'static) -> Work {
    let (key, params) = (inputs::key(), inputs::params());
    let signer = key.signer();
    Work::new("", move || {
        let nonce = Nonce::from_random(black_box(&inputs::RANDOM));
        let request = TokenRequest::sign_with(&signer, key.key_name(), black_box(&params), inputs::NOW, nonce);
        write(request.unwrap())
    })
}

pub fn sign_params() -> Row {
    let mut buffer = [0; 512];
    Row {
        work: "the same of `TokenParams`",
        ours: signed_params(move |request| request.json_into(&mut buffer).unwrap().len()),
        others: vec![
            (raw(&canonical()), Reach::Floor(None)),
            (sign_fields("the same of fields"), Reach::Floor(Some(1.3))),
        ],
    }
}

pub fn sign_params_with_serde() -> Row {
    Row {
        work: "the same of `TokenParams`, through serde",
        ours: signed_params(|request| serde_json::to_string(&request).unwrap()),
        others: vec![(raw(&canonical()), Reach::Floor(None))],
    }
}

#[derive(Deserialize, Serialize)]
struct Claims {
    iat: u64,
    exp: u64,
    #[serde(rename = "x-ably-capability")]
    capability: String,
    #[serde(rename = "x-ably-clientId")]
    client_id: String,
}

/// Returns the JWT, and the part that its mac covers.
fn minted() -> (String, String) {
    let key = inputs::key();
    let jwt = inputs::jwt_fields(&key).mint(&key.signer()).unwrap().expose().to_owned();
    assert_eq!(jwt.len(), 325);
    let signed = jwt.rsplit_once('.').unwrap().0.to_owned();
    (jwt, signed)
}

fn peers_mint() -> Work {
    let key = inputs::key();
    let encoding = EncodingKey::from_secret(key.secret().expose().as_bytes());
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some(key.key_name().to_string());
    let fields = inputs::jwt_fields(&key);
    let iat = fields.issued.as_millis() / 1000;
    let claims = Claims {
        iat,
        exp: iat + fields.ttl.as_millis() / 1000,
        capability: fields.capability.unwrap().into(),
        client_id: fields.client_id.unwrap().into(),
    };
    let mint = move || jsonwebtoken::encode(&header, black_box(&claims), &encoding).unwrap();
    assert_eq!(mint().len(), minted().0.len());
    Work::new("jsonwebtoken 11 (rust_crypto)", mint)
}

fn mint_fields(name: &'static str) -> Work {
    let key = inputs::key();
    let signer = key.signer();
    Work::new(name, move || black_box(inputs::jwt_fields(&key)).mint(&signer).unwrap())
}

pub fn mint() -> Row {
    Row {
        work: "mint a JWT of 325 characters",
        ours: mint_fields(""),
        others: vec![(raw(&minted().1), Reach::Floor(Some(2.0))), (peers_mint(), Reach::Peer(Some(1.8)))],
    }
}

pub fn mint_params() -> Row {
    let (key, params) = (inputs::key(), inputs::jwt_params());
    let signer = key.signer();
    let ours = move || jwt::mint_with(&signer, key.key_name(), black_box(&params), inputs::NOW).unwrap();
    assert_eq!(ours().expose(), minted().0);
    Row {
        work: "the same of `TokenParams`",
        ours: Work::new("", ours),
        others: vec![
            (raw(&minted().1), Reach::Floor(None)),
            (mint_fields("the same of fields"), Reach::Floor(Some(1.2))),
            (peers_mint(), Reach::Peer(None)),
        ],
    }
}

pub fn verify() -> Row {
    let (token, signed) = minted();
    let key = inputs::key();
    let signer = key.signer();
    let ours = {
        let token = token.clone();
        move || {
            let unverified = UnverifiedJwt::parse(black_box(&token)).unwrap();
            unverified.verify(&signer, inputs::NOW, Duration::ZERO).unwrap()
        }
    };
    assert_eq!(ours().claims().capability_text(), inputs::jwt_fields(&inputs::key()).capability);

    let decoding = DecodingKey::from_secret(key.secret().expose().as_bytes());
    let mut validation = Validation::new(Algorithm::HS256);
    validation.leeway = 0;
    // The validation would read the clock, by which this token has long expired.
    validation.validate_exp = false;
    let peers = move || jsonwebtoken::decode::<Claims>(black_box(&token), &decoding, &validation).unwrap();
    assert_eq!(peers().claims.client_id, inputs::jwt_fields(&inputs::key()).client_id.unwrap());
    Row {
        work: "verify that JWT, its claims read",
        ours: Work::new("", ours),
        others: vec![
            (raw(&signed), Reach::Floor(Some(2.5))),
            (Work::new("jsonwebtoken 11 (rust_crypto)", peers), Reach::Peer(Some(3.5))),
        ],
    }
}
