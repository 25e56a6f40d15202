//! Lists that went wrong once, here or elsewhere: each value arrives as it was meant, or its row and column are told.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod columns;
#[path = "../common/mod.rs"]
mod common;
mod files;
mod people;
mod rejects;
mod values;
