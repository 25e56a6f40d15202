//! The store of gates, with compare-and-swap writes. A put advances a gate's work sequence without reading the gate.

use async_trait::async_trait;

use super::{PortError, Replaced};
use ghl_sync_limiter::Gate;
use ghl_sync_model::{EpochMs, ScopeId};

/// One gate per rate scope. Every write compares and advances the revision.
#[async_trait]
pub trait GateStore: Send + Sync {
    /// Loads the current gate (strongly consistent).
    async fn load(&self, scope: &ScopeId) -> Result<GateEntry, PortError>;

    /// Stores `gate` if the stored revision is still `rev`. The next due check is at [`Gate::next_check_at`].
    async fn replace(&self, scope: &ScopeId, rev: u64, gate: &Gate) -> Result<Replaced<GateEntry>, PortError>;

    /// Reports that records were put: adds 1 to `work_seq` and makes the gate due for a check now.
    async fn advance_work_seq(&self, scope: &ScopeId, now: EpochMs) -> Result<(), PortError>;

    /// At most `limit` scopes that are due for a check. Eventually consistent. A part of the store that fails does not
    /// hold back the others; an error only if no part answers.
    async fn needing_check(&self, now: EpochMs, limit: u32) -> Result<DueChecks, PortError>;
}

/// Scopes whose gates are due for a check.
#[derive(Debug, Default)]
pub struct DueChecks {
    /// The rate scopes to check.
    pub scopes: Vec<ScopeId>,
    /// One error for each part of the store that failed.
    pub failed: Vec<PortError>,
}

/// A gate as it is stored.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GateEntry {
    /// Advances with every write; 0 if the gate does not exist yet.
    pub rev: u64,
    /// Advances with every put into one of the scope's locations.
    pub work_seq: u64,
    /// The gate.
    pub gate: Gate,
}
