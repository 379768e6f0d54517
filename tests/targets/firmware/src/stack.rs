//! Measurement of the maximum stack depth: fill the unused stack with a pattern, run the work, and find the overwritten
//! part.

const PAINT: u32 = 0xc5c5_c5c5;

unsafe extern "C" {
    /// The limit of the stack: the end of the static memory, because there is no heap.
    static mut __sheap: u32;
    /// The start of the stack, at the end of RAM.
    static mut _stack_start: u32;
}

/// Runs `work`. Returns its result and the maximum stack depth in bytes from the end of RAM.
#[inline(never)]
pub fn measure<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let lowest = &raw mut __sheap;
    let start = (&raw mut _stack_start).addr();
    let now: usize;
    #[cfg(target_arch = "arm")]
    // SAFETY: only reads a register.
    unsafe {
        core::arch::asm!("mov {}, sp", out(reg) now);
    }
    #[cfg(target_arch = "riscv32")]
    // SAFETY: only reads a register.
    unsafe {
        core::arch::asm!("mv {}, sp", out(reg) now);
    }
    let mut word = lowest;
    while word.addr() < now {
        // SAFETY: the RAM between the static memory and the stack pointer is unused.
        unsafe {
            word.write_volatile(PAINT);
            word = word.add(1);
        }
    }
    let result = work();
    let mut word = lowest;
    // SAFETY: as above. Below the stack pointer there is only data that `work` left, or the pattern.
    while word.addr() < now && unsafe { word.read_volatile() } == PAINT {
        word = word.wrapping_add(1);
    }
    (result, start - word.addr())
}
