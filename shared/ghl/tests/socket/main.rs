//! Tests the client against a real socket: which requests it sends, how often, and how it handles broken connections.

// clippy.toml lets tests unwrap, but sees only the functions marked as tests, not their helpers.
#![allow(clippy::unwrap_used)]

mod answers;
mod connections;
mod fixtures;
mod requests;
mod tokens;
