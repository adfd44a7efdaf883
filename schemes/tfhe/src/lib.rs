//! TFHE: exact small integers and programmable bootstrapping.
