//! The smallest useful image: it parses a key, signs a token request, and encodes the mac in base64.

#![no_std]
#![no_main]

use firmware::checks::signs_a_token_request;
use firmware::semihosting::exit;

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    exit(signs_a_token_request())
}
