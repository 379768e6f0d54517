//! The checks as `checks.mjs` calls them.

use core::panic::PanicInfo;

use crate::checks::ALL;

/// How many there are.
#[unsafe(no_mangle)]
extern "C" fn count() -> usize {
    ALL.len()
}

/// Whether this one is right.
#[unsafe(no_mangle)]
extern "C" fn run(check: usize) -> bool {
    ALL.get(check).is_some_and(|check| (check.run)())
}

/// Where the name of this one is.
#[unsafe(no_mangle)]
extern "C" fn name(check: usize) -> *const u8 {
    ALL.get(check).map_or(core::ptr::null(), |check| check.name.as_ptr())
}

/// How long the name of this one is.
#[unsafe(no_mangle)]
extern "C" fn name_length(check: usize) -> usize {
    ALL.get(check).map_or(0, |check| check.name.len())
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
