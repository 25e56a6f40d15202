//! Names shared by all worlds, and a short way to write a time.

use std::time::Duration;

pub(crate) fn email(n: u32) -> String {
    format!("c{n}@example.test")
}

pub(crate) fn opportunity_name(n: u32) -> String {
    format!("deal {n}")
}

pub(crate) fn twin_name(n: u32) -> String {
    format!("twin {n}")
}

pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
