//! DynamoDB, SQS and S3 adapters for the engine's ports.
//!
//! [`DynamoOutbox`] stores the records and their due index, [`DynamoGateStore`] the gates, [`DynamoItems`] other
//! items with revisions; [`SqsBatchQueue`] sends the batches; [`DynamoLocations`] lists the known locations,
//! [`DynamoCounters`] counts, and [`DynamoKnownStates`] stores GHL's reported state of its records. Each port call is
//! one request where AWS allows it: an atomic change is one conditional `UpdateItem`, never a read followed by a
//! write. [`Usage`] counts the requests to AWS and DynamoDB's charges for measurements; the adapters do not depend on
//! it.
//!
//! Errors are [`PortError`](ghl_sync_engine::ports::PortError)s with the SDK's error as their source. A failed
//! condition is a result, not an error. Messages name attributes and operations, never the content of a record.

mod bookmarks;
mod client;
mod counters;
mod dead_letters;
mod deliveries;
mod event_bus;
mod expression;
mod fields;
mod files;
mod gate_store;
mod installations;
mod items;
mod known_states;
mod links;
mod locations;
mod migrations;
mod outbox;
mod outcome_log;
mod queue;
mod record_stream;
mod refused_items;
mod request_signer;
mod secrets;
mod signed;
mod standing;
mod table;
pub mod tables;
mod topic;
mod usage;
mod vault;

pub use bookmarks::DynamoBookmarks;
pub use client::AwsConfig;
pub use counters::DynamoCounters;
pub use dead_letters::{DeadLetterQueueUrls, SqsDeadLetters, dead_letter};
pub use deliveries::SqsDeliveries;
pub use event_bus::EventBridge;
pub use files::S3Files;
pub use gate_store::DynamoGateStore;
pub use installations::DynamoInstallations;
pub use items::DynamoItems;
pub use known_states::DynamoKnownStates;
pub use links::S3Links;
pub use locations::DynamoLocations;
pub use migrations::DynamoMigrationStore;
pub use outbox::DynamoOutbox;
pub use outcome_log::DynamoOutcomeLog;
pub use queue::{SqsBatchQueue, SqsMigrationQueue, SqsStepQueue};
pub use record_stream::{NotFromStream, record_changes};
pub use refused_items::SqsRefusedItems;
pub use request_signer::RequestSigner;
pub use secrets::AwsSecrets;
pub use topic::SnsTopic;
pub use usage::{RequestCount, Usage, UsageSnapshot};
pub use vault::SecretsManagerVault;
