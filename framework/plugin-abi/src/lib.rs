//! The C ABI for scheme plugins that live out of tree.
