//! One cell of the table: a contender, so many workers, and a server that counts in its way.

use serde::Serialize;

use crate::contender::Contender;
use crate::rules::{Counting, LIMIT, OTHERS};

/// One cell. The order is that of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Cell {
    /// Whether somebody else takes a third of the quota.
    pub(crate) others: bool,
    /// How the server counts.
    pub(crate) counting: Counting,
    /// The engine or queue that was run.
    pub(crate) contender: Contender,
    /// In how many processes.
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

    /// Calls of ours that the server allows in a window.
    pub(crate) fn allowed(self) -> u32 {
        if self.others { LIMIT - OTHERS } else { LIMIT }
    }
}
