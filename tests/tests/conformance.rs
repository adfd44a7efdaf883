//! Every scheme that is built in, held to what every scheme must do.

use std::alloc::{GlobalAlloc, Layout, System};

use hexperiment_core::options::OptionValue;
use hexperiment_tests::conformance;
use hexperiment_tests::conformance::Profile;
use {
    scheme_fernet as _, scheme_paillier as _, scheme_plaintext as _, scheme_seal_ckks as _,
    scheme_tfhe as _,
};

/// Refuses what no case needs: a size taken from hostile bytes ends the tests here, where the
/// system might grant it as long as it is not touched.
struct Bounded;

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

#[global_allocator]
static ALLOCATOR: Bounded = Bounded;

conformance!(plaintext);
conformance!(
    fernet,
    "fernet",
    Profile {
        // One key that both sides share beforehand: none is sent.
        sums_take_keys: false,
        ..Profile::default()
    }
);
conformance!(
    fernet_tables,
    "fernet",
    Profile {
        options: Vec::leak(vec![("per", OptionValue::Text("table".into()))]),
        sums_take_keys: false,
        ..Profile::default()
    }
);
conformance!(
    seal_ckks,
    "seal-ckks",
    Profile {
        // Comparisons of fewer levels: operands of the cases are an eighth of their range apart.
        options: Vec::leak(vec![
            ("sign_margin", OptionValue::Number(0.1)),
            ("sign_error", OptionValue::Number(0.02)),
            ("max_degrees", OptionValue::Text("7,7".into())),
        ]),
        ..Profile::default()
    }
);
conformance!(
    paillier,
    "paillier",
    Profile {
        max_length: 500,
        precision: 1e-6,
        ..Profile::default()
    }
);
conformance!(
    tfhe,
    "tfhe",
    Profile {
        max_length: 8,
        precision: 1.0 / 16.0,
        // Encrypted under the secret key; sums need no bootstrap.
        sums_take_keys: false,
        ..Profile::default()
    }
);
