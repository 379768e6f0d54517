//! The memory that one input takes, measured with a counting allocator.

use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// The most memory that an input may take at once: `fixed` bytes, and `factor` bytes for each byte of the input.
#[derive(Clone, Copy)]
pub struct Bound {
    pub fixed: usize,
    pub factor: usize,
}

impl Bound {
    /// Runs `run` over an input of `bytes` bytes.
    ///
    /// # Panics
    /// If it takes more memory than the bound.
    pub fn check<T>(self, bytes: usize, run: impl FnOnce() -> T) -> T {
        let before = ALLOCATOR.current_usage();
        ALLOCATOR.reset_peak_usage();
        let result = run();
        let taken = ALLOCATOR.peak_usage().saturating_sub(before);
        let most = self.fixed + self.factor * bytes;
        assert!(taken <= most, "an input of {bytes} bytes takes {taken} bytes, more than {most}");
        result
    }
}
