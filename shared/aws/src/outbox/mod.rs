//! The outbox in DynamoDB: one item per record, and a sparse index of the due ones.

mod awaiting;
mod deletion;
mod due_key;
mod failed;
pub(crate) mod import_key;
mod imports;
mod item;
mod load;
mod put;
mod resolution;
mod retention;
mod settlement;
mod undo;

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use ghl_sync_engine::ports::{
    Backlog, Due, FailedPage, ImportPage, ListedPage, Loaded, Outbox, PortError, Put, Settled, Tallied,
};
use ghl_sync_model::{
    EpochMs, ErrorCode, FailedCursor, GhlId, ImportId, ImportStanding, Kind, LastError, LocationId, Outcome, Payload,
    Priority, PutRecord, Record, RecordCursor, RecordKey, Resolution,
};

use self::due_key::DueKey;
use crate::expression::{Update, number, text};
use crate::fields::ItemFields;
use crate::table::{DynamoTable, IndexQuery, Item, Updated};
use crate::tables::record;

/// Most writes for one change of a record while others change it too.
const TRIES: u32 = 5;

#[derive(Debug, thiserror::Error)]
#[error("others changed the record in between, {TRIES} times in a row; do it again")]
struct WriteConflict;

/// Implements [`Outbox`] in a table with the layout of [`RECORDS`](crate::tables::RECORDS).
///
/// `put` and `settle` are one `UpdateItem` each (two for a `settle` of a record that was put again in between), so
/// they may be repeated and may race. Units for a record of up to 1 KB: a put costs 2 write units (3 if the record is
/// due already, because its index entry moves), an acceptance 2. A record of an import has one more index entry: its
/// first put costs 3, and its acceptance 4.
#[derive(Debug, Clone)]
pub struct DynamoOutbox {
    table: DynamoTable,
}

impl DynamoOutbox {
    /// Uses the outbox in `table`.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        DynamoOutbox { table: DynamoTable::new(client, table) }
    }
}

#[async_trait]
impl Outbox for DynamoOutbox {
    async fn put(&self, record: &PutRecord, now: EpochMs) -> Result<Put, PortError> {
        put::put(&self.table, record, now).await
    }

    async fn due(&self, location: &LocationId, priority: Priority, limit: u32) -> Result<Vec<Due>, PortError> {
        let mut due = Vec::new();
        let mut start = None;
        // More than one page is needed only if entries are unreadable, or the page exceeds 1 MB.
        while let Some(missing) = missing(limit, due.len()) {
            let query = IndexQuery { start, ..all_due(location, priority, missing) };
            let page = self.table.query("outbox.due", query).await?;
            due.extend(page.items.iter().filter_map(due_entry));
            start = page.end;
            if start.is_none() {
                break;
            }
        }
        Ok(due)
    }

    async fn load(&self, location: &LocationId, keys: &[RecordKey]) -> Result<Vec<Loaded>, PortError> {
        load::records(&self.table, location, keys).await
    }

    async fn settle(&self, record: &Record, outcome: &Outcome, now: EpochMs) -> Result<Settled, PortError> {
        settlement::settle(&self.table, record, outcome, now).await
    }

    /// Quarantines the record if it is still damaged: a record repaired by a put stays due.
    async fn quarantine(
        &self,
        location: &LocationId,
        key: &RecordKey,
        reason: &str,
        now: EpochMs,
    ) -> Result<(), PortError> {
        let Some(damaged) = load::item_if_damaged(&self.table, location, key).await? else { return Ok(()) };
        let update = quarantine_update(&damaged, reason, now);
        // If refused, a put has replaced the content. If the record is still damaged, the next batch handles it.
        self.table.update("outbox.quarantine", key_of(location, key), update).await.map(drop)
    }

    async fn count_due(&self, location: &LocationId, priority: Priority, cap: u32) -> Result<Backlog, PortError> {
        let query = IndexQuery { projection: Some("#due"), ..all_due(location, priority, cap.saturating_add(1)) };
        let page = self.table.query("outbox.count", query).await?;
        let oldest_at = page.items.iter().find_map(due_at);
        Ok(Backlog { tallied: page.tallied(cap), oldest_at })
    }

    async fn backlog(&self, location: &LocationId, cap: u32) -> Result<[Backlog; 3], PortError> {
        let query = IndexQuery { projection: Some("#due"), ..due_of_all(location, cap.saturating_add(1)) };
        let page = self.table.query("outbox.count", query).await?;
        if page.end.is_some() || page.tallied(cap).capped {
            // The most urgent records filled the page, so each priority is counted by itself.
            let [high, normal, low] = Priority::ALL.map(|priority| self.count_due(location, priority, cap));
            return futures::try_join!(high, normal, low).map(<[Backlog; 3]>::from);
        }
        Ok(Priority::ALL.map(|priority| {
            let entries: Vec<&Item> = page.items.iter().filter(|entry| DueKey::is_of(priority, entry)).collect();
            let tallied = Tallied { count: entries.len() as u64, capped: false };
            Backlog { tallied, oldest_at: entries.into_iter().find_map(due_at) }
        }))
    }

    async fn count_failed(&self, location: &LocationId, cap: u32) -> Result<Tallied, PortError> {
        failed::count(&self.table, location, cap).await
    }

    async fn failed(
        &self,
        location: &LocationId,
        after: Option<&FailedCursor>,
        limit: u32,
    ) -> Result<FailedPage, PortError> {
        failed::page(&self.table, location, after, limit).await
    }

    async fn listed(
        &self,
        location: &LocationId,
        kind: Option<Kind>,
        after: Option<&RecordCursor>,
        limit: u32,
    ) -> Result<ListedPage, PortError> {
        load::page(&self.table, location, kind, after, limit).await
    }

    async fn ask_deletion(&self, record: &Record, now: EpochMs) -> Result<bool, PortError> {
        let key = key_of(&record.location_id, &record.key);
        let asked = self.table.update("outbox.ask_deletion", key, deletion::update(record, now)).await?;
        Ok(matches!(asked, Updated::Written))
    }

    async fn drop_content(&self, record: &Record, now: EpochMs) -> Result<bool, PortError> {
        let key = key_of(&record.location_id, &record.key);
        let dropped = self.table.update("outbox.drop_content", key, retention::update(record, now)).await?;
        Ok(matches!(dropped, Updated::Written))
    }

    async fn ask_undo(&self, record: &Record, now: EpochMs) -> Result<bool, PortError> {
        let Some(since) = record.undo_since() else { return Ok(false) };
        let key = key_of(&record.location_id, &record.key);
        let asked = self.table.update("outbox.ask_undo", key, undo::ask(record, since, now)).await?;
        Ok(matches!(asked, Updated::Written))
    }

    async fn forget(&self, location: &LocationId, key: &RecordKey) -> Result<Option<Vec<RecordKey>>, PortError> {
        let forgotten = self.table.delete("outbox.forget", key_of(location, key)).await?;
        // Records that waited for an unreadable record check again on their own.
        Ok(forgotten.map(|item| item::awaited_by(&item).unwrap_or_default()))
    }

    async fn replay(&self, record: &Record, now: EpochMs) -> Result<bool, PortError> {
        let key = key_of(&record.location_id, &record.key);
        let replayed = self.table.update("outbox.replay", key, failed::replay_update(record, now)).await?;
        Ok(matches!(replayed, Updated::Written))
    }

    async fn mend(&self, record: &Record, payload: &Payload, now: EpochMs) -> Result<bool, PortError> {
        let key = key_of(&record.location_id, &record.key);
        let mended = self.table.update("outbox.mend", key, put::mend_update(record, payload, now)).await?;
        Ok(matches!(mended, Updated::Written))
    }

    async fn dismiss(&self, record: &Record) -> Result<Option<Vec<RecordKey>>, PortError> {
        failed::dismiss(&self.table, record).await
    }

    async fn await_id(&self, waiting: &Record, awaited: &RecordKey) -> Result<bool, PortError> {
        awaiting::await_id(&self.table, waiting, awaited).await
    }

    async fn wake(&self, waiting: &Record, awaited: &RecordKey, now: EpochMs) -> Result<(), PortError> {
        awaiting::wake(&self.table, waiting, awaited, now).await
    }

    async fn of_ghl_id(&self, location: &LocationId, ghl_id: &GhlId) -> Result<Vec<RecordKey>, PortError> {
        resolution::of_ghl_id(&self.table, location, ghl_id).await
    }

    async fn count_import(
        &self,
        location: &LocationId,
        import: &ImportId,
        standing: ImportStanding,
        cap: u32,
    ) -> Result<Tallied, PortError> {
        imports::count(&self.table, location, import, standing, cap).await
    }

    async fn of_import(
        &self,
        location: &LocationId,
        import: &ImportId,
        standing: ImportStanding,
        after: Option<&RecordKey>,
        limit: u32,
    ) -> Result<ImportPage, PortError> {
        imports::page(&self.table, location, import, standing, after, limit).await
    }

    async fn withdraw(&self, record: &Record, error: &LastError, now: EpochMs) -> Result<bool, PortError> {
        let key = key_of(&record.location_id, &record.key);
        let update = imports::withdraw_update(record, error, now);
        let withdrawn = self.table.update("outbox.withdraw", key, update).await?;
        Ok(matches!(withdrawn, Updated::Written))
    }

    async fn resolve(&self, record: &Record, resolution: &Resolution, now: EpochMs) -> Result<bool, PortError> {
        let key = key_of(&record.location_id, &record.key);
        let update = resolution::update(record, resolution, now);
        let resolved = self.table.update("outbox.resolve", key, update).await?;
        Ok(matches!(resolved, Updated::Written))
    }
}

/// Moves the record from the due index to the failed one, if it is still the version that was found damaged.
fn quarantine_update(damaged: &Item, reason: &str, now: EpochMs) -> Update {
    let error = LastError { code: ErrorCode::Internal, status: None, message: reason.to_owned(), at: now };
    let import = import_key::import_of(damaged);
    let update = Update::new()
        .set(record::FAILED_AT, number(now.0))
        .set(record::LAST_ERROR, item::last_error(&error))
        .set_known(record::IMPORT, import.map(|import| import_key::as_stored(&import, ImportStanding::Failed)))
        .remove([record::DUE, record::WAITS_FOR])
        .only_if("attribute_exists(#location_id)");
    match damaged.get(record::VERSION) {
        Some(version) => update.only_if("#version = :damaged").with(":damaged", version.clone()),
        None => update.only_if("attribute_not_exists(#version)"),
    }
}

fn key_of(location: &LocationId, key: &RecordKey) -> Item {
    HashMap::from([
        (record::LOCATION_ID.to_owned(), text(location.as_str())),
        (record::RECORD.to_owned(), text(key.to_string())),
    ])
}

/// The due records of one priority.
fn all_due(location: &LocationId, priority: Priority, limit: u32) -> IndexQuery {
    IndexQuery {
        index: record::DUE_INDEX,
        condition: "#location_id = :location AND begins_with(#due, :priority)",
        values: HashMap::from([
            (":location".to_owned(), text(location.as_str())),
            (":priority".to_owned(), DueKey::beginning(priority)),
        ]),
        projection: None,
        limit,
        start: None,
    }
}

/// The due records of all priorities, most urgent first.
fn due_of_all(location: &LocationId, limit: u32) -> IndexQuery {
    IndexQuery {
        index: record::DUE_INDEX,
        condition: "#location_id = :location",
        values: HashMap::from([(":location".to_owned(), text(location.as_str()))]),
        projection: None,
        limit,
        start: None,
    }
}

/// How many entries are missing to `limit`; `None` if there are enough.
fn missing(limit: u32, found: usize) -> Option<u32> {
    limit.checked_sub(u32::try_from(found).ok()?).filter(|missing| *missing > 0)
}

/// Reads an entry of the due index. An entry with a foreign key was put there by hand, and is skipped.
fn due_entry(entry: &Item) -> Option<Due> {
    match ItemFields(entry).parsed(record::RECORD) {
        // An unreadable due time counts as due at once: whoever loads the record quarantines it.
        Ok(key) => Some(Due { key, due_at: due_at(entry).unwrap_or_default() }),
        Err(damage) => {
            tracing::warn!(%damage, "an entry of the due index is not a record of ours");
            None
        }
    }
}

fn due_at(entry: &Item) -> Option<EpochMs> {
    DueKey::read(entry).ok().flatten().map(|due| due.due_at)
}
