//! The use cases of the deployed functions, in terms of the ports.

mod alert_news;
mod awaiting;
mod changes;
mod check_access;
mod config;
mod control;
mod direct;
mod due_check;
pub(crate) mod event;
mod fan_out;
mod gate_session;
mod holders;
mod host_health;
mod kept_image;
mod lost_messages;
mod notice;
mod operation;
mod opportunity_search;
mod outcome_news;
mod own_or_others;
mod permits;
mod poison_records;
mod pre_image;
mod put;
mod record_end;
mod record_progress;
mod redrive;
mod report;
mod retention;
mod retention_report;
mod send_records;
mod shutdown;
mod signals;
mod standing;
mod sync_batch;
mod sync_record;
mod tally;
mod tick;
mod undo_record;

use std::sync::Arc;

pub use alert_news::AlertNews;
pub use changes::{CHANGES_PER_PAGE, Changes};
pub use check_access::{AccessReport, Question, QuestionContext, QuestionResult};
pub use config::EngineConfig;
pub use direct::{DirectCalls, DirectError};
pub use event::{Event, EventKind, EventSink};
pub use fan_out::FannedOut;
pub use notice::{GateNotice, GateTrouble};
pub use outcome_news::{DeliveryEnd, OutcomeNews};
pub use permits::SIGHT;
pub use put::{PutItems, PutReport};
pub use report::{
    BatchReport, DeadLetterEnd, Measures, NotRun, Received, ReconcileEnd, ReconcileReport, RecordResult, TickReport,
};
pub use retention::RetentionBookmark;
pub use retention_report::RetentionReport;
pub use shutdown::Shutdown;
pub use sync_batch::Invocation;
pub use tally::Tally;

use crate::ports::{
    BatchQueue, Bookmarks, Clock, Counters, Crm, DeadLetters, GateStore, ItemStore, KnownStates, LocationRegistry,
    Outbox, PortError, Randomness, Versioned,
};
use ghl_sync_limiter::HostHealth;
use ghl_sync_model::ScopeId;

/// The engine's connections to the outside world.
#[derive(Clone)]
pub struct Ports {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub randomness: Arc<dyn Randomness>,
    /// GHL.
    pub crm: Arc<dyn Crm>,
    /// The records.
    pub outbox: Arc<dyn Outbox>,
    /// The gates.
    pub gates: Arc<dyn GateStore>,
    /// Health that the locations of an API host share.
    pub host_health: Versioned<HostHealth>,
    /// The queue of batches.
    pub queue: Arc<dyn BatchQueue>,
    /// Settings of locations.
    pub registry: Arc<dyn LocationRegistry>,
    /// Counters and standings.
    pub counters: Arc<dyn Counters>,
    /// The last known GHL state of each record.
    pub known: Arc<dyn KnownStates>,
    /// How far reconciling has read each location's changes.
    pub bookmarks: Arc<dyn Bookmarks>,
    /// All other items with optimistic locking: imports, mirrors.
    pub items: Arc<dyn ItemStore>,
    /// Dead-letter messages.
    pub dead_letters: Arc<dyn DeadLetters>,
    /// Logs and metrics.
    pub sink: Arc<dyn EventSink>,
}

/// The sync engine: use cases over ports. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    ports: Ports,
    config: EngineConfig,
    shutdown: Shutdown,
    last_standings: standing::LastStandings,
}

impl Engine {
    /// An engine over `ports`, without a shutdown signal.
    #[must_use]
    pub fn new(ports: Ports, config: EngineConfig) -> Engine {
        Engine { ports, config, shutdown: Shutdown::default(), last_standings: standing::LastStandings::default() }
    }

    /// Its connections to the outside world: stores, queue, GHL, clock.
    #[must_use]
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// The environment's settings for all locations.
    #[must_use]
    pub fn config(&self) -> &EngineConfig {
        &self.config
    }

    /// Reports that a store or a queue failed.
    pub fn port_failed(&self, scope: impl Into<ScopeId>, error: &PortError) {
        self.ports.sink.emit(&Event::PortFailed { scope: Some(&scope.into()), error });
    }
}

/// A short hash of `bytes` that is the same in every invocation (FNV-1a).
fn fnv1a(bytes: impl Iterator<Item = u8>) -> u32 {
    bytes.fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
