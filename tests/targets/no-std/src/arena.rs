//! The simplest allocator: memory is allocated once and never freed.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const SIZE: usize = 64 * 1024;

struct Arena {
    memory: UnsafeCell<[u8; SIZE]>,
    used: AtomicUsize,
}

// SAFETY: `used` only grows, so no two callers get the same bytes.
unsafe impl Sync for Arena {}

// SAFETY: every block is within `memory`, is aligned as requested, and overlaps no other.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // Reserves space for the worst misalignment, so that a single atomic addition is enough.
        let room = layout.size() + layout.align();
        let start = self.used.fetch_add(room, Relaxed);
        if start + room > SIZE {
            return core::ptr::null_mut();
        }
        let block = unsafe { self.memory.get().cast::<u8>().add(start) };
        unsafe { block.add(block.align_offset(layout.align())) }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ARENA: Arena = Arena { memory: UnsafeCell::new([0; SIZE]), used: AtomicUsize::new(0) };
