//! Putting records in.

use std::collections::BTreeSet;

use futures::{StreamExt, TryStreamExt};

use super::Engine;
use crate::domain::{LocationId, PutRecord, ScopeId};
use crate::ports::{PortError, Put};

/// Records stored at once.
const AT_ONCE: usize = 16;

/// What became of records that were put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PutReport {
    /// Stored, and due.
    pub stored: u64,
    /// GHL has this content already: no call is needed.
    pub unchanged: u64,
}

impl Engine {
    /// Stores `records` as due now, and then tells their gates, once for each.
    ///
    /// # Errors
    /// When a record cannot be stored or a gate cannot be told. What was stored by then is due all the same; putting
    /// all of it again does no harm.
    pub async fn put(&self, records: &[PutRecord]) -> Result<PutReport, PortError> {
        let now = self.ports.clock.now();
        let mut report = PutReport::default();
        let mut puts =
            futures::stream::iter(records).map(|record| self.ports.outbox.put(record, now)).buffer_unordered(AT_ONCE);
        let mut failed = None;
        while let Some(put) = puts.next().await {
            match put {
                Ok(Put::Stored) => report.stored += 1,
                Ok(Put::Unchanged) => report.unchanged += 1,
                Err(error) => failed = Some(error),
            }
        }
        drop(puts);
        // Also after a failure: what was stored is due.
        if report.stored > 0 {
            self.kick(records.iter().map(|record| &record.location_id).collect()).await?;
        }
        failed.map_or(Ok(report), Err)
    }

    async fn kick(&self, locations: BTreeSet<&LocationId>) -> Result<(), PortError> {
        let mut scopes: BTreeSet<ScopeId> = BTreeSet::new();
        for location in locations {
            if let Some(settings) = self.ports.directory.location(location).await? {
                scopes.insert(settings.scope);
            }
        }
        let now = self.ports.clock.now();
        futures::stream::iter(scopes)
            .map(|scope| async move { self.ports.gates.kick(&scope, now).await })
            .buffer_unordered(AT_ONCE)
            .try_collect::<Vec<()>>()
            .await
            .map(drop)
    }
}
