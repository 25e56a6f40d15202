//! Stateful in-memory ports.
