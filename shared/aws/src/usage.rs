//! What the adapters asked of AWS, and what DynamoDB charged for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// What a request was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Storing a record as due.
    OutboxPut,
    /// Reading the due index.
    OutboxDue,
    /// Reading records.
    OutboxLoad,
    /// Writing how it ended with a record.
    OutboxSettle,
    /// Setting a damaged record aside.
    OutboxQuarantine,
    /// Reading a gate.
    GateLoad,
    /// Comparing and replacing a gate.
    GateReplace,
    /// Telling a gate that there is work.
    GateKick,
    /// Reading which gates need a look.
    GateLook,
    /// Reading what all locations know together.
    FleetLoad,
    /// Comparing and replacing it.
    FleetReplace,
    /// Sending a batch.
    QueueSend,
    /// Counting what is due or has failed.
    OutboxCount,
    /// Reading the failed index.
    OutboxFailed,
    /// Giving a failed record another chance.
    OutboxReplay,
    /// Finding records by GHL's id.
    OutboxOfGhlId,
    /// Writing what reconciling decided about a record.
    OutboxResolve,
    /// Reading what is set for a location.
    SettingsLoad,
    /// Setting something for a location.
    SettingsStore,
    /// Making a location known.
    SettingsRegister,
    /// Listing the locations that are known.
    SettingsList,
    /// Adding to counters.
    CountersAdd,
    /// Reading counters.
    CountersRead,
    /// Writing down that the scheduler ran.
    Tick,
    /// Asking how many dead letters there are.
    DeadLetters,
    /// Parking a dead letter.
    LettersPark,
    /// Taking dead letters out of their queue.
    LettersTake,
    /// Deleting a dead letter.
    LettersDelete,
    /// Showing a dead letter to everybody again.
    LettersPutBack,
    /// Storing what GHL told of a record.
    KnownReplace,
    /// Reading what GHL told of a record.
    KnownLoad,
    /// Reading how far a location's changes were read.
    BookmarkFind,
    /// Keeping that.
    BookmarkKeep,
    /// Remembering that a webhook was seen.
    WebhookRemember,
    /// Taking note that the app was installed or removed.
    InstallationNote,
    /// Reading issued tokens.
    TokenLoad,
    /// Comparing and replacing issued tokens.
    TokenReplace,
    /// Reading a migration, or the settings of all.
    MigrationLoad,
    /// Comparing and replacing a migration or the settings, claiming or releasing a target.
    MigrationWrite,
    /// Storing a page of what a migration writes down.
    MigrationPut,
    /// Reading such pages.
    MigrationPages,
    /// Reading which migrations need a look.
    MigrationLook,
    /// Listing the migrations.
    MigrationList,
    /// Sending a step of a migration.
    MigrationSend,
}

/// Where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Store {
    /// The table of records.
    Records,
    /// The table of gates, settings, counters, and of webhooks that were seen.
    State,
    /// The queue of batches, that of dead letters or that of parked ones.
    Queue,
}

/// Whether a request changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// It does not.
    Read,
    /// It may.
    Write,
}

impl Purpose {
    /// All of them, in the order of their declaration.
    pub const ALL: [Purpose; 44] = [
        Purpose::OutboxPut,
        Purpose::OutboxDue,
        Purpose::OutboxLoad,
        Purpose::OutboxSettle,
        Purpose::OutboxQuarantine,
        Purpose::GateLoad,
        Purpose::GateReplace,
        Purpose::GateKick,
        Purpose::GateLook,
        Purpose::FleetLoad,
        Purpose::FleetReplace,
        Purpose::QueueSend,
        Purpose::OutboxCount,
        Purpose::OutboxFailed,
        Purpose::OutboxReplay,
        Purpose::OutboxOfGhlId,
        Purpose::OutboxResolve,
        Purpose::SettingsLoad,
        Purpose::SettingsStore,
        Purpose::SettingsRegister,
        Purpose::SettingsList,
        Purpose::CountersAdd,
        Purpose::CountersRead,
        Purpose::Tick,
        Purpose::DeadLetters,
        Purpose::LettersPark,
        Purpose::LettersTake,
        Purpose::LettersDelete,
        Purpose::LettersPutBack,
        Purpose::KnownReplace,
        Purpose::KnownLoad,
        Purpose::BookmarkFind,
        Purpose::BookmarkKeep,
        Purpose::WebhookRemember,
        Purpose::InstallationNote,
        Purpose::TokenLoad,
        Purpose::TokenReplace,
        Purpose::MigrationLoad,
        Purpose::MigrationWrite,
        Purpose::MigrationPut,
        Purpose::MigrationPages,
        Purpose::MigrationLook,
        Purpose::MigrationList,
        Purpose::MigrationSend,
    ];

    /// The purpose as it is written in reports and errors.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Purpose::OutboxPut => "outbox.put",
            Purpose::OutboxDue => "outbox.due",
            Purpose::OutboxLoad => "outbox.load",
            Purpose::OutboxSettle => "outbox.settle",
            Purpose::OutboxQuarantine => "outbox.quarantine",
            Purpose::GateLoad => "gates.load",
            Purpose::GateReplace => "gates.replace",
            Purpose::GateKick => "gates.kick",
            Purpose::GateLook => "gates.needing_look",
            Purpose::FleetLoad => "fleet.load",
            Purpose::FleetReplace => "fleet.replace",
            Purpose::QueueSend => "queue.send",
            Purpose::OutboxCount => "outbox.count",
            Purpose::OutboxFailed => "outbox.failed",
            Purpose::OutboxReplay => "outbox.replay",
            Purpose::OutboxOfGhlId => "outbox.of_ghl_id",
            Purpose::OutboxResolve => "outbox.resolve",
            Purpose::SettingsLoad => "settings.load",
            Purpose::SettingsStore => "settings.store",
            Purpose::SettingsRegister => "settings.register",
            Purpose::SettingsList => "settings.list",
            Purpose::CountersAdd => "counters.add",
            Purpose::CountersRead => "counters.read",
            Purpose::Tick => "counters.tick",
            Purpose::DeadLetters => "dead_letters.depth",
            Purpose::LettersPark => "dead_letters.park",
            Purpose::LettersTake => "dead_letters.take",
            Purpose::LettersDelete => "dead_letters.delete",
            Purpose::LettersPutBack => "dead_letters.put_back",
            Purpose::KnownReplace => "known.replace",
            Purpose::KnownLoad => "known.load",
            Purpose::BookmarkFind => "bookmarks.find",
            Purpose::BookmarkKeep => "bookmarks.keep",
            Purpose::WebhookRemember => "webhooks.remember",
            Purpose::InstallationNote => "installations.note",
            Purpose::TokenLoad => "tokens.load",
            Purpose::TokenReplace => "tokens.replace",
            Purpose::MigrationLoad => "migrations.load",
            Purpose::MigrationWrite => "migrations.write",
            Purpose::MigrationPut => "migrations.put_page",
            Purpose::MigrationPages => "migrations.pages",
            Purpose::MigrationLook => "migrations.needing_look",
            Purpose::MigrationList => "migrations.list",
            Purpose::MigrationSend => "migrations.send",
        }
    }

    /// Where its requests go.
    #[must_use]
    pub fn store(self) -> Store {
        match self {
            Purpose::OutboxPut
            | Purpose::OutboxDue
            | Purpose::OutboxLoad
            | Purpose::OutboxSettle
            | Purpose::OutboxQuarantine
            | Purpose::OutboxCount
            | Purpose::OutboxFailed
            | Purpose::OutboxReplay
            | Purpose::OutboxOfGhlId
            | Purpose::OutboxResolve
            | Purpose::KnownReplace
            | Purpose::KnownLoad => Store::Records,
            Purpose::GateLoad
            | Purpose::GateReplace
            | Purpose::GateKick
            | Purpose::GateLook
            | Purpose::FleetLoad
            | Purpose::FleetReplace
            | Purpose::SettingsLoad
            | Purpose::SettingsStore
            | Purpose::SettingsRegister
            | Purpose::SettingsList
            | Purpose::CountersAdd
            | Purpose::CountersRead
            | Purpose::Tick
            | Purpose::BookmarkFind
            | Purpose::BookmarkKeep
            | Purpose::WebhookRemember
            | Purpose::InstallationNote
            | Purpose::TokenLoad
            | Purpose::TokenReplace
            | Purpose::MigrationLoad
            | Purpose::MigrationWrite
            | Purpose::MigrationPut
            | Purpose::MigrationPages
            | Purpose::MigrationLook
            | Purpose::MigrationList => Store::State,
            Purpose::QueueSend
            | Purpose::DeadLetters
            | Purpose::LettersPark
            | Purpose::LettersTake
            | Purpose::LettersDelete
            | Purpose::LettersPutBack
            | Purpose::MigrationSend => Store::Queue,
        }
    }

    /// Whether its requests change anything.
    #[must_use]
    pub fn access(self) -> Access {
        match self {
            Purpose::OutboxDue
            | Purpose::OutboxLoad
            | Purpose::GateLoad
            | Purpose::GateLook
            | Purpose::FleetLoad
            | Purpose::OutboxCount
            | Purpose::OutboxFailed
            | Purpose::OutboxOfGhlId
            | Purpose::BookmarkFind
            | Purpose::SettingsLoad
            | Purpose::SettingsList
            | Purpose::CountersRead
            | Purpose::TokenLoad
            | Purpose::DeadLetters
            | Purpose::MigrationLoad
            | Purpose::MigrationPages
            | Purpose::MigrationLook
            | Purpose::MigrationList
            | Purpose::KnownLoad => Access::Read,
            Purpose::OutboxPut
            | Purpose::OutboxSettle
            | Purpose::OutboxQuarantine
            | Purpose::OutboxResolve
            | Purpose::BookmarkKeep
            | Purpose::GateReplace
            | Purpose::GateKick
            | Purpose::FleetReplace
            | Purpose::QueueSend
            | Purpose::LettersPark
            | Purpose::LettersTake
            | Purpose::LettersDelete
            | Purpose::LettersPutBack
            | Purpose::OutboxReplay
            | Purpose::SettingsStore
            | Purpose::SettingsRegister
            | Purpose::CountersAdd
            | Purpose::TokenReplace
            | Purpose::Tick
            | Purpose::KnownReplace
            | Purpose::WebhookRemember
            | Purpose::MigrationWrite
            | Purpose::MigrationPut
            | Purpose::MigrationSend
            | Purpose::InstallationNote => Access::Write,
        }
    }
}

/// Running counts, shared by the adapters of a process.
///
/// Requests are counted as they go out, each attempt of the SDK's retries included. Capacity units are those that
/// DynamoDB reported: it reports none for a request whose condition did not hold, though it charges for it.
#[derive(Debug)]
pub struct Usage {
    counters: [Counter; Purpose::ALL.len()],
}

// The standard library has defaults for arrays of up to 32 only.
impl Default for Usage {
    fn default() -> Self {
        Usage { counters: std::array::from_fn(|_| Counter::default()) }
    }
}

#[derive(Debug, Default)]
struct Counter {
    requests: AtomicU64,
    /// Thousandths of a capacity unit: reads are charged in halves.
    milli_units: AtomicU64,
}

impl Usage {
    /// Counts from zero.
    #[must_use]
    pub fn new() -> Arc<Usage> {
        Arc::default()
    }

    /// The counts as they are now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            counts: Purpose::ALL.map(|purpose| {
                let counter = self.counter(purpose);
                Count {
                    requests: counter.requests.load(Ordering::Relaxed),
                    milli_units: counter.milli_units.load(Ordering::Relaxed),
                }
            }),
        }
    }

    /// Goes into a request, and counts each of its attempts.
    pub(crate) fn attempts(self: &Arc<Self>, purpose: Purpose) -> impl Intercept + use<> {
        CountAttempts { usage: Arc::clone(self), purpose }
    }

    /// Adds what DynamoDB reported as consumed.
    pub(crate) fn add_units(&self, purpose: Purpose, units: f64) {
        self.counter(purpose).milli_units.fetch_add((units * 1000.0).round() as u64, Ordering::Relaxed);
    }

    fn counter(&self, purpose: Purpose) -> &Counter {
        &self.counters[purpose as usize]
    }
}

#[derive(Debug)]
struct CountAttempts {
    usage: Arc<Usage>,
    purpose: Purpose,
}

#[dyn_dispatch_hint]
impl Intercept for CountAttempts {
    fn name(&self) -> &'static str {
        "CountAttempts"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.usage.counter(self.purpose).requests.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// Counts at one moment, or between two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshot {
    counts: [Count; Purpose::ALL.len()],
}

impl Default for Snapshot {
    fn default() -> Self {
        Snapshot { counts: std::array::from_fn(|_| Count::default()) }
    }
}

/// Requests and their capacity units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Requests that went out.
    pub requests: u64,
    milli_units: u64,
}

impl Count {
    /// Read or write capacity units, indexes included; zero for a queue.
    #[must_use]
    pub fn units(self) -> f64 {
        self.milli_units as f64 / 1000.0
    }
}

impl Snapshot {
    /// What was used between `earlier` and this.
    #[must_use]
    pub fn since(&self, earlier: &Snapshot) -> Snapshot {
        Snapshot {
            counts: Purpose::ALL.map(|purpose| {
                let (now, then) = (self.of(purpose), earlier.of(purpose));
                Count {
                    requests: now.requests.saturating_sub(then.requests),
                    milli_units: now.milli_units.saturating_sub(then.milli_units),
                }
            }),
        }
    }

    /// What was used for one purpose.
    #[must_use]
    pub fn of(&self, purpose: Purpose) -> Count {
        self.counts[purpose as usize]
    }

    /// What was used for all purposes that `pick` picks.
    #[must_use]
    pub fn total(&self, pick: impl Fn(Purpose) -> bool) -> Count {
        Purpose::ALL.into_iter().filter(|purpose| pick(*purpose)).map(|purpose| self.of(purpose)).fold(
            Count::default(),
            |sum, count| Count {
                requests: sum.requests + count.requests,
                milli_units: sum.milli_units + count.milli_units,
            },
        )
    }

    /// DynamoDB requests that read, and the read units that they consumed.
    #[must_use]
    pub fn reads(&self) -> Count {
        self.total(|purpose| purpose.store() != Store::Queue && purpose.access() == Access::Read)
    }

    /// DynamoDB requests that write, and the write units that they consumed, indexes included.
    #[must_use]
    pub fn writes(&self) -> Count {
        self.total(|purpose| purpose.store() != Store::Queue && purpose.access() == Access::Write)
    }

    /// Writes to gates, and the write units that they consumed.
    #[must_use]
    pub fn gate_writes(&self) -> Count {
        self.total(|purpose| matches!(purpose, Purpose::GateReplace | Purpose::GateKick))
    }

    /// Messages sent.
    #[must_use]
    pub fn sends(&self) -> u64 {
        self.of(Purpose::QueueSend).requests
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_purpose_has_a_counter_of_its_own() {
        let usage = Usage::new();
        for purpose in Purpose::ALL {
            let before = usage.snapshot();
            usage.add_units(purpose, 1.5);
            let used = usage.snapshot().since(&before);
            assert_eq!((used.of(purpose).units(), used.total(|_| true).units()), (1.5, 1.5), "{purpose:?}");
        }
    }
}
