//! Migrations of one simulated location into another.

mod complete;
mod fixtures;
