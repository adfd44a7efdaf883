//! An allocator that notices sizes taken from hostile bytes.

#![expect(unsafe_code, reason = "an allocator")]

use std::alloc::{GlobalAlloc, Layout, System};

/// Refuses what no case of the conformance suite needs: a size taken from hostile bytes ends the
/// process, where the system might grant it as long as it is not touched.
pub struct Bounded;

const LARGEST: usize = 2 << 30;

// SAFETY: as the system's allocator, or null, which means that there is no memory.
unsafe impl GlobalAlloc for Bounded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() > LARGEST {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promises are the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) }
    }
}
