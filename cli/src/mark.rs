//! Numbers that stand for things where millions of them are held.

use std::collections::hash_map::DefaultHasher;
use std::hash::{BuildHasher, BuildHasherDefault, Hash};

/// The number that stands for a thing, the same in all of a run and in no other.
pub(crate) fn mark(thing: impl Hash) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(thing)
}
