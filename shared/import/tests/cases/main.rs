//! Lists that once failed, here or elsewhere: each value arrives as meant, or its row and column are reported.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod columns;
#[path = "../common/mod.rs"]
mod common;
mod files;
mod people;
mod rejects;
mod values;
