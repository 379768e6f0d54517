//! The status that each function returns.

use std::ffi::c_char;

use ably_auth_core::ErrorKind;

/// The outcome of a call. `AblyAuthError` says more.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AblyAuthStatus {
    /// The call succeeded.
    Ok = 0,
    /// A pointer that is required is NULL, or a length is larger than any memory.
    InvalidArgument = 1,
    /// A text is not UTF-8.
    NotUtf8 = 2,
    /// The buffer is too small; `*length` has the number of bytes that are needed.
    BufferTooSmall = 3,
    /// The key is invalid.
    InvalidKey = 4,
    /// The clientId is invalid.
    InvalidClientId = 5,
    /// The nonce is invalid.
    InvalidNonce = 6,
    /// The ttl is out of range.
    InvalidTtl = 7,
    /// The timestamp is out of range.
    InvalidTimestamp = 8,
    /// The capability is invalid.
    InvalidCapability = 9,
    /// The JWT would be invalid, for example too long.
    InvalidJwt = 10,
    /// The library has an error; please report it.
    Internal = 11,
}

impl AblyAuthStatus {
    const ALL: [Self; 12] = [
        Self::Ok,
        Self::InvalidArgument,
        Self::NotUtf8,
        Self::BufferTooSmall,
        Self::InvalidKey,
        Self::InvalidClientId,
        Self::InvalidNonce,
        Self::InvalidTtl,
        Self::InvalidTimestamp,
        Self::InvalidCapability,
        Self::InvalidJwt,
        Self::Internal,
    ];

    pub(crate) const fn of(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Key => Self::InvalidKey,
            ErrorKind::ClientId => Self::InvalidClientId,
            ErrorKind::Nonce => Self::InvalidNonce,
            ErrorKind::Ttl => Self::InvalidTtl,
            ErrorKind::Timestamp => Self::InvalidTimestamp,
            ErrorKind::Capability => Self::InvalidCapability,
            ErrorKind::Jwt | ErrorKind::JwtExpired => Self::InvalidJwt,
            ErrorKind::Buffer => Self::BufferTooSmall,
            _ => Self::Internal,
        }
    }

    /// Returns a description that ends with NUL.
    pub(crate) const fn message(self) -> &'static str {
        match self {
            Self::Ok => "the call succeeded\0",
            Self::InvalidArgument => "a required pointer is NULL, or a length is out of range\0",
            Self::NotUtf8 => "a text is not UTF-8\0",
            Self::BufferTooSmall => "the buffer is too small; `*length` has the needed size\0",
            Self::InvalidKey => "the key is invalid; a key has the form `appId.keyId:secret`\0",
            Self::InvalidClientId => "the clientId is invalid\0",
            Self::InvalidNonce => "the nonce is invalid; give at least 16 random characters\0",
            Self::InvalidTtl => "the ttl is out of range; give at most 24 hours in milliseconds\0",
            Self::InvalidTimestamp => "the timestamp is out of range; give milliseconds since 1970\0",
            Self::InvalidCapability => "the capability is invalid\0",
            Self::InvalidJwt => "the JWT would be invalid\0",
            Self::Internal => "the library has an error; please report it\0",
        }
    }
}

/// Returns a description of a status, which ends with NUL and is never freed. An unknown number has a description too.
#[unsafe(no_mangle)]
pub extern "C" fn ably_auth_status_message(status: i32) -> *const c_char {
    // A number, because a value that an enum of Rust does not have would be undefined behaviour.
    let known = AblyAuthStatus::ALL.into_iter().find(|known| *known as i32 == status);
    known.map_or("unknown status\0", AblyAuthStatus::message).as_ptr().cast()
}
