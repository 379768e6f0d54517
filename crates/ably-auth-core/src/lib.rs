//! Ably authentication without std: API keys, token requests, JWTs and capabilities, down to machines without a heap.
//!
//! This is the part of authentication that is computation alone. It signs and verifies token requests, mints and verifies
//! JWTs, and says what a capability permits and what two have in common. There is no clock in it, no source of random
//! numbers and no I/O: time and randomness are arguments. So the same code runs on a microcontroller, in a browser and in a
//! token service, and a test needs no waiting.
//!
//! | to | take | in the tier |
//! | --- | --- | --- |
//! | sign a token request | [`TokenRequestFields`] and a [`Signer`] | no feature |
//! | mint a JWT | [`JwtFields::mint_into`] | no feature |
//! | ask a capability's text | [`capability::text_permits`] | no feature |
//! | sign and verify token requests as values | [`TokenRequest`] | `alloc` |
//! | verify a JWT | [`UnverifiedJwt`] | `alloc` |
//! | ask, intersect, compare and explain capabilities | [`Capability`] | `alloc` |
//! | read and write what travels as JSON | [`TokenRequest`], [`TokenDetails`], [`RevokeTokensRequest`], [`ErrorInfo`] | `serde` |
//!
//! What sends requests, holds tokens and renews them stands on top of this:
//! [`ably-auth-reqwest`](https://docs.rs/ably-auth-reqwest) for async code,
//! [`ably-auth-blocking`](https://docs.rs/ably-auth-blocking) for code that blocks, and
//! [`ably-auth`](https://docs.rs/ably-auth) for a transport of your own.
//!
//! # Tiers
//!
//! Features are additive, and each is a tier: it adds to the one below, and changes nothing there. `std` and `serde` are on
//! by default; firmware says `default-features = false`.
//!
//! ## No feature
//!
//! No allocator is linked, let alone called. [`ApiKeyRef`] parses a key where it lies; a [`Signer`], keyed
//! once, makes the [`Mac`] of [`TokenRequestFields`] or a JWT of [`JwtFields`], and writes JSON and JWT into a buffer of
//! yours; [`capability::text_permits`] asks a capability as it stands in a token. [`Timestamp`], [`Ttl`],
//! [`Operation`], [`Error`] and [`ErrorCode`] are here as well. It brings base64, hmac, sha2, subtle and zeroize, each
//! without std.
//!
//! ## `alloc`
//!
//! Adds the types that own their text, and what is verified: [`ApiKey`] and [`KeyName`], [`ClientId`],
//! [`Nonce`], [`TokenParams`], [`TokenRequest`], [`Token`], [`UnverifiedJwt`], and [`Capability`] with its algebra and its
//! [`capability::Matcher`]. An [`Error`] then also shows the piece of input that was wrong, where that is public.
//! It needs a global allocator, and brings no dependency.
//!
//! ## `serde`
//!
//! Adds the wire: [`TokenRequest`] and [`Capability`] are read and written, and [`TokenDetails`],
//! [`ErrorInfo`], [`RevokeTokensRequest`] and what comes of one are here. It turns on `alloc`, and brings serde and
//! serde_json.
//!
//! ## `std`
//!
//! Turns on `alloc`, and has nothing of its own today. It is there so that what only std can do may be added
//! without breaking anybody.
//!
//! # Sign a token request without a heap
//!
//! ```
//! use ably_auth_core::{ApiKeyRef, Timestamp, TokenRequestFields};
//!
//! let key = ApiKeyRef::parse("appId.keyId:secret")?;
//! let signer = key.signer(); // does the keying, once for any number of requests
//! let request = TokenRequestFields {
//!     key_name: key.key_name(),
//!     ttl: None, // leaves it to the service
//!     capability: Some(r#"{"sensors:attic":["publish"]}"#),
//!     client_id: Some("sensor-1"),
//!     timestamp: Timestamp::from_millis(1_449_746_287_318), // by your clock
//!     nonce: "9000000830710428",                            // from your source of random numbers
//! };
//! let mac = signer.sign(&request)?;
//!
//! let mut buffer = [0; 256];
//! let body = request.json_into(&mac, &mut buffer)?; // for `POST /keys/appId.keyId/requestToken`
//! assert!(body.starts_with(r#"{"keyName":"appId.keyId","capability":"{\"sensors:attic\":[\"publish\"]}""#));
//! # Ok::<(), ably_auth_core::Error>(())
//! ```
//!
//! # Mint and verify a JWT
//!
//! A JWT is a token that its issuer makes without asking the service. Minting one needs no heap; verifying one does.
//!
#![cfg_attr(feature = "alloc", doc = "```")]
#![cfg_attr(not(feature = "alloc"), doc = "```text")]
//! use core::time::Duration;
//! use ably_auth_core::{ApiKey, JwtFields, Timestamp, Ttl, UnverifiedJwt};
//!
//! let key = ApiKey::parse("appId.keyId:secret")?;
//! let signer = key.signer();
//! let now = Timestamp::from_millis(1_449_746_287_318);
//! let fields = JwtFields {
//!     capability: Some(r#"{"chat:*":["publish","subscribe"]}"#),
//!     client_id: Some("bob"),
//!     ..JwtFields::new(key.key_name().as_str(), now, Ttl::from_millis(60_000)?)
//! };
//! let mut buffer = [0; 512];
//! let jwt = fields.mint_into(&signer, &mut buffer)?;
//!
//! let unverified = UnverifiedJwt::parse(jwt)?;
//! assert_eq!(unverified.key_name().as_str(), "appId.keyId"); // whose key to look up
//! let verified = unverified.verify(&signer, now, Duration::ZERO)?;
//! assert!(verified.claims().client_id().permits("bob"));
//! # Ok::<(), ably_auth_core::Error>(())
//! ```
//!
//! # Check a capability
//!
//! The text alone, as it came in a token, without a heap:
//!
//! ```
//! use ably_auth_core::Operation;
//! use ably_auth_core::capability::text_permits;
//!
//! let text = r#"{"chat:*":["publish","subscribe"]}"#;
//! assert!(text_permits(text, "chat:room1", Operation::Publish)?);
//! assert!(!text_permits(text, "chat", "publish")?);
//! # Ok::<(), ably_auth_core::Error>(())
//! ```
//!
//! As a value; and, for one that is asked all day long, with a matcher:
//!
#![cfg_attr(feature = "alloc", doc = "```")]
#![cfg_attr(not(feature = "alloc"), doc = "```text")]
//! use ably_auth_core::capability::Matcher;
//! use ably_auth_core::{Capability, Operation};
//!
//! let capability: Capability = r#"{"chat:*":["publish","subscribe"]}"#.parse()?;
//! assert!(capability.permits("chat:room1", Operation::Publish));
//! let matcher = Matcher::new(&capability);
//! assert!(!matcher.permits("chat:room1", Operation::History));
//! # Ok::<(), ably_auth_core::Error>(())
//! ```
//!
//! # Reckon with capabilities
//!
//! A token gets what both its key has and its request asks for. The [module](capability) states the laws.
//!
#![cfg_attr(feature = "alloc", doc = "```")]
#![cfg_attr(not(feature = "alloc"), doc = "```text")]
//! use ably_auth_core::Capability;
//!
//! let key: Capability = r#"{"chat:*":["publish","subscribe"],"status":["subscribe"]}"#.parse()?;
//! let asked: Capability = r#"{"chat:room1":["*"],"secret":["publish"]}"#.parse()?;
//!
//! let granted = key.intersect(&asked);
//! assert_eq!(granted.to_string(), r#"{"chat:room1":["publish","subscribe"]}"#);
//! assert!(key.covers(&granted) && asked.covers(&granted) && !key.covers(&asked));
//! assert_eq!(
//!     granted.explain("chat:room1", "history").to_string(),
//!     "`history` on `chat:room1` is not permitted: `chat:room1` covers it, but has only `publish`, `subscribe`"
//! );
//! # Ok::<(), ably_auth_core::Error>(())
//! ```
//!
//! # What it promises
//!
//! - **No unsafe code and no panics.** Whatever text comes in, the answer is a value or an [`Error`] that says what is
//!   wrong, where, and what to do.
//! - **No secret is shown.** No `Debug` and no error holds a key's secret, a token or a mac. They are compared in constant
//!   time, and what owns a secret or a token wipes it when it is dropped.
//! - **What is signed is the text as it came.** A request that is to be verified is never rewritten first.
//! - **No foreign type in the API**, but serde's traits in its tier.
//! - **Rust 1.85** builds every tier.
//!
// What a tier does not have is linked to where all of it is described.
#![cfg_attr(not(feature = "alloc"), doc = include_str!("links/alloc.md"))]
#![cfg_attr(not(feature = "serde"), doc = include_str!("links/serde.md"))]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![no_std]
#![warn(clippy::arithmetic_side_effects)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod canonical;
pub mod capability;
mod client_id;
mod error;
mod error_code;
mod json_text;
pub mod jwt;
mod key;
mod nonce;
mod scan;
mod signing;
mod time;

#[cfg(feature = "alloc")]
mod header_text;
#[cfg(feature = "alloc")]
mod secret;
#[cfg(feature = "alloc")]
mod token_params;
#[cfg(feature = "alloc")]
mod token_request;

#[cfg(feature = "serde")]
mod error_info;
#[cfg(feature = "serde")]
mod printable;
#[cfg(feature = "serde")]
mod redaction;
#[cfg(feature = "serde")]
mod revocation;
#[cfg(feature = "serde")]
mod token_details;
#[cfg(feature = "serde")]
mod wire;

pub use capability::Operation;
pub use error::{Error, ErrorKind};
pub use error_code::ErrorCode;
pub use jwt::JwtFields;
pub use key::ApiKeyRef;
pub use signing::{Mac, Signer, TokenRequestFields};
pub use time::{Timestamp, Ttl};

#[cfg(feature = "alloc")]
pub use {
    capability::Capability,
    client_id::{ClientId, Identity},
    jwt::{JwtClaims, UnverifiedJwt, VerifiedJwt},
    key::{ApiKey, KeyName},
    nonce::Nonce,
    secret::{KeySecret, Token},
    token_params::TokenParams,
    token_request::{TokenRequest, VerifiedTokenRequest},
};

#[cfg(feature = "serde")]
pub use {
    error_info::{ErrorEnvelope, ErrorInfo},
    printable::PrintableText,
    revocation::{
        BatchResult, RevokeTokensRequest, TokenRevocationFailureResult, TokenRevocationResult,
        TokenRevocationSuccessResult, TokenRevocationTargetSpecifier,
    },
    token_details::TokenDetails,
};

/// Runs the README's examples.
#[cfg(all(doctest, feature = "alloc"))]
#[doc = include_str!("../README.md")]
struct Readme;
