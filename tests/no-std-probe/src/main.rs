//! Calls the library as C would, and says by its exit status whether the mac was right.

#![no_std]
#![no_main]

// For the host's start-up code, which calls `main`.
#[link(name = "c")]
unsafe extern "C" {}

#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    let key = "app.key:secret";
    // As Python's hmac and base64 make it of the same text.
    let expected = b"1Py5dJH1mtXW66Y+iir+xpFoaGctRBlbINNQffAC2P0=";
    let mut mac = [0; 44];
    let status = unsafe { no_std_probe::probe_sign(key.as_ptr(), key.len(), &mut mac) };
    i32::from(status != 0 || mac != *expected)
}

/// The host's ready-made core library can unwind and asks for this, though nothing here ever unwinds.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
