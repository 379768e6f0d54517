//! Errors: what a call reports in addition to its status.

use std::ffi::c_char;

use crate::pointers;
use crate::status::AblyAuthStatus;

/// The size of the message of an error, with its NUL.
pub const ABLY_AUTH_MESSAGE_BYTES: usize = 256;

/// The details of an error. Each function takes a pointer to one, or NULL. A call that succeeds clears it.
#[repr(C)]
pub struct AblyAuthError {
    /// The code that Ably uses for the error, such as 40005, or 0 if it has none.
    pub code: u32,
    /// The offset in the invalid text at which the problem starts, in bytes, or `SIZE_MAX` if it is not known.
    pub place: usize,
    /// The reason: what is invalid, where, and what to do. It is UTF-8 and ends with NUL; a longer one is cut. It shows no secret.
    pub message: [c_char; 256],
}

// A number in the struct spares readers of the header a preprocessor.
const _: () = assert!(size_of::<[c_char; 256]>() == ABLY_AUTH_MESSAGE_BYTES);

/// The reason why a call fails.
pub(crate) enum Fault {
    /// An argument is NULL, or its length is out of range.
    Argument {
        name: &'static str,
    },
    NotUtf8 {
        name: &'static str,
        place: usize,
    },
    BufferTooSmall {
        needed: usize,
    },
    Core(ably_auth_core::Error),
    Internal,
}

impl Fault {
    pub(crate) const fn argument(name: &'static str) -> Self {
        Self::Argument { name }
    }

    fn status(&self) -> AblyAuthStatus {
        match self {
            Self::Argument { .. } => AblyAuthStatus::InvalidArgument,
            Self::NotUtf8 { .. } => AblyAuthStatus::NotUtf8,
            Self::BufferTooSmall { .. } => AblyAuthStatus::BufferTooSmall,
            Self::Core(error) => AblyAuthStatus::of(error.kind()),
            Self::Internal => AblyAuthStatus::Internal,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Argument { name } => {
                format!("`{name}` is NULL, or its length is out of range; give a pointer and its length")
            }
            Self::NotUtf8 { name, place } => format!("`{name}` is not UTF-8 (byte {place}); convert it to UTF-8"),
            Self::BufferTooSmall { needed } => {
                format!("buffer is too small (needs {needed} bytes); give a buffer of that size")
            }
            Self::Core(error) => error.to_string(),
            Self::Internal => "the library has an error; please report it".into(),
        }
    }

    fn details(&self) -> AblyAuthError {
        let (code, place) = match self {
            Self::Core(error) => (error.ably_code().as_u32(), error.offset()),
            Self::NotUtf8 { place, .. } => (0, Some(*place)),
            _ => (0, None),
        };
        AblyAuthError { code, place: place.unwrap_or(usize::MAX), message: fixed(&self.message()) }
    }
}

impl From<ably_auth_core::Error> for Fault {
    fn from(error: ably_auth_core::Error) -> Self {
        Self::Core(error)
    }
}

/// Copies a text, cut after a whole character, with a NUL at the end. A NUL in the text becomes a space.
fn fixed(text: &str) -> [c_char; ABLY_AUTH_MESSAGE_BYTES] {
    let mut end = text.len().min(ABLY_AUTH_MESSAGE_BYTES - 1);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut message = [0; ABLY_AUTH_MESSAGE_BYTES];
    for (to, byte) in message.iter_mut().zip(text.bytes().take(end)) {
        *to = c_char::from_ne_bytes([if byte == 0 { b' ' } else { byte }]);
    }
    message
}

/// Writes the details, and returns the status.
///
/// # Safety
/// `error` must be NULL or valid for writes.
pub(crate) unsafe fn finish(error: *mut AblyAuthError, outcome: Result<(), Fault>) -> AblyAuthStatus {
    let details = match &outcome {
        Ok(()) => AblyAuthError { code: 0, place: usize::MAX, message: [0; ABLY_AUTH_MESSAGE_BYTES] },
        Err(fault) => fault.details(),
    };
    // SAFETY: the caller promises that it is NULL or valid.
    unsafe { pointers::write(error, details) };
    outcome.map_or_else(|fault| fault.status(), |()| AblyAuthStatus::Ok)
}
