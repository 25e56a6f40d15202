//! Counts of problems, with the first of them. All are kept only for JSON, since a list can have one in each row.

use std::collections::{BTreeMap, HashMap};

use serde::{Serialize, Serializer};

use crate::{ListProblem, ProblemEffect};

/// Number of first problems to keep.
pub const SHOWN_PROBLEMS: usize = 10;

/// The problems of a list.
#[derive(Debug, Clone, Default)]
pub struct Problems {
    /// Problems kept in full, at most `most`.
    kept: Vec<ListProblem>,
    most: usize,
    /// Rows, or parts of them, missing from the contacts.
    pub losses: ProblemGroup,
    /// Notes on cells that lost nothing.
    pub notes: ProblemGroup,
    /// Number of losses of each kind.
    pub kinds: BTreeMap<(String, ProblemEffect), u64>,
    by_column: HashMap<String, u64>,
}

/// A count of problems, with the first of them by row.
#[derive(Debug, Clone, Default)]
pub struct ProblemGroup {
    /// Number of all.
    pub count: u64,
    /// The first by row.
    pub first: Vec<ListProblem>,
}

impl ProblemGroup {
    /// Number of problems beyond the first.
    #[must_use]
    pub fn more(&self) -> u64 {
        self.count - self.first.len() as u64
    }

    fn take(&mut self, problem: &ListProblem) {
        self.count += 1;
        let at = self.first.partition_point(|known| known.row <= problem.row);
        if at < SHOWN_PROBLEMS {
            self.first.insert(at, problem.clone());
            self.first.truncate(SHOWN_PROBLEMS);
        }
    }
}

impl Problems {
    /// Without problems yet. At most `most` of those to come are kept in full.
    #[must_use]
    pub fn new(most: usize) -> Problems {
        Problems { most, ..Problems::default() }
    }

    /// Adds problems.
    pub fn extend(&mut self, problems: impl IntoIterator<Item = ListProblem>) {
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

    /// Kinds of losses with their counts.
    pub fn by_kind(&self) -> impl Iterator<Item = (String, u64)> {
        self.kinds.iter().map(|((kind, effect), count)| (format!("{kind} ({effect})"), *count))
    }

    /// Sorts the kept problems by row.
    pub fn sort(&mut self) {
        self.kept.sort_by_key(|problem| problem.row);
    }

    /// Whether any row or part of one is missing from the contacts.
    #[must_use]
    pub fn has_losses(&self) -> bool {
        self.losses.count > 0
    }

    /// Cells of a column that did not go into a contact unchanged.
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

/// A message without its row-specific part.
fn kind(message: &str) -> &str {
    let end = message.find(" of row ").or_else(|| message.find(':')).unwrap_or(message.len());
    message.get(..end).unwrap_or(message)
}
