//! Undoing an import: each of its records becomes due for that.

use ghl_sync_engine::ports::{ImportPage, Loaded, PortError};
use ghl_sync_engine::usecase::Event;
use ghl_sync_model::{
    EpochMs, Import, ImportCursor, ImportId, ImportStanding, ImportState, LocationId, Record, RecordKey, Undo,
};

use super::{ImportError, Imports};
use crate::Operator;

/// Records that are read together.
const PAGE: u32 = 500;
/// The records that an undo goes through, by where they stand. What will be sent comes first: it goes out the less.
const ORDER: [ImportStanding; 4] =
    [ImportStanding::Pending, ImportStanding::Accepted, ImportStanding::Failed, ImportStanding::Other];

/// How far the asking has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndoCursor {
    /// Among the records that stand there.
    pub standing: ImportStanding,
    /// After this one; `None` is the beginning.
    pub after: Option<RecordKey>,
}

impl UndoCursor {
    /// The cursor as a text for a program to give back.
    #[must_use]
    pub fn to_text(&self, location: &LocationId, import: &ImportId) -> String {
        match &self.after {
            Some(key) => ImportCursor { key: key.clone() }.to_text(location, import, self.standing),
            None => self.standing.as_str().to_owned(),
        }
    }

    /// Reads what [`to_text`](Self::to_text) wrote; `None` if it is of another list.
    #[must_use]
    pub fn from_text(text: &str, location: &LocationId, import: &ImportId) -> Option<UndoCursor> {
        ORDER.into_iter().find_map(|standing| {
            if text == standing.as_str() {
                return Some(UndoCursor { standing, after: None });
            }
            let cursor = ImportCursor::from_text(text, location, import, standing).ok()?;
            Some(UndoCursor { standing, after: Some(cursor.key) })
        })
    }
}

/// What asking for the undo of an import did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UndoReport {
    /// Records that are due for being undone now.
    pub asked: u64,
    /// Records that are so already, ended or were put again in this very moment; and those that cannot be read.
    pub skipped: u64,
    /// Records that were put before it was said that the import can be undone, and those that are to be deleted anyway.
    pub not_undoable: u64,
    /// Records that could not be written; asking again does no harm.
    pub not_written: u64,
    /// Where to go on; `None` when all was seen.
    pub next: Option<UndoCursor>,
}

impl Operator {
    /// Takes no more records into an import, and makes its records due for being undone, from `after` on, until all were
    /// seen or it is `enough`. What was not sent is not sent any more.
    ///
    /// # Errors
    /// [`ImportError`]; [`ImportError::NotUndoable`] of an import that was not begun so. What was asked for by then is.
    pub async fn undo_import(
        &self,
        location: &LocationId,
        id: &ImportId,
        after: Option<UndoCursor>,
        enough: EpochMs,
    ) -> Result<UndoReport, ImportError> {
        let settings = self.known(location).await?;
        let now = self.ports().clock.now();
        Imports::of(&self.engine).change(location, id, |before| undone(id, before, now)).await?;
        let first = UndoCursor { standing: ORDER[0], after: None };
        let mut report = UndoReport { next: Some(after.unwrap_or(first)), ..UndoReport::default() };
        let mut stops = false;
        while let Some(UndoCursor { standing, after }) = report.next.take() {
            let page = self.ports().outbox.of_import(location, id, standing, after.as_ref(), PAGE).await?;
            let ImportPage { keys, next } = page;
            let before = report.asked + report.not_written;
            self.ask_undo(location, &keys, &mut report).await?;
            stops |= standing == ImportStanding::Pending && report.asked + report.not_written > before;
            report.next = match next {
                Some(key) => Some(UndoCursor { standing, after: Some(key) }),
                None => after_standing(standing),
            };
            if self.ports().clock.now() >= enough {
                break;
            }
        }
        if report.asked + report.not_written > 0 {
            let scope = &settings.scope;
            self.ports().sink.emit(&Event::Operated { location, scope, action: "undo_import" });
            if stops {
                // A batch that has loaded one of them ends before its next call.
                self.stop(&settings).await?;
            }
            self.engine.start_and_tell(scope).await?;
        }
        Ok(report)
    }

    async fn ask_undo(
        &self,
        location: &LocationId,
        keys: &[RecordKey],
        report: &mut UndoReport,
    ) -> Result<(), PortError> {
        let loaded = self.ports().outbox.load(location, keys).await?;
        report.skipped += (keys.len() - loaded.len()) as u64;
        let mut records: Vec<Record> = Vec::new();
        for loaded in loaded {
            match loaded {
                Loaded::Record(record) => match record.undo {
                    Some(Undo::Asked { .. }) if record.due_at.is_some() => report.skipped += 1,
                    Some(Undo::Possible { .. } | Undo::Asked { .. }) if !record.deletion => records.push(*record),
                    Some(Undo::Done(_)) => report.skipped += 1,
                    Some(_) | None => report.not_undoable += 1,
                },
                // Whoever is about to send it sets it aside.
                Loaded::Damaged { .. } => report.skipped += 1,
            }
        }
        let now = self.ports().clock.now();
        let writes =
            records.into_iter().map(|record| async move { (self.ports().outbox.ask_undo(&record, now).await, record) });
        let asked = self.write_each(writes).await;
        report.asked += asked.done;
        report.skipped += asked.skipped;
        report.not_written += asked.not_written;
        Ok(())
    }
}

/// The import, once it is to be undone.
fn undone(id: &ImportId, import: Option<&Import>, now: EpochMs) -> Result<Import, ImportError> {
    let import = import.ok_or_else(|| ImportError::Unknown(id.clone()))?;
    match import.undo_until() {
        // One that was begun in time goes on to its end.
        _ if import.state == ImportState::Undone => Ok(import.clone()),
        None => Err(ImportError::NotUndoable(id.clone(), "it was not said that it shall be possible")),
        Some(until) if now >= until => Err(ImportError::NotUndoable(id.clone(), "it is more than 30 days old")),
        Some(_) => Ok(Import { state: ImportState::Undone, updated_at: now, finished_at: Some(now), ..import.clone() }),
    }
}

fn after_standing(standing: ImportStanding) -> Option<UndoCursor> {
    let next = ORDER.into_iter().skip_while(|other| *other != standing).nth(1)?;
    Some(UndoCursor { standing: next, after: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_undo_goes_through_all_that_may_have_been_written_and_its_cursor_is_of_its_import() {
        let [location, other] = ["a", "b"].map(|id| LocationId::new(id).unwrap());
        let import = ImportId::new("x").unwrap();
        let mut seen = vec![ImportStanding::Pending];
        while let Some(next) = seen.last().and_then(|last| after_standing(*last)) {
            seen.push(next.standing);
        }
        assert_eq!(seen, ORDER);
        for standing in ORDER {
            for after in [None, Some("contact#1".parse().unwrap())] {
                let cursor = UndoCursor { standing, after };
                let text = cursor.to_text(&location, &import);
                let read = UndoCursor::from_text(&text, &other, &import);
                assert_eq!(read.is_some(), cursor.after.is_none(), "what names a record is of its location");
                assert_eq!(UndoCursor::from_text(&text, &location, &import), Some(cursor));
            }
        }
        assert_eq!(UndoCursor::from_text("undone", &location, &import), None);
    }
}
