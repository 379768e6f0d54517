//! The native module of the Python package `ably-capability`: the capabilities, token requests and JWTs of `ably-auth-core`.
//!
//! Nothing here decides: each function reads its arguments, calls the core, and converts the result. The clock is Python's
//! `time`, and random numbers come from `os.urandom`, so that a program's tests can replace them.

mod arguments;
mod capability;
mod error;
mod explanation;
mod jwt;
mod key;
mod token_request;

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use crate::capability::{Capability, restore_capability};
    #[pymodule_export]
    use crate::explanation::Explanation;
    #[pymodule_export]
    use crate::jwt::{Jwt, JwtClaims, inspect_jwt, mint_jwt, verify_jwt};
    #[pymodule_export]
    use crate::key::ApiKey;
    #[pymodule_export]
    use crate::token_request::{VerifiedTokenRequest, sign_token_request, verify_token_request};
}
