//! Paillier's additive encryption: packed fixed point, on GMP or on paillier-rs.
