//! What the adapters ask AWS for, and where each request goes.

use strum::EnumIter;

/// What a request was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter)]
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
    GateAdvance,
    /// Reading which gates need a look.
    GateCheck,
    /// Reading what all locations know together.
    HostHealthLoad,
    /// Comparing and replacing it.
    HostHealthReplace,
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
    /// Writing down at a record that another one waits for it.
    OutboxAwaitId,
    /// Making a record due whose wait is over.
    OutboxWake,
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
    DeadLettersPark,
    /// Taking dead letters out of their queue.
    DeadLettersTake,
    /// Deleting a dead letter.
    DeadLettersDelete,
    /// Showing a dead letter to everybody again.
    DeadLettersPutBack,
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
    MigrationCheck,
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
    /// The purpose as it is written in reports and errors.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.facts().0
    }

    /// Where its requests go.
    #[must_use]
    pub fn store(self) -> Store {
        self.facts().1
    }

    /// Whether its requests change anything.
    #[must_use]
    pub fn access(self) -> Access {
        self.facts().2
    }

    fn facts(self) -> (&'static str, Store, Access) {
        use Access::{Read, Write};
        use Store::{Queue, Records, State};
        match self {
            Purpose::OutboxPut => ("outbox.put", Records, Write),
            Purpose::OutboxDue => ("outbox.due", Records, Read),
            Purpose::OutboxLoad => ("outbox.load", Records, Read),
            Purpose::OutboxSettle => ("outbox.settle", Records, Write),
            Purpose::OutboxQuarantine => ("outbox.quarantine", Records, Write),
            Purpose::GateLoad => ("gates.load", State, Read),
            Purpose::GateReplace => ("gates.replace", State, Write),
            Purpose::GateAdvance => ("gates.advance_work_seq", State, Write),
            Purpose::GateCheck => ("gates.needing_check", State, Read),
            Purpose::HostHealthLoad => ("host_health.load", State, Read),
            Purpose::HostHealthReplace => ("host_health.replace", State, Write),
            Purpose::QueueSend => ("queue.send", Queue, Write),
            Purpose::OutboxCount => ("outbox.count", Records, Read),
            Purpose::OutboxFailed => ("outbox.failed", Records, Read),
            Purpose::OutboxReplay => ("outbox.replay", Records, Write),
            Purpose::OutboxOfGhlId => ("outbox.of_ghl_id", Records, Read),
            Purpose::OutboxResolve => ("outbox.resolve", Records, Write),
            Purpose::OutboxAwaitId => ("outbox.await_id", Records, Write),
            Purpose::OutboxWake => ("outbox.wake", Records, Write),
            Purpose::SettingsLoad => ("settings.load", State, Read),
            Purpose::SettingsStore => ("settings.store", State, Write),
            Purpose::SettingsRegister => ("settings.register", State, Write),
            Purpose::SettingsList => ("settings.list", State, Read),
            Purpose::CountersAdd => ("counters.add", State, Write),
            Purpose::CountersRead => ("counters.read", State, Read),
            Purpose::Tick => ("counters.tick", State, Write),
            Purpose::DeadLetters => ("dead_letters.depth", Queue, Read),
            Purpose::DeadLettersPark => ("dead_letters.park", Queue, Write),
            Purpose::DeadLettersTake => ("dead_letters.take", Queue, Write),
            Purpose::DeadLettersDelete => ("dead_letters.delete", Queue, Write),
            Purpose::DeadLettersPutBack => ("dead_letters.put_back", Queue, Write),
            Purpose::KnownReplace => ("known.replace", Records, Write),
            Purpose::KnownLoad => ("known.load", Records, Read),
            Purpose::BookmarkFind => ("bookmarks.find", State, Read),
            Purpose::BookmarkKeep => ("bookmarks.keep", State, Write),
            Purpose::WebhookRemember => ("webhooks.remember", State, Write),
            Purpose::InstallationNote => ("installations.note", State, Write),
            Purpose::TokenLoad => ("tokens.load", State, Read),
            Purpose::TokenReplace => ("tokens.replace", State, Write),
            Purpose::MigrationLoad => ("migrations.load", State, Read),
            Purpose::MigrationWrite => ("migrations.write", State, Write),
            Purpose::MigrationPut => ("migrations.put_page", State, Write),
            Purpose::MigrationPages => ("migrations.pages", State, Read),
            Purpose::MigrationCheck => ("migrations.needing_check", State, Read),
            Purpose::MigrationList => ("migrations.list", State, Read),
            Purpose::MigrationSend => ("migrations.send", Queue, Write),
        }
    }
}
