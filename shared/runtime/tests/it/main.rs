//! Functions' standard output: log lines and metrics.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod emf;
mod logs;
