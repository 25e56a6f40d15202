//! What did not go into contacts as it stands in the list: counted, with the first of them; all of them only for JSON, since
//! a list may have one in each row.

use std::collections::{BTreeMap, HashMap};

use ghl_sync_import::{Effect, Problem};
use serde::{Serialize, Serializer};

/// Problems that are told on the terminal, and kinds of them.
pub(super) const SHOWN: usize = 10;

/// The problems of a list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Problems {
    /// All of them, if they are wanted.
    all: Option<Vec<Problem>>,
    pub(super) losses: Told,
    pub(super) notes: Told,
    /// How many losses there are of a kind.
    pub(super) kinds: BTreeMap<(String, Effect), u64>,
    by_column: HashMap<String, u64>,
}

/// How many, and the first of them by row.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    pub(super) count: u64,
    pub(super) first: Vec<Problem>,
}

impl Told {
    /// How many are not among the first.
    pub(super) fn more(&self) -> u64 {
        self.count - self.first.len() as u64
    }

    fn take(&mut self, problem: &Problem) {
        self.count += 1;
        let at = self.first.partition_point(|known| known.row <= problem.row);
        if at < SHOWN {
            self.first.insert(at, problem.clone());
            self.first.truncate(SHOWN);
        }
    }
}

impl Problems {
    /// `keeps_all` is for whoever writes them to a file.
    pub(super) fn new(keeps_all: bool) -> Problems {
        Problems { all: keeps_all.then(Vec::new), ..Problems::default() }
    }

    pub(super) fn extend(&mut self, problems: impl IntoIterator<Item = Problem>) {
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
            if let Some(all) = &mut self.all {
                all.push(problem);
            }
        }
    }

    /// How many losses there are, by what they are.
    pub(crate) fn by_kind(&self) -> impl Iterator<Item = (String, u64)> {
        self.kinds.iter().map(|((kind, effect), count)| (format!("{kind} ({effect})"), *count))
    }

    pub(super) fn sort(&mut self) {
        self.all.iter_mut().for_each(|all| all.sort_by_key(|problem| problem.row));
    }

    /// Whether a row or a part of one is not in the contacts.
    pub(super) fn has_losses(&self) -> bool {
        self.losses.count > 0
    }

    /// Cells of a column that did not go into a contact as they stand there.
    pub(crate) fn lost_of(&self, column: &str) -> u64 {
        self.by_column.get(column).copied().unwrap_or_default()
    }
}

impl Serialize for Problems {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.all.iter().flatten())
    }
}

/// A message without what differs from row to row.
fn kind(message: &str) -> &str {
    let end = message.find(" of row ").or_else(|| message.find(':')).unwrap_or(message.len());
    message.get(..end).unwrap_or(message)
}
