//! Undoes an import by making each of its records due for it.

use ghl_sync_engine::ports::{ImportPage, Loaded, PortError};
use ghl_sync_engine::usecase::Event;
use ghl_sync_model::{
    EpochMs, Import, ImportCursor, ImportId, ImportStanding, ImportState, LocationId, Record, RecordKey, Undo,
};

use super::{ImportError, ImportStores};
use crate::Operator;

/// Records read together.
const PAGE: u32 = 500;
/// Order in which an undo goes through the records. Pending ones come first, so that fewer of them are still sent.
const ORDER: [ImportStanding; 4] =
    [ImportStanding::Pending, ImportStanding::Accepted, ImportStanding::Failed, ImportStanding::Other];

/// Progress of an undo request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndoCursor {
    /// State of the records that it is going through.
    pub standing: ImportStanding,
    /// The last record processed; `None` at the beginning.
    pub after: Option<RecordKey>,
}

impl UndoCursor {
    /// The cursor as text, for a program to return.
    #[must_use]
    pub fn to_text(&self, location: &LocationId, import: &ImportId) -> String {
        match &self.after {
            Some(key) => ImportCursor { key: key.clone() }.to_text(location, import, self.standing),
            None => self.standing.as_str().to_owned(),
        }
    }

    /// Parses the result of [`to_text`](Self::to_text); `None` if it belongs to another list.
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

/// Results of an undo request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UndoReport {
    /// Records that are now due for undo.
    pub asked: u64,
    /// Records that were due for undo already, finished or were put again at the same moment, or cannot be read.
    pub skipped: u64,
    /// Records that were put before the import was announced as undoable, and records that will be deleted anyway.
    pub not_undoable: u64,
    /// Records that could not be written; repeating the request is safe.
    pub not_written: u64,
    /// Where to continue; `None` if all were processed.
    pub next: Option<UndoCursor>,
}

impl Operator {
    /// Closes an import to further records, and makes its records after `after` due for undo, until all were processed
    /// or the time is `enough`. Unsent records are no longer sent.
    ///
    /// # Errors
    /// [`ImportError`]; [`ImportError::NotUndoable`] if the import was not announced as undoable. Records made due
    /// before the error stay due.
    pub async fn undo_import(
        &self,
        location: &LocationId,
        id: &ImportId,
        after: Option<UndoCursor>,
        enough: EpochMs,
    ) -> Result<UndoReport, ImportError> {
        let settings = self.known(location).await?;
        let now = self.ports().clock.now();
        ImportStores::of(&self.engine).change(location, id, |before| undone(id, before, now)).await?;
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
                // A batch that has loaded one of these records ends before its next call.
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
                // A record that cannot be read is quarantined when it is about to be sent.
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

/// The import in state `Undone`.
fn undone(id: &ImportId, import: Option<&Import>, now: EpochMs) -> Result<Import, ImportError> {
    let import = import.ok_or_else(|| ImportError::Unknown(id.clone()))?;
    match import.undo_until() {
        // An undo that was requested in time runs to its end.
        _ if import.state == ImportState::Undone => Ok(import.clone()),
        None => Err(ImportError::NotUndoable(id.clone(), "it was not announced as undoable")),
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
