//! The client against a real socket: what is sent, how often, and what becomes of connections that break.

// clippy.toml lets tests unwrap, but sees only the functions marked as tests, not their helpers.
#![allow(clippy::unwrap_used)]

mod answers;
mod connections;
mod fixtures;
mod requests;
mod tokens;
