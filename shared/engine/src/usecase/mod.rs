//! What the functions do, in terms of the ports.

mod config;
mod event;
mod fan_out;
mod gate_session;
mod lessons;
mod look;
mod operation;
mod permits;
mod pull;
mod put;
mod record_end;
mod report;
mod send_records;
mod sync_batch;
mod sync_record;
mod tick;

use std::sync::Arc;

pub use config::EngineConfig;
pub use event::Event;
pub use fan_out::FannedOut;
pub use pull::PullError;
pub use put::PutReport;
pub use report::{BatchReport, NotRun, RecordResult};
pub use sync_batch::Invocation;
pub use tick::TickReport;

use crate::ports::{BatchQueue, Clock, Crm, Dice, Directory, GateStore, Meter, Outbox};

/// The world, as the engine sees it.
#[derive(Clone)]
pub struct Ports {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub dice: Arc<dyn Dice>,
    /// GHL.
    pub crm: Arc<dyn Crm>,
    /// The records.
    pub outbox: Arc<dyn Outbox>,
    /// The gates.
    pub gates: Arc<dyn GateStore>,
    /// The queue of batches.
    pub queue: Arc<dyn BatchQueue>,
    /// Settings of locations.
    pub directory: Arc<dyn Directory>,
    /// Logs and metrics.
    pub meter: Arc<dyn Meter>,
}

/// The sync engine: use cases over ports. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    ports: Ports,
    config: EngineConfig,
}

impl Engine {
    /// An engine over `ports`.
    #[must_use]
    pub fn new(ports: Ports, config: EngineConfig) -> Engine {
        Engine { ports, config }
    }

    /// Its ports.
    #[must_use]
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &EngineConfig {
        &self.config
    }
}
