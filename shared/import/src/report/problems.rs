//! What did not go into contacts as it stands in the list: counted, with the first of them; all of them only for JSON, since
//! a list may have one in each row.

use std::collections::{BTreeMap, HashMap};

use serde::{Serialize, Serializer};

use crate::{Effect, Problem};

/// So many problems are kept as the first of them.
pub const SHOWN_PROBLEMS: usize = 10;

/// The problems of a list.
#[derive(Debug, Clone, Default)]
pub struct Problems {
    /// Those that are told one by one, `most` at most.
    kept: Vec<Problem>,
    most: usize,
    /// Rows, or parts of them, that are not in the contacts.
    pub losses: Told,
    /// What is told, and lost nothing.
    pub notes: Told,
    /// How many losses there are of a kind.
    pub kinds: BTreeMap<(String, Effect), u64>,
    by_column: HashMap<String, u64>,
}

/// How many, and the first of them by row.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// All of them.
    pub count: u64,
    /// The first by row.
    pub first: Vec<Problem>,
}

impl Told {
    /// How many are not among the first.
    #[must_use]
    pub fn more(&self) -> u64 {
        self.count - self.first.len() as u64
    }

    fn take(&mut self, problem: &Problem) {
        self.count += 1;
        let at = self.first.partition_point(|known| known.row <= problem.row);
        if at < SHOWN_PROBLEMS {
            self.first.insert(at, problem.clone());
            self.first.truncate(SHOWN_PROBLEMS);
        }
    }
}

impl Problems {
    /// None yet. Of those to come so many are kept at most, for whoever writes them to a file.
    #[must_use]
    pub fn new(most: usize) -> Problems {
        Problems { most, ..Problems::default() }
    }

    /// Adds to them.
    pub fn extend(&mut self, problems: impl IntoIterator<Item = Problem>) {
        for problem in problems {
            if problem.is_loss() {
                self.losses.take(&problem);
                *self.kinds.entry((kind(&problem.message).to_owned(), problem.effect)).or_default() += 1;
                if let Some(column) = &problem.column {
                    *self.by_column.entry(column.clone()).or_default() += 1;
                }
            } else {
                self.notes.take(&problem);
            }
            if self.kept.len() < self.most {
                self.kept.push(problem);
            }
        }
    }

    /// How many losses there are, by what they are.
    pub fn by_kind(&self) -> impl Iterator<Item = (String, u64)> {
        self.kinds.iter().map(|((kind, effect), count)| (format!("{kind} ({effect})"), *count))
    }

    /// Those that are kept, by row.
    pub fn sort(&mut self) {
        self.kept.sort_by_key(|problem| problem.row);
    }

    /// Whether a row or a part of one is not in the contacts.
    #[must_use]
    pub fn has_losses(&self) -> bool {
        self.losses.count > 0
    }

    /// Cells of a column that did not go into a contact as they stand there.
    #[must_use]
    pub fn lost_of(&self, column: &str) -> u64 {
        self.by_column.get(column).copied().unwrap_or_default()
    }
}

impl Serialize for Problems {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.kept)
    }
}

/// A message without what differs from row to row.
fn kind(message: &str) -> &str {
    let end = message.find(" of row ").or_else(|| message.find(':')).unwrap_or(message.len());
    message.get(..end).unwrap_or(message)
}
