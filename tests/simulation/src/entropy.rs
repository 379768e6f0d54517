//! Random numbers that depend on the seed alone, for the product and for the hash tables of the standard library.
#![allow(unsafe_code, reason = "the symbol of the C library is replaced")]

use std::cell::RefCell;
use std::fs::File;
use std::io::Read as _;
use std::slice;

use fastrand::Rng;

thread_local! {
    static NUMBERS: RefCell<Option<Rng>> = const { RefCell::new(None) };
}

/// Seeds the random numbers of this thread.
pub fn seed(seed: u64) {
    NUMBERS.set(Some(Rng::with_seed(seed)));
}

/// Replaces the function of the C library, from which the standard library and the product read random numbers. On a
/// thread without a seed, returns numbers of the system.
#[unsafe(no_mangle)]
extern "C" fn getrandom(buffer: *mut u8, length: usize, _flags: u32) -> isize {
    // SAFETY: the caller owns `length` writable bytes at `buffer`, as the C function demands.
    let buffer = unsafe { slice::from_raw_parts_mut(buffer, length) };
    let filled = NUMBERS.try_with(|numbers| match &mut *numbers.borrow_mut() {
        Some(numbers) => {
            numbers.fill(buffer);
            true
        }
        None => false,
    });
    if !filled.unwrap_or(false) && File::open("/dev/urandom").and_then(|mut file| file.read_exact(buffer)).is_err() {
        return -1;
    }
    length as isize
}
