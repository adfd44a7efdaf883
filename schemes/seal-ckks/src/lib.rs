//! CKKS on Microsoft SEAL, through the C library that sealy builds.
