//! Core in a program without std, with its own panic handler and a C interface. If any dependency of core linked std,
//! this would have two panic handlers and would not build.

#![no_std]

#[cfg(feature = "alloc")]
mod arena;

use core::panic::PanicInfo;

use ably_auth_core::{ApiKeyRef, Error, Mac, Timestamp, TokenRequestFields, Ttl};

/// Signs a token request of fixed values with the key in `key[..key_len]`, and writes the mac in base64. Returns 0, or
/// 1 if the key is invalid.
///
/// # Safety
/// `key` must be readable for `key_len` bytes, and `mac` writable for 44.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn probe_sign(key: *const u8, key_len: usize, mac: *mut [u8; Mac::BASE64_LEN]) -> i32 {
    let key = unsafe { core::slice::from_raw_parts(key, key_len) };
    let Ok(signed) = core::str::from_utf8(key).map_err(drop).and_then(|key| sign(key).map_err(drop)) else { return 1 };
    unsafe { mac.write(signed.to_base64()) };
    0
}

fn sign(text: &str) -> Result<Mac, Error> {
    let key = ApiKeyRef::parse(text)?;
    #[cfg(not(feature = "alloc"))]
    let signer = key.signer();
    // A key that owns its text uses the allocator.
    #[cfg(feature = "alloc")]
    let signer = ably_auth_core::ApiKey::parse(text)?.signer();
    signer.sign(&TokenRequestFields {
        key_name: key.key_name(),
        ttl: Some(Ttl::DEFAULT),
        capability: Some(r#"{"chat":["publish"]}"#),
        client_id: Some("bob"),
        timestamp: Timestamp::from_millis(1_449_746_287_318),
        nonce: "9000000830710428",
    })
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}
