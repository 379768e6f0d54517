//! The C interface of `ably-auth-core`. `include/ably_auth.h` is generated from this crate, with its comments.

mod error;
mod pointers;
mod status;

use std::ffi::c_char;
use std::panic::{self, AssertUnwindSafe};

use ably_auth_core::capability::text_permits;
use ably_auth_core::{ApiKey, ApiKeyRef, Capability, JwtFields, Nonce, Timestamp, TokenRequestFields, Ttl};

use error::Fault;
use pointers::{Output, Text};

pub use error::AblyAuthError;
pub use status::{AblyAuthStatus, ably_auth_status_message};

/// The properties of a token. All zero, it requests a token without an identity, for one hour, with all rights of the key.
#[repr(C)]
pub struct AblyAuthTokenParams {
    /// The JSON text of the capability. It is parsed strictly, and signed in its canonical form. NULL gives the token all
    /// rights of the key.
    pub capability: *const c_char,
    /// The length of `capability` in bytes.
    pub capability_len: usize,
    /// The identity, `*` for any. NULL gives none.
    pub client_id: *const c_char,
    /// The length of `client_id` in bytes.
    pub client_id_len: usize,
    /// The lifetime in milliseconds, at most 24 hours. 0 is the default of one hour.
    pub ttl_ms: u64,
    /// The current time, in milliseconds since 1970.
    pub timestamp_ms: u64,
}

/// Returns the version of the library, which ends with NUL.
#[unsafe(no_mangle)]
pub extern "C" fn ably_auth_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// Checks the text of a key, `appId.keyId:secret`. The public name, `appId.keyId`, is the beginning of the text:
/// `*name_len` is set to its length.
///
/// # Safety
/// `key` must point to `key_len` bytes. `name_len` and `error` must be NULL or point to their types.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ably_auth_key_check(
    key: *const c_char,
    key_len: usize,
    name_len: *mut usize,
    error: *mut AblyAuthError,
) -> AblyAuthStatus {
    // SAFETY: the caller promises the same.
    let key = unsafe { Text::new(key, key_len) };
    let checked = guard(|| Ok(ApiKeyRef::parse(key.required("key")?)?.key_name().len()));
    // SAFETY: the caller promises that both are NULL or point to their types.
    unsafe {
        pointers::write(name_len, *checked.as_ref().unwrap_or(&0));
        error::finish(error, checked.map(drop))
    }
}

/// Makes a nonce of 32 characters from 16 random bytes. Take the bytes from the system, for example from `getrandom(2)`.
///
/// # Safety
/// `random` must point to 16 bytes, `nonce` to 32 bytes. `error` must be NULL or point to its type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ably_auth_nonce(
    random: *const u8,
    nonce: *mut c_char,
    error: *mut AblyAuthError,
) -> AblyAuthStatus {
    // SAFETY: the caller promises that `random` points to 16 bytes and `nonce` to 32.
    let (random, nonce) = unsafe { (Text::new(random.cast(), 16), Output::new(nonce, 32, std::ptr::null_mut())) };
    let made = guard(|| {
        let random = random.bytes("random")?.and_then(|bytes| bytes.first_chunk()).ok_or(Fault::argument("random"))?;
        nonce.write(Nonce::from_random(random).as_str(), "nonce")
    });
    // SAFETY: the caller promises that `error` is NULL or points to its type.
    unsafe { error::finish(error, made) }
}

/// Signs a token request, and writes its JSON into `buffer`, without a NUL at the end. A client sends it to
/// `POST /keys/<name of the key>/requestToken`, which each Ably SDK does by itself.
///
/// `*length` is set to the length of the JSON. If `capacity` is less than that, nothing is written, and the status is
/// `ABLY_AUTH_STATUS_BUFFER_TOO_SMALL`; so a call with a `capacity` of 0 asks for the length.
///
/// # Safety
/// `key` must point to `key_len` bytes, `nonce` to `nonce_len` bytes, the texts of `params` to as many bytes as it says, and
/// `buffer` to `capacity` bytes. `length` and `error` must be NULL or point to their types.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ably_auth_sign_token_request(
    key: *const c_char,
    key_len: usize,
    params: *const AblyAuthTokenParams,
    nonce: *const c_char,
    nonce_len: usize,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
    error: *mut AblyAuthError,
) -> AblyAuthStatus {
    // SAFETY: the caller promises the lengths of all texts.
    let (key, nonce, params) = unsafe { (Text::new(key, key_len), Text::new(nonce, nonce_len), Params::read(params)) };
    // SAFETY: the caller promises the size of the buffer, and that `length` is NULL or points to its type.
    let output = unsafe { Output::new(buffer, capacity, length) };
    let signed = guard(|| {
        let key = ApiKeyRef::parse(key.required("key")?)?;
        let params = params.as_ref().ok_or(Fault::argument("params"))?;
        let capability = params.capability()?;
        let fields = TokenRequestFields {
            key_name: key.key_name(),
            ttl: params.ttl()?,
            capability: capability.as_deref(),
            client_id: params.client_id.optional("client_id")?,
            timestamp: params.timestamp,
            nonce: nonce.required("nonce")?,
        };
        let mac = key.signer().sign(&fields)?;
        let mut json = String::new();
        fields.write_json(&mac, &mut json).map_err(|_| Fault::Internal)?;
        output.write(&json, "buffer")
    });
    // SAFETY: the caller promises that `error` is NULL or points to its type.
    unsafe { error::finish(error, signed) }
}

/// Mints a JWT that a client uses as a token, and writes it into `buffer`, without a NUL at the end.
///
/// `*length` is set as in `ably_auth_sign_token_request`.
///
/// # Safety
/// `key` must point to `key_len` bytes, the texts of `params` to as many bytes as it says, and `buffer` to `capacity` bytes.
/// `length` and `error` must be NULL or point to their types.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ably_auth_mint_jwt(
    key: *const c_char,
    key_len: usize,
    params: *const AblyAuthTokenParams,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
    error: *mut AblyAuthError,
) -> AblyAuthStatus {
    // SAFETY: the caller promises the lengths of all texts.
    let (key, params) = unsafe { (Text::new(key, key_len), Params::read(params)) };
    // SAFETY: the caller promises the size of the buffer, and that `length` is NULL or points to its type.
    let output = unsafe { Output::new(buffer, capacity, length) };
    let minted = guard(|| {
        let key = ApiKey::parse(key.required("key")?)?;
        let params = params.as_ref().ok_or(Fault::argument("params"))?;
        let capability = params.capability()?;
        let fields = JwtFields {
            capability: capability.as_deref(),
            client_id: params.client_id.optional("client_id")?,
            ..JwtFields::new(key.key_name().as_str(), params.timestamp, params.ttl()?.unwrap_or(Ttl::DEFAULT))
        };
        output.write(fields.mint(&key.signer())?.expose(), "buffer")
    });
    // SAFETY: the caller promises that `error` is NULL or points to its type.
    unsafe { error::finish(error, minted) }
}

/// Checks whether the capability of a token permits an operation on a channel, and sets `*permitted`.
///
/// The capability is JSON text, which is parsed leniently: an operation that only a newer service knows is no error. If the
/// status is not `ABLY_AUTH_STATUS_OK`, `*permitted` is false.
///
/// # Safety
/// `capability`, `operation` and `channel` must each point to as many bytes as its length says, and `permitted` to a `bool`.
/// `error` must be NULL or point to its type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ably_auth_permits(
    capability: *const c_char,
    capability_len: usize,
    operation: *const c_char,
    operation_len: usize,
    channel: *const c_char,
    channel_len: usize,
    permitted: *mut bool,
    error: *mut AblyAuthError,
) -> AblyAuthStatus {
    // SAFETY: the caller promises the lengths of all texts.
    let [capability, operation, channel] = unsafe {
        [Text::new(capability, capability_len), Text::new(operation, operation_len), Text::new(channel, channel_len)]
    };
    let answer = guard(|| {
        if permitted.is_null() {
            return Err(Fault::argument("permitted"));
        }
        let (operation, channel) = (operation.required("operation")?, channel.required("channel")?);
        Ok(text_permits(capability.required("capability")?, channel, operation)?)
    });
    // SAFETY: the caller promises that `permitted` is NULL or points to a `bool`, and `error` to its type.
    unsafe {
        pointers::write(permitted, *answer.as_ref().unwrap_or(&false));
        error::finish(error, answer.map(drop))
    }
}

/// The params of a token, with their texts.
struct Params<'a> {
    capability: Text<'a>,
    client_id: Text<'a>,
    ttl_ms: u64,
    timestamp: Timestamp,
}

impl Params<'_> {
    /// Reads params, or returns `None` for NULL.
    ///
    /// # Safety
    /// The pointer must be NULL, or point to params whose texts have the lengths that they say.
    unsafe fn read(params: *const AblyAuthTokenParams) -> Option<Self> {
        // SAFETY: the caller promises that it is NULL or valid.
        let params = unsafe { params.as_ref() }?;
        // SAFETY: the caller promises the length.
        let capability = unsafe { Text::new(params.capability, params.capability_len) };
        // SAFETY: the caller promises the length.
        let client_id = unsafe { Text::new(params.client_id, params.client_id_len) };
        let timestamp = Timestamp::from_millis(params.timestamp_ms);
        Some(Self { capability, client_id, ttl_ms: params.ttl_ms, timestamp })
    }

    /// Returns the canonical text of the capability.
    fn capability(&self) -> Result<Option<String>, Fault> {
        let Some(text) = self.capability.optional("capability")? else { return Ok(None) };
        Ok(Some(Capability::parse_strict(text)?.to_string()))
    }

    fn ttl(&self) -> Result<Option<Ttl>, Fault> {
        if self.ttl_ms == 0 { Ok(None) } else { Ok(Some(Ttl::from_millis(self.ttl_ms)?)) }
    }
}

/// Runs a function, and turns a panic into a fault: unwinding into C would abort the program.
fn guard<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Fault::Internal))
}
