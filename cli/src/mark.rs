//! Numbers that stand for things, used where millions of them are held.

use std::collections::hash_map::DefaultHasher;
use std::hash::{BuildHasher, BuildHasherDefault, Hash};

/// A number that stands for `thing`. It is stable within a run but not between runs.
pub(crate) fn mark(thing: impl Hash) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(thing)
}
