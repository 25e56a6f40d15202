//! Opportunities that wait for their contact's GHL id.

use std::time::Duration;

use super::Engine;
use super::poison_records;
use super::record_end::RecordEnd;
use super::report::RecordResult;
use crate::ports::{Loaded, PortError, Settled};
use ghl_sync_model::{Outcome, Record, RecordKey};

/// Shortest delay until an opportunity checks again for its contact's GHL id.
const WAIT_FOR_CONTACT: Duration = Duration::from_secs(5);
/// Longest such delay.
const WAIT_FOR_CONTACT_MAX: Duration = Duration::from_secs(600);
/// How many times other records may start to wait while the waiting ones are woken, before the acceptance is left to a
/// later batch.
const WAKE_ROUNDS: u32 = 3;

impl Engine {
    /// Checks again after half the time that the record has waited so far, within bounds.
    pub(super) async fn wait_for(&self, record: &Record, contact: RecordKey) -> RecordEnd {
        let now = self.ports.clock.now();
        let waited = record.put_at.map_or(Duration::ZERO, |put_at| now.since(put_at));
        let pause = (waited / 2).clamp(WAIT_FOR_CONTACT, WAIT_FOR_CONTACT_MAX);
        self.wait(record, now + pause, Some(contact), None).await
    }

    /// Puts `record` to sleep: the contact is not due, so a person must act on it first. When the contact gets its GHL
    /// id, `record` becomes due; until then nothing checks it.
    ///
    /// The contact is marked first, and only while it is not due. So whoever sends the contact later knows of `record`
    /// and changes its due time: if that happens before `record` would stop being due, it stays due.
    pub(super) async fn wait_to_be_woken(&self, record: &Record, contact: RecordKey) -> RecordEnd {
        match self.ports.outbox.await_id(record, &contact).await {
            Ok(true) => {
                let end = self.write(record, &Outcome::Await { record: contact.clone() }, RecordResult::Waiting).await;
                // A write for a poison record changed its due time, so it cannot be put to sleep: it checks again
                // instead.
                if end.still_due && poison_records::has_killed(record) {
                    return self.wait_for(record, contact).await;
                }
                end
            }
            Ok(false) => self.wait_for(record, contact).await,
            Err(error) => self.store_failed(record, &error),
        }
    }

    /// Stores the outcome of `record`, whose GHL id is known, after making the records that wait for that id due: if
    /// the process dies in between, `record` is sent again and they are woken again. `None` if the outcome could not be
    /// stored.
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
            // A record that cannot be read is not waiting: a put makes it due.
            let Loaded::Record(waiting) = loaded else { continue };
            if waiting.woken_at(&record.key, now).is_some() {
                self.ports.outbox.wake(&waiting, &record.key, now).await?;
            }
        }
        Ok(())
    }

    /// The records that now wait for `record`.
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
