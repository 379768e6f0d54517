//! Ably authentication without std: API keys, token requests, JWTs and capabilities, even on targets without a heap.
//!
//! This crate has the pure computations of authentication. It signs and verifies token requests, mints and verifies
//! JWTs, and checks and intersects capabilities. It has no clock, no source of random numbers and no I/O: time and
//! randomness are arguments. So the same code runs on a microcontroller, in a browser and in a token service, and tests
//! need not wait. Only the feature `std` has two functions that ask the system: for the time, and for a key.
//!
//! | task | type or function | tier |
//! | --- | --- | --- |
//! | sign a token request | [`TokenRequestFields`] and a [`Signer`] | no feature |
//! | mint a JWT | [`JwtFields::mint_into`] | no feature |
//! | check an operation against the text of a capability | [`capability::text_permits`] | no feature |
//! | sign and verify token requests as owned values | [`TokenRequest`] | `alloc` |
//! | mint and verify a JWT as owned values | `jwt::mint`, `jwt::verify` | `alloc` |
//! | verify a JWT of one of several keys | [`UnverifiedJwt`] | `alloc` |
//! | check, intersect, compare and explain capabilities | [`Capability`] | `alloc` |
//! | read and write the JSON of the wire | [`TokenRequest`], [`TokenDetails`], [`RevokeTokensRequest`], [`ErrorInfo`] | `serde` |
//! | read and write the frames of a realtime connection | `realtime::ProtocolMessage` | `serde` |
//!
//! Other crates send requests, cache tokens and renew them: [`ably-auth-reqwest`](https://docs.rs/ably-auth-reqwest)
//! for async code, [`ably-auth-blocking`](https://docs.rs/ably-auth-blocking) for blocking code, and
//! [`ably-auth`](https://docs.rs/ably-auth) for your own transport.
//!
//! # Tiers
//!
//! Features are additive. Each is a tier that adds to the tier below and changes nothing in it. `std` and `serde` are
//! on by default; firmware sets `default-features = false`.
//!
//! ## No feature
//!
//! No allocator is linked. [`ApiKeyRef`] parses a key without a copy. A [`Signer`] prepares a key once, and then makes
//! the [`Mac`] of [`TokenRequestFields`] or the signature of [`JwtFields`]. Both write their text into your buffer.
//! [`capability::text_permits`] checks the text of a capability from a token. [`Timestamp`], [`Ttl`], [`Operation`],
//! [`Error`] and [`ErrorCode`] are also in this tier. The dependencies are base64, hmac, sha2, subtle and zeroize, each
//! without std.
//!
//! ## `alloc`
//!
//! Adds the types that own their text, and verification: [`ApiKey`] and [`KeyName`], [`ClientId`], [`Nonce`],
//! [`TokenParams`], [`TokenRequest`], [`Token`], [`UnverifiedJwt`], and [`Capability`] with its algebra and its
//! [`capability::Matcher`]. An [`Error`] also shows the invalid part of the input, if that is public. This tier needs a
//! global allocator, and adds no dependency.
//!
//! ## `serde`
//!
//! Adds the wire formats: serde implementations for [`TokenRequest`] and [`Capability`], and the types
//! [`TokenDetails`], [`ErrorInfo`] and [`RevokeTokensRequest`] with its results. This tier turns on `alloc`, and adds
//! serde and serde_json.
//!
//! ## `std`
//!
//! Turns on `alloc`, and adds what asks the system: [`Timestamp::now`], conversions with
//! [`SystemTime`](https://doc.rust-lang.org/std/time/struct.SystemTime.html), and [`ApiKey::from_env`].
//!
//! # Sign a token request without a heap
//!
//! ```
//! use ably_auth_core::{ApiKeyRef, Timestamp, TokenRequestFields};
//!
//! let key = ApiKeyRef::parse("appId.keyId:secret")?;
//! let signer = key.signer(); // prepares the key once, for any number of requests
//! let request = TokenRequestFields {
//!     key_name: key.key_name(),
//!     ttl: None, // the service's default
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
//! A JWT is a token that its issuer makes without a request to the service. Minting needs no heap; verification does.
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
//! assert_eq!(unverified.key_name().as_str(), "appId.keyId"); // the key to look up
//! let verified = unverified.verify(&signer, now, Duration::ZERO)?;
//! assert!(verified.claims().client_id().permits("bob"));
//! # Ok::<(), ably_auth_core::Error>(())
//! ```
//!
//! # Check a capability
//!
//! Use the text of the capability in a token, which needs no heap:
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
//! Use a value, or a [`capability::Matcher`] for many checks of the same capability:
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
//! # Combine capabilities
//!
//! A token gets the rights that both its key and its request have. The [module](capability) states the laws.
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
//! # Guarantees
//!
//! - **No unsafe code and no panics.** For any input, the result is a value or an [`Error`] that says what is invalid,
//!   where, and what to do.
//! - **No secret is shown.** No `Debug` and no error shows a key's secret, a token or a mac. These are compared in
//!   constant time. Types that own a secret or a token wipe it when they are dropped.
//! - **Signatures cover the received text.** A received request is never rewritten before its mac is checked.
//! - **No foreign types in the API**, except serde's traits in the `serde` tier.
//! - **Rust 1.85** builds every tier.
//!
// Links to docs.rs for the items that are not in the current tier.
#![cfg_attr(not(feature = "alloc"), doc = include_str!("links/alloc.md"))]
#![cfg_attr(not(feature = "serde"), doc = include_str!("links/serde.md"))]
#![cfg_attr(not(feature = "std"), doc = include_str!("links/std.md"))]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![no_std]
#![warn(clippy::arithmetic_side_effects)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod capability;
mod credentials;
mod error;
pub mod jwt;
mod text;
mod time;
mod token_request;

#[cfg(feature = "serde")]
pub mod realtime;
#[cfg(feature = "serde")]
mod revocation;
#[cfg(feature = "serde")]
mod token_details;

pub use capability::Operation;
pub use credentials::{ApiKeyRef, Mac, Signer};
pub use error::{Error, ErrorCode, ErrorKind};
pub use jwt::JwtFields;
pub use time::{Timestamp, Ttl, parse_duration};
pub use token_request::TokenRequestFields;

#[cfg(feature = "alloc")]
pub use {
    capability::Capability,
    credentials::{ApiKey, ClientId, Identity, KeyName, KeySecret, Nonce, Token},
    jwt::{JwtClaims, UnverifiedJwt, VerifiedJwt},
    token_request::{TokenParams, TokenRequest, VerifiedTokenRequest},
};

#[cfg(feature = "serde")]
pub use {
    error::{ErrorEnvelope, ErrorInfo},
    revocation::{
        BatchResult, RevokeTokensRequest, TokenRevocationFailureResult, TokenRevocationResult,
        TokenRevocationSuccessResult, TokenRevocationTargetSpecifier,
    },
    text::printable::PrintableText,
    token_details::{TokenDetails, Validity},
};

/// Runs the README's examples.
#[cfg(all(doctest, feature = "alloc"))]
#[doc = include_str!("../README.md")]
struct Readme;
