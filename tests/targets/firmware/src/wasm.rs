//! The functions that `checks.mjs` calls.

use core::panic::PanicInfo;

use crate::checks::ALL;

/// Returns the number of checks.
#[unsafe(no_mangle)]
extern "C" fn count() -> usize {
    ALL.len()
}

/// Runs a check, and returns true if it passes.
#[unsafe(no_mangle)]
extern "C" fn run(check: usize) -> bool {
    ALL.get(check).is_some_and(|check| (check.run)())
}

/// Returns the address of a check's name.
#[unsafe(no_mangle)]
extern "C" fn name(check: usize) -> *const u8 {
    ALL.get(check).map_or(core::ptr::null(), |check| check.name.as_ptr())
}

/// Returns the length of a check's name in bytes.
#[unsafe(no_mangle)]
extern "C" fn name_length(check: usize) -> usize {
    ALL.get(check).map_or(0, |check| check.name.len())
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
