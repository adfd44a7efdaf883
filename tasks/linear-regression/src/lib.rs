//! Linear regression: trained in clear, evaluated under encryption.
