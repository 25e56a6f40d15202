//! Tracks which record holds which GHL id, so that one record's GHL object is never taken for another's.
//!
//! The index by GHL id shows what is stored, and a batch remembers the ids that its own records got since; a scope runs
//! one batch at a time. Two records that search in the same place go one after the other, so that neither finds what
//! the other is just creating.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::lock::{Mutex, OwnedMutexGuard};

use super::Engine;
use crate::ports::PortError;
use ghl_sync_model::{ContactRef, GhlId, Kind, LocationId, Record, RecordKey};

type Place = (GhlId, GhlId);

/// The holders of GHL ids, as one batch knows them.
#[derive(Debug)]
pub(super) struct Holders {
    known: Mutex<BTreeMap<(Kind, GhlId), RecordKey>>,
    places: Mutex<BTreeMap<Place, Arc<Mutex<()>>>>,
}

impl Holders {
    /// The holders among `due`, the records of a batch that begins.
    pub(super) fn of_batch(due: &[Record]) -> Holders {
        let known =
            due.iter().filter_map(|record| Some(((record.key.kind, record.ghl_id.clone()?), record.key.clone())));
        Holders { known: Mutex::new(known.collect()), places: Mutex::default() }
    }

    /// Locks these places: others that search in them wait until the guards are dropped.
    pub(super) async fn enter<'p>(&self, places: impl Iterator<Item = &'p ContactRef>) -> Vec<OwnedMutexGuard<()>> {
        let mut wanted: Vec<Place> =
            places.map(|place| (place.contact_id.clone(), place.pipeline_id.clone())).collect();
        // Everybody locks in the same order, which prevents deadlocks.
        wanted.sort();
        wanted.dedup();
        let mut guards = Vec::with_capacity(wanted.len());
        for place in wanted {
            let lock = self.places.lock().await.entry(place).or_default().clone();
            guards.push(lock.lock_owned().await);
        }
        guards
    }

    /// Notes that `record` has this id. Returns the record that had it before, as far as this batch knows.
    pub(super) async fn note(&self, record: &RecordKey, id: &GhlId) -> Option<RecordKey> {
        let before = self.known.lock().await.insert((record.kind, id.clone()), record.clone());
        before.filter(|before| before != record)
    }

    /// The other record that holds `id`. If there is none, `record` holds it from now on.
    ///
    /// # Errors
    /// If the store fails; `id` is then not reserved.
    pub(super) async fn other_holder(
        &self,
        engine: &Engine,
        record: &Record,
        id: &GhlId,
    ) -> Result<Option<RecordKey>, PortError> {
        let entry = (record.key.kind, id.clone());
        // Reserve it until we know whether another record holds it, so that no other record of this batch takes it.
        let holder = self.known.lock().await.entry(entry.clone()).or_insert_with(|| record.key.clone()).clone();
        if holder != record.key {
            return Ok(Some(holder));
        }
        let others = engine.other_holders(&record.location_id, &record.key, id).await;
        let other = others.map(|others| others.into_iter().next());
        match &other {
            Ok(Some(other)) => _ = self.known.lock().await.insert(entry, other.clone()),
            Ok(None) => {}
            Err(_) => _ = self.known.lock().await.remove(&entry),
        }
        other
    }
}

impl Engine {
    /// The other records of the same kind that have this GHL id.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn other_holders(
        &self,
        location: &LocationId,
        record: &RecordKey,
        id: &GhlId,
    ) -> Result<Vec<RecordKey>, PortError> {
        let mut keys = self.ports.outbox.of_ghl_id(location, id).await?;
        keys.retain(|key| key.kind == record.kind && key != record);
        Ok(keys)
    }
}
