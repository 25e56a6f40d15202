//! Puts records into the outbox.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;

use super::operation::Operation;
use super::{Engine, Measures};
use crate::counts::{Counter, Counts, RecordCount};
use crate::policy::{SharedIdentity, shared_identities};
use crate::ports::{PortError, Put};
use ghl_sync_model::{EpochMs, LocationId, Marker, PutRecord, RecordKey, ScopeId};

/// Records stored concurrently.
const AT_ONCE: usize = 16;

/// Totals of a put.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PutReport {
    /// Stored, and due.
    pub stored: u64,
    /// GHL has this content already: no call is needed.
    pub unchanged: u64,
    /// Nothing stored, because newer content was already there.
    pub outdated: u64,
    /// Contacts among them that GHL may merge.
    pub shared: Vec<SharedIdentity>,
}

/// Results of a put, record by record.
#[derive(Debug)]
pub struct PutItems {
    /// Results in the order of the records. A record that failed may have been stored all the same; putting it again is
    /// safe.
    pub items: Vec<Result<Put, PortError>>,
    /// Scopes that could not be notified or started: their stored records are due and go out later.
    pub not_started: Vec<(ScopeId, PortError)>,
    /// Contacts among the records that share an e-mail address or a phone number: GHL may merge them.
    pub shared: Vec<SharedIdentity>,
}

impl PutItems {
    /// The totals.
    #[must_use]
    pub fn report(&self) -> PutReport {
        let count = |wanted| self.items.iter().filter(|item| item.as_ref().is_ok_and(|put| *put == wanted)).count();
        PutReport {
            stored: count(Put::Stored) as u64,
            unchanged: count(Put::Unchanged) as u64,
            outdated: count(Put::Outdated) as u64,
            shared: self.shared.clone(),
        }
    }
}

impl Engine {
    /// Stores `records` as due now, and then notifies each of their gates once.
    ///
    /// # Errors
    /// If a record fails its [check](PutRecord::check) or cannot be stored, or a gate cannot be notified. Records
    /// stored by then are due all the same; putting all of them again is safe.
    pub async fn put(&self, records: &[PutRecord]) -> Result<PutReport, PortError> {
        let (put, _) = self.put_and_advance(records).await;
        let report = put.report();
        let failed = put.items.into_iter().find_map(Result::err);
        let not_told = put.not_started.into_iter().next().map(|(_, error)| error);
        failed.or(not_told).map_or(Ok(report), Err)
    }

    /// Stores `records` as due now, notifies their gates, and starts idle scopes at once. A record that cannot be
    /// stored does not affect the others.
    ///
    /// Of several records with the same key, the last one wins, or the newest if they date their content.
    pub async fn put_and_start(&self, records: &[PutRecord]) -> PutItems {
        let (mut put, scopes) = self.put_and_advance(records).await;
        let starts: Vec<_> = futures::stream::iter(scopes)
            .map(|scope| async move {
                let started = self.fan_out(&scope).await;
                (scope, started)
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let mut waiting = BTreeSet::new();
        for (scope, started) in starts {
            match started {
                Ok(fanned_out) if self.waits(&fanned_out) => _ = waiting.insert(scope),
                Ok(_) => {}
                Err(error) => {
                    self.port_failed(scope.clone(), &error);
                    put.not_started.push((scope, error));
                }
            }
        }
        self.tell_what_waits(records, &waiting).await;
        put
    }

    /// Stores the standings of locations whose scope will not send soon, so that an overview shows the new records at
    /// once.
    async fn tell_what_waits(&self, records: &[PutRecord], waiting: &BTreeSet<ScopeId>) {
        if waiting.is_empty() {
            return;
        }
        let locations: BTreeSet<&LocationId> = records.iter().map(|record| &record.location_id).collect();
        for location in locations {
            let settings = self.ports.registry.location(location).await;
            // A failure to read the settings has been reported before.
            if settings.is_ok_and(|settings| settings.is_some_and(|settings| waiting.contains(&settings.scope))) {
                self.tell_what_was_put(location).await;
            }
        }
    }

    async fn put_and_advance(&self, records: &[PutRecord]) -> (PutItems, Vec<ScopeId>) {
        self.register(records.iter().map(|record| &record.location_id).collect()).await;
        let now = self.ports.clock.now();
        let items = self.store(records, now).await;
        self.count_puts(records, &items).await;
        let stored = records.iter().zip(&items).filter(|(_, item)| matches!(item, Ok(Put::Stored)));
        let stored = stored.map(|(record, _)| &record.location_id).collect();
        let (advanced, not_started) = self.advance_work_seq(stored).await;
        (PutItems { items, not_started, shared: shared_identities(records) }, advanced)
    }

    /// Registers the locations. An unregistered location is still found while its gate has a pending check.
    async fn register(&self, locations: BTreeSet<&LocationId>) {
        for location in locations {
            if let Err(error) = self.ports.registry.register(location).await {
                self.port_failed(location.clone(), &error);
            }
        }
    }

    /// Stores each record. Records with the same key are stored in order, so that the last one wins.
    async fn store(&self, records: &[PutRecord], now: EpochMs) -> Vec<Result<Put, PortError>> {
        let mut by_key: BTreeMap<(&LocationId, RecordKey), Vec<usize>> = BTreeMap::new();
        for (index, record) in records.iter().enumerate() {
            by_key.entry((&record.location_id, record.key())).or_default().push(index);
        }
        let mut puts: Vec<(usize, Result<Put, PortError>)> = futures::stream::iter(by_key.into_values())
            .map(|indexes| self.store_in_order(records, indexes, now))
            .buffer_unordered(AT_ONCE)
            .concat()
            .await;
        puts.sort_unstable_by_key(|(index, _)| *index);
        puts.into_iter().map(|(_, put)| put).collect()
    }

    async fn store_in_order(
        &self,
        records: &[PutRecord],
        indexes: Vec<usize>,
        now: EpochMs,
    ) -> Vec<(usize, Result<Put, PortError>)> {
        let mut puts = Vec::with_capacity(indexes.len());
        for index in indexes {
            let record = &records[index];
            let put = match record.check() {
                Ok(()) => self.ports.outbox.put(record, now).await,
                Err(error) => Err(PortError::new("put", error)),
            };
            puts.push((index, put));
        }
        puts
    }

    /// Counts the puts, with one write per location.
    async fn count_puts(&self, records: &[PutRecord], items: &[Result<Put, PortError>]) {
        let mut counts: BTreeMap<&LocationId, Counts> = BTreeMap::new();
        for (record, item) in records.iter().zip(items) {
            let counts = counts.entry(&record.location_id).or_default();
            match item {
                Ok(Put::Stored) => counts.add(Counter::Records(RecordCount::Stored), 1),
                Ok(Put::Unchanged) => {
                    counts.add(Counter::Records(RecordCount::Unchanged), 1);
                    let marker = Marker::of(&record.location_id, &record.key());
                    counts.add(Counter::CallsSaved, Operation::calls_to_write_again(&record.payload, marker));
                }
                Ok(Put::Outdated) => counts.add(Counter::Records(RecordCount::Outdated), 1),
                Err(error) => {
                    self.port_failed(record.location_id.clone(), error);
                    counts.add(Counter::PortFailures, 1);
                }
            }
        }
        for (location, counts) in counts {
            self.count("put", location, Measures { counts, ..Measures::default() }, None).await;
        }
    }

    /// Notifies the scopes of these locations that there is work, once each. Returns the scopes that were notified, and
    /// the failures.
    async fn advance_work_seq(&self, locations: BTreeSet<&LocationId>) -> (Vec<ScopeId>, Vec<(ScopeId, PortError)>) {
        let (mut scopes, mut failed) = (BTreeSet::new(), Vec::new());
        for location in locations {
            match self.ports.registry.location(location).await {
                Ok(Some(settings)) => _ = scopes.insert(settings.scope),
                Ok(None) => {}
                Err(error) => failed.push((location.clone().into(), error)),
            }
        }
        let now = self.ports.clock.now();
        let advances: Vec<_> = futures::stream::iter(scopes)
            .map(|scope| async move { (self.ports.gates.advance_work_seq(&scope, now).await, scope) })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let mut advanced = Vec::new();
        for (advance, scope) in advances {
            match advance {
                Ok(()) => advanced.push(scope),
                Err(error) => failed.push((scope, error)),
            }
        }
        failed.iter().for_each(|(scope, error)| self.port_failed(scope.clone(), error));
        (advanced, failed)
    }
}
