//! The heart of ghl-sync: policies, ports and use cases.
//!
//! Nothing here reads a clock, the environment, a network or a source of randomness by itself: time and chance come
//! in as arguments or through [`ports`]. See `docs/ARCHITECTURE.md` for the map and `docs/SEMANTICS.md` for the
//! promises.

pub mod counts;
pub mod policy;
pub mod ports;
pub mod standing;
pub mod usecase;
