//! Opportunities that wait for their contact's GHL id.

use std::time::Duration;

use super::Engine;
use super::poison_records;
use super::record_end::RecordEnd;
use super::report::RecordResult;
use crate::ports::{Loaded, PortError, Settled};
use ghl_sync_model::{Outcome, Record, RecordKey};

/// An opportunity whose contact has no GHL id yet looks again after this, at first…
const WAIT_FOR_CONTACT: Duration = Duration::from_secs(5);
/// …and after this at most.
const WAIT_FOR_CONTACT_MAX: Duration = Duration::from_secs(600);
/// So often others may come to wait for a record while those that did are woken, until its acceptance is left to a later
/// batch.
const WAKE_ROUNDS: u32 = 3;

impl Engine {
    /// Looks again after half as long as the record has waited already, within bounds.
    pub(super) async fn wait_for(&self, record: &Record, contact: RecordKey) -> RecordEnd {
        let now = self.ports.clock.now();
        let waited = record.put_at.map_or(Duration::ZERO, |put_at| now.since(put_at));
        let pause = (waited / 2).clamp(WAIT_FOR_CONTACT, WAIT_FOR_CONTACT_MAX);
        self.wait(record, now + pause, Some(contact), None).await
    }

    /// The contact is not due: a person must do something about it first. Once it has its GHL id, `record` is due again;
    /// until then nobody looks.
    ///
    /// The contact is told first, and only while it is not due. So whoever sends it later knows of `record`, and changes
    /// when that is due: should this have happened by the time that it would stop being due, it stays due.
    pub(super) async fn wait_to_be_woken(&self, record: &Record, contact: RecordKey) -> RecordEnd {
        match self.ports.outbox.await_id(record, &contact).await {
            Ok(true) => {
                let end = self.write(record, &Outcome::Await { record: contact.clone() }, RecordResult::Waiting).await;
                // What was written against a suspect changed when it is due, so it cannot be put to sleep: it looks again.
                if end.still_due && poison_records::has_killed(record) {
                    return self.wait_for(record, contact).await;
                }
                end
            }
            Ok(false) => self.wait_for(record, contact).await,
            Err(error) => self.store_failed(record, &error),
        }
    }

    /// Writes the outcome of `record` down, whose GHL id is known. The records that wait for that id are made due
    /// before: if the process dies in between, `record` is sent again, and they are woken again. `None` if it could not be
    /// written down.
    pub(super) async fn settle_and_wake(&self, record: &Record, outcome: &Outcome) -> Option<Settled> {
        let mut newest: Option<Record> = None;
        for _ in 0..WAKE_ROUNDS {
            let record = newest.as_ref().unwrap_or(record);
            if let Err(error) = self.wake_those_waiting_for(record).await {
                self.port_failed(record.location_id.clone(), &error);
                return None;
            }
            match self.settle(record, outcome).await? {
                Settled::AwaitedByMore => {
                    let awaited_by = self.awaited_by(record).await?;
                    newest = Some(Record { awaited_by, ..record.clone() });
                }
                settled => return Some(settled),
            }
        }
        None
    }

    async fn wake_those_waiting_for(&self, record: &Record) -> Result<(), PortError> {
        if record.awaited_by.is_empty() {
            return Ok(());
        }
        let now = self.ports.clock.now();
        for loaded in self.ports.outbox.load(&record.location_id, &record.awaited_by).await? {
            // One that cannot be read does not wait: a put makes it due.
            let Loaded::Record(waiting) = loaded else { continue };
            if waiting.woken_at(&record.key, now).is_some() {
                self.ports.outbox.wake(&waiting, &record.key, now).await?;
            }
        }
        Ok(())
    }

    /// Who waits for `record` by now.
    async fn awaited_by(&self, record: &Record) -> Option<Vec<RecordKey>> {
        match self.ports.outbox.load(&record.location_id, std::slice::from_ref(&record.key)).await {
            Ok(loaded) => loaded.into_iter().find_map(|loaded| match loaded {
                Loaded::Record(record) => Some(record.awaited_by),
                Loaded::Damaged { .. } => None,
            }),
            Err(error) => {
                self.port_failed(record.location_id.clone(), &error);
                None
            }
        }
    }
}
