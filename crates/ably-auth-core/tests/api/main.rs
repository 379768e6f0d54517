//! Tests of `ably-auth-core`: keys, capabilities, signing and the types of the wire.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests break")]

mod jwt_hmac;
mod jwt_support;
mod oracle;
mod oracle_algebra;
mod support;
mod vectors;

mod algebra_cases;
mod algebra_laws;
mod algebra_names;
mod algebra_order;
mod asking;
mod capability_errors;
mod capability_text;
mod capability_vectors;
mod conversions;
mod credential_vectors;
mod credentials;
mod equivalences;
mod error_info;
mod explanations;
mod intersection_work;
mod json_vectors;
mod json_without_heap;
mod jwt_claims;
mod jwt_embedded;
mod jwt_malformed;
mod jwt_minting;
mod jwt_properties;
mod jwt_rfcs;
mod jwt_text;
mod jwt_times;
mod jwt_vectors;
mod operations;
mod redaction;
mod revocation;
mod tampering;
mod token_details;
mod token_params;
mod token_request_json;
mod token_request_vectors;
