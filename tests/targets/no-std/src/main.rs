//! Calls the library as C would. The exit status is 0 if the mac is correct.

#![no_std]
#![no_main]

// The C library has the host's start-up code, which calls `main`.
#[link(name = "c")]
unsafe extern "C" {}

#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    let key = "app.key:secret";
    // Computed with Python's hmac and base64.
    let expected = b"1Py5dJH1mtXW66Y+iir+xpFoaGctRBlbINNQffAC2P0=";
    let mut mac = [0; 44];
    let status = unsafe { no_std_probe::probe_sign(key.as_ptr(), key.len(), &mut mac) };
    i32::from(status != 0 || mac != *expected)
}

/// Defines the symbol that the host's precompiled core library needs for unwinding. Nothing here unwinds.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
