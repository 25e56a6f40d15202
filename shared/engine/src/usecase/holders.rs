//! Which record holds which GHL id: what one record has is never taken for another's.
//!
//! The index by GHL's id tells, but it lags. So a batch also remembers the ids that its own records have, and it looks
//! only when the index must show what earlier batches wrote; of one scope one batch at a time is under way. Two records
//! that look in the same place go one after the other, so that neither finds what the other is just creating.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::lock::{Mutex, OwnedMutexGuard};

use super::Engine;
use super::permits::Permits;
use crate::ports::{Loaded, PortError};
use ghl_sync_model::{ContactRef, EpochMs, GhlId, Kind, LocationId, Record, RecordKey};

type Place = (GhlId, GhlId);

/// Who holds which GHL id, as one batch knows.
#[derive(Debug)]
pub(super) struct Holders {
    known: Mutex<BTreeMap<(Kind, GhlId), RecordKey>>,
    places: Mutex<BTreeMap<Place, Arc<Mutex<()>>>>,
    /// From then on the index shows what earlier batches wrote about opportunities.
    deals_indexed_at: EpochMs,
}

/// Why nobody can say who holds an id.
#[derive(Debug)]
pub(super) enum Unknown {
    /// The index may lag until then, and the batch has no time to wait for it.
    IndexLags(EpochMs),
    /// The store failed.
    Store(PortError),
}

impl Holders {
    /// The holders among `due`, the records of a batch that begins now.
    pub(super) async fn of_batch(engine: &Engine, permits: &Permits<'_>, due: &[Record]) -> Holders {
        let now = engine.ports.clock.now();
        let index_lag = engine.config.index_lag;
        let named_at = permits.named_at().await;
        let known =
            due.iter().filter_map(|record| Some(((record.key.kind, record.ghl_id.clone()?), record.key.clone())));
        Holders {
            known: Mutex::new(known.collect()),
            places: Mutex::default(),
            deals_indexed_at: named_at.map_or(now, |at| at + index_lag),
        }
    }

    /// Keeps others that look in the same places waiting until the guards are gone.
    pub(super) async fn enter<'p>(&self, places: impl Iterator<Item = &'p ContactRef>) -> Vec<OwnedMutexGuard<()>> {
        let mut wanted: Vec<Place> =
            places.map(|place| (place.contact_id.clone(), place.pipeline_id.clone())).collect();
        // All in the same order: nobody waits for one who waits for him.
        wanted.sort();
        wanted.dedup();
        let mut guards = Vec::with_capacity(wanted.len());
        for place in wanted {
            let lock = self.places.lock().await.entry(place).or_default().clone();
            guards.push(lock.lock_owned().await);
        }
        guards
    }

    /// `record` has this id. Returns the record that had it before, as far as this batch knows.
    pub(super) async fn note(&self, record: &RecordKey, id: &GhlId) -> Option<RecordKey> {
        let before = self.known.lock().await.insert((record.kind, id.clone()), record.clone());
        before.filter(|before| before != record)
    }

    /// The other record that holds `id`. If there is none, it is `record`'s from now on.
    ///
    /// # Errors
    /// [`Unknown`] when nobody can say; `id` is left alone then.
    pub(super) async fn other_holder(
        &self,
        engine: &Engine,
        record: &Record,
        id: &GhlId,
        deadline: EpochMs,
    ) -> Result<Option<RecordKey>, Unknown> {
        let entry = (record.key.kind, id.clone());
        // Until it is known to be another's, nobody else of this batch gets it.
        let holder = self.known.lock().await.entry(entry.clone()).or_insert_with(|| record.key.clone()).clone();
        if holder != record.key {
            return Ok(Some(holder));
        }
        let looked = self.look(engine, record, id, deadline).await;
        match &looked {
            Ok(Some(other)) => _ = self.known.lock().await.insert(entry, other.clone()),
            Ok(None) => {}
            Err(_) => _ = self.known.lock().await.remove(&entry),
        }
        looked
    }

    async fn look(
        &self,
        engine: &Engine,
        record: &Record,
        id: &GhlId,
        deadline: EpochMs,
    ) -> Result<Option<RecordKey>, Unknown> {
        let clock = &engine.ports.clock;
        // A contact with our marker was created half a minute ago or more; nobody else is about to get it.
        let indexed_at = self.deals_indexed_at;
        if record.key.kind == Kind::Opportunity && indexed_at > clock.now() {
            if indexed_at + engine.config.request_timeout > deadline {
                return Err(Unknown::IndexLags(indexed_at));
            }
            if !engine.sleep_until(indexed_at).await {
                return Err(Unknown::IndexLags(indexed_at));
            }
        }
        let others = engine.other_holders(&record.location_id, &record.key, id).await.map_err(Unknown::Store)?;
        Ok(others.into_iter().next())
    }
}

impl Engine {
    /// The other records of the same kind that have this GHL id, as far as the index shows them.
    pub async fn other_holders(
        &self,
        location: &LocationId,
        record: &RecordKey,
        id: &GhlId,
    ) -> Result<Vec<RecordKey>, PortError> {
        let outbox = &self.ports.outbox;
        let mut keys = outbox.of_ghl_id(location, id).await?;
        keys.retain(|key| key.kind == record.kind && key != record);
        if keys.is_empty() {
            return Ok(keys);
        }
        // The index may show what a record had before.
        let loaded = outbox.load(location, &keys).await?;
        let holds = |loaded| match loaded {
            Loaded::Record(record) => (record.ghl_id.as_ref() == Some(id)).then_some(record.key),
            Loaded::Damaged { key, .. } => Some(key),
        };
        Ok(loaded.into_iter().filter_map(holds).collect())
    }
}
