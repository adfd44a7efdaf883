//! Federated learning with encrypted aggregation.
