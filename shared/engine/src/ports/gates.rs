//! The gates: items that are compared and advanced, and that whoever puts records advances without reading them.

use async_trait::async_trait;

use super::{PortError, Replaced};
use ghl_sync_limiter::Gate;
use ghl_sync_model::{EpochMs, ScopeId};

/// The gates, one item a scope, each write compared and advanced.
#[async_trait]
pub trait GateStore: Send + Sync {
    /// The gate as it is now (strongly consistent).
    async fn load(&self, scope: &ScopeId) -> Result<GateEntry, PortError>;

    /// Stores `gate` if the stored revision is still `rev`. The time to look at the gate next is
    /// [`Gate::next_check_at`].
    async fn replace(&self, scope: &ScopeId, rev: u64, gate: &Gate) -> Result<Replaced<GateEntry>, PortError>;

    /// Says that records were put: `work_seq + 1`, look at the gate now.
    async fn advance_work_seq(&self, scope: &ScopeId, now: EpochMs) -> Result<(), PortError>;

    /// Scopes whose time to look at has come, at most `limit`. Eventually consistent. What a part of the store does not
    /// tell keeps nothing else back; an error only if no part answers.
    async fn needing_check(&self, now: EpochMs, limit: u32) -> Result<DueChecks, PortError>;
}

/// Scopes whose time to look at has come.
#[derive(Debug, Default)]
pub struct DueChecks {
    /// The rate scopes whose gates should be looked at.
    pub scopes: Vec<ScopeId>,
    /// Why parts of the store did not tell theirs, one error a part.
    pub failed: Vec<PortError>,
}

/// A gate as it is stored.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GateEntry {
    /// Advances with every write; 0 is a gate that does not exist yet.
    pub rev: u64,
    /// Advances with every put into one of the scope's locations.
    pub work_seq: u64,
    /// The gate.
    pub gate: Gate,
}
