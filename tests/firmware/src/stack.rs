//! How deep the stack has been: paint what is unused, work, and see how much of the paint is left.

const PAINT: u32 = 0xc5c5_c5c5;

unsafe extern "C" {
    /// Where the stack may grow to: the end of the static memory, as there is no heap.
    static mut __sheap: u32;
    /// Where it starts, at the end of RAM.
    static mut _stack_start: u32;
}

/// Does the work and gives the deepest that the stack has been, in bytes from the end of RAM.
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
        // SAFETY: between the static memory and the stack pointer there is RAM that nobody uses.
        unsafe {
            word.write_volatile(PAINT);
            word = word.add(1);
        }
    }
    let result = work();
    let mut word = lowest;
    // SAFETY: as above; below the stack pointer stands what `work` left behind, or paint.
    while word.addr() < now && unsafe { word.read_volatile() } == PAINT {
        word = word.wrapping_add(1);
    }
    (result, start - word.addr())
}
