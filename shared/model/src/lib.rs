//! The vocabulary of all other crates: ids, records, contacts and opportunities, batches, calls to GHL, their
//! outcomes, and settings. It makes no decisions and depends on no other crate of ours.

mod answer;
mod api_key;
mod ascii_json;
mod audit;
mod batch;
mod begun_import;
mod call;
mod clearing;
mod conflict;
mod connection;
mod contact;
mod creation_key;
mod credentials;
mod cursor;
mod dead_letter;
mod facts;
mod ids;
mod import;
mod item;
pub mod json;
mod labels;
mod lenient;
mod marker;
mod marketplace_app;
mod merge_patch;
mod message;
mod migration;
mod mirror;
mod opportunity;
mod outcome;
mod payload;
mod profile;
mod reach;
mod reconcile;
mod record;
mod remote;
mod reply;
mod session;
mod settings;
mod settings_error;
mod structure;
mod time;
mod undo;

pub use answer::{
    Cause, ContactPage, Failure, FoundOpportunity, FoundPage, ListedContact, ListedOpportunity, NotCarried,
    OpportunityPage, PageCursor, Quota, RetryAfter, Unread, UnreadRecord, View,
};
pub use api_key::{InvalidKeyHash, KEY_PREFIX, KeyHash, KeyRecord, Role, is_key_name, key_text};
pub use audit::{AuditKey, AuditedRequest};
pub use batch::{BATCH_VERSION, Batch, BatchError, MAX_BATCH_KEYS, fit_into_message};
pub use begun_import::BegunImport;
pub use call::{Answer, Api, Call, ContactRef, Endpoint};
pub use conflict::Conflict;
pub use connection::{ConnectedBy, ConnectionId, ConsentAttempt, GhlConnection, InvalidConnectionId, SubAccount};
pub use contact::{Contact, CustomField, TextField, TextForm, is_same_tag};
pub use creation_key::{CreationKey, OpportunityKey};
pub use credentials::fingerprint;
pub use credentials::{
    Credentials, CredentialsError, CredentialsRef, InvalidCredentialsRef, OAuthGrant, OAuthUser, Secret,
};
pub use cursor::{
    AuditCursor, FailedCursor, ImportCursor, InvalidCursor, ListCursor, LocationCursor, OutcomeCursor, OverviewCursor,
    RecordCursor,
};
pub use dead_letter::DeadLetter;
pub use facts::{Fact, KnownFields, KnownPipelines, LocationFacts, ReportedFacts, UnreportedFact};
pub use ids::{
    EventId, Generation, GhlId, Holder, ImportId, InvalidId, KeyId, Kind, LocationId, MigrationId, MirrorName,
    RecordId, RecordKey, RunId, ScopeId, is_noncharacter,
};
pub use import::{Import, ImportList, ImportStanding, ImportState, ImportSummary, LISTED_IMPORTS};
pub use item::{Item, ItemKind};
pub use labels::{LocationLabels, days_until, time_or_date};
pub use marker::Marker;
pub use marketplace_app::{InvalidApp, MarketplaceApp};
pub use merge_patch::{merged, patch_between};
pub use message::{Ask, Message};
pub use migration::{
    Access, Account, AuditEntry, CallCount, Choice, Connection, ConnectionTest, ConnectionTestAnswer,
    ConnectionTestOrder, Created, ExistingContact, ExistingOpportunity, FieldDifference, Finding, Forecast,
    KindForecast, KindReport, MIGRATION_VERSION, Mapped, MappedTo, MappingOverrides, MappingReport, MappingSummary,
    MatchMethod, Migration, MigrationConfig, MigrationLease, MigrationMessage, MigrationMessageError, MigrationOverlay,
    MigrationPage, MigrationReport, MigrationRequest, MigrationSettings, MigrationStage, MigrationStatus,
    MigrationSummaryLine, MigratorMessage, OpenPage, OverrideError, PageContent, PageKind, Part, PartReport,
    PartReports, Preset, Problem, Progress, ReportVerify, Reverted, RolledBack, Scan, Side, Snapshot, SourceContact,
    Structure, Suggestion, Transfer, Transferred, TypeConflict, VerifyState, Withdrawal,
};
pub use mirror::{Mirror, MirrorPart, MirrorPartKey, MirrorRun, OnMissing};
pub use opportunity::{Opportunity, OpportunityStatus};
pub use outcome::{ErrorCode, LastError, Outcome, Provenance};
pub use payload::{ContentHash, MAX_PAYLOAD_BYTES, Payload, PayloadError};
pub use profile::{CredentialsKind, KnownCredentials, LocationProfile};
pub use reach::Reach;
pub use reconcile::{Bookmark, Resolution};
#[cfg(any(test, feature = "testing"))]
pub use record::put_once;
pub use record::{Priority, PutRecord, Record};
pub use remote::{KnownState, NotForUs, RemoteChange, RemoteContent, RemoteEvent, RemoteOpportunity, Webhook};
pub use reply::Reply;
pub use session::{Session, SessionKey};
pub use settings::{AdoptLimits, LocationSettings, OutcomesWebhook, Pace, SettingsOverlay};
pub use settings_error::SettingsError;
pub use structure::{CustomValue, FieldDefinition, FieldType, NewField, NewPipeline, Pipeline, PipelineStage};
pub use structure::{RemoteLocation, Tag, User};
pub use time::{EpochMs, Time};
pub use undo::{Before, LeftField, LeftReason, PreImage, UNDO_WITHIN, Undo, Undone};
