//! Imports a list, and checks facts that hold for each.
#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

pub(crate) mod workbook;

use ghl_sync_import::{
    ByteSource, FileImportError, ImportOptions, ImportPlan, KnownIds, ListProblem, ProblemEffect, RowOutcome, RowTally,
    plan,
};
use ghl_sync_model::Contact;

/// Result of importing a list.
pub(crate) struct ImportResult {
    pub(crate) contacts: Vec<(u64, Contact)>,
    pub(crate) ids: Vec<String>,
    pub(crate) held_back: Vec<ListProblem>,
    pub(crate) not_people: Vec<u64>,
    /// Problems of the contacts' rows.
    pub(crate) problems: Vec<ListProblem>,
    pub(crate) notes: Vec<ListProblem>,
    pub(crate) tally: RowTally,
    pub(crate) learned: KnownIds,
    pub(crate) plan: ImportPlan,
}

/// Options of a location in the United States.
pub(crate) fn us() -> ImportOptions {
    ImportOptions {
        country: Some("US".to_owned()),
        today: time::Date::from_calendar_date(2026, time::Month::November, 28).ok(),
        ..ImportOptions::default()
    }
}

/// Imports a list, and checks that each row is a contact, held back, or reported as no person.
pub(crate) fn import(bytes: &[u8], options: ImportOptions) -> Result<ImportResult, FileImportError> {
    let bytes = bytes.to_vec();
    let plan = plan(&bytes as &dyn ByteSource, options)?;
    let (mut contacts, mut ids, mut held_back, mut not_people, mut problems) = (vec![], vec![], vec![], vec![], vec![]);
    let mut records = plan.records(&bytes)?;
    let mut merged = 0;
    for outcome in records.by_ref() {
        match outcome? {
            RowOutcome::Record(record) => {
                merged += record.rows.len() as u64;
                ids.push(record.id.as_str().to_owned());
                problems.extend(record.problems);
                contacts.push((record.row, record.contact));
            }
            RowOutcome::HeldBack(row) => {
                assert_eq!(row.problem.effect, ProblemEffect::RowLeftOut);
                held_back.push(row.problem);
            }
            RowOutcome::NotAPerson(row) => not_people.push(row.problem.row),
        }
    }
    let tally = records.tally();
    let learned = records.learned().clone();
    drop(records);
    assert_eq!(tally.rows, tally.accepted + tally.held_back + tally.not_people, "{tally:?}");
    assert_eq!(tally.accepted, merged);
    assert_eq!((tally.contacts, tally.held_back), (contacts.len() as u64, held_back.len() as u64));
    let mut distinct = ids.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), ids.len(), "two contacts have one id");
    let notes = plan.notes().to_vec();
    Ok(ImportResult { contacts, ids, held_back, not_people, problems, notes, tally, learned, plan })
}

impl ImportResult {
    pub(crate) fn contact(&self, row: u64) -> &Contact {
        let found = self.contacts.iter().find(|(at, _)| *at == row);
        &found.unwrap_or_else(|| panic!("row {row} is no contact: {:?}", self.held_back)).1
    }

    pub(crate) fn rows(&self) -> Vec<u64> {
        self.contacts.iter().map(|(row, _)| *row).collect()
    }

    pub(crate) fn held(&self) -> Vec<u64> {
        self.held_back.iter().map(|problem| problem.row).collect()
    }

    /// Rows and columns of the reported cells.
    pub(crate) fn cells(&self) -> Vec<(u64, &str)> {
        self.problems
            .iter()
            .filter(|problem| problem.is_loss())
            .map(|problem| (problem.row, problem.column.as_deref().unwrap_or_default()))
            .collect()
    }
}

pub(crate) fn list(text: &str) -> ImportResult {
    import(text.as_bytes(), us()).unwrap()
}

pub(crate) fn questions(bytes: &[u8], options: ImportOptions) -> String {
    match import(bytes, options) {
        Err(FileImportError::Open { questions }) => {
            questions.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        }
        Err(error) => panic!("{error}"),
        Ok(told) => panic!("nothing is asked: {:?}", told.contacts),
    }
}
