//! Risk of the devices of a fleet.
