//! The libraries that `sign` needs at least: HMAC-SHA-256 and base64, with the signed text as a constant.

#![no_std]
#![no_main]

use core::hint::black_box;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use firmware::answers::{MAC, SECRET, SIGNED_TEXT};
use firmware::semihosting::exit;
use hmac::{Hmac, KeyInit, Mac as _};
use sha2::Sha256;

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    exit(mac(black_box(SECRET), black_box(SIGNED_TEXT)).is_some_and(|mac| mac == *MAC.as_bytes()))
}

fn mac(secret: &str, text: &str) -> Option<[u8; 44]> {
    let mut hmac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    hmac.update(text.as_bytes());
    let mut base64 = [0; 44];
    STANDARD.encode_slice(hmac.finalize().into_bytes(), &mut base64).ok()?;
    Some(base64)
}
