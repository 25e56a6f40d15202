//! One cell of the table: a contender, its workers, and the way the server counts.

use serde::Serialize;

use crate::contender::Contender;
use crate::rules::{Counting, LIMIT, OTHERS};

/// One cell. The fields are in the order of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Cell {
    /// Whether another client takes a third of the quota.
    pub(crate) others: bool,
    /// How the server counts.
    pub(crate) counting: Counting,
    /// The contender.
    pub(crate) contender: Contender,
    /// Number of processes.
    pub(crate) workers: u32,
}

impl Cell {
    /// All cells.
    pub(crate) fn all() -> impl Iterator<Item = Cell> {
        let scenes =
            [(false, Counting::Sliding), (false, Counting::Fixed), (true, Counting::Sliding), (true, Counting::Fixed)];
        scenes.into_iter().flat_map(|(others, counting)| {
            Contender::ALL
                .into_iter()
                .flat_map(move |contender| [1, 4, 20].map(|workers| Cell { others, counting, contender, workers }))
        })
    }

    /// Calls per window that the server allows us.
    pub(crate) fn allowed(self) -> u32 {
        if self.others { LIMIT - OTHERS } else { LIMIT }
    }
}
