//! Records: what became of a put, a record's story, failures and their replay.

use ghl_sync_engine::policy::{SharedIdentity, WriteOrigin};
use ghl_sync_model::{ErrorCode, LastError, RecordKey, RemoteContent, Time};
use ghl_sync_operate::{LastKnown, RecordStatus, WaitsFor};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::FieldProblem;

/// What became of the items of a put.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Put {
    /// Items that were stored, and are due.
    pub(crate) stored: u64,
    /// Items that GHL has already.
    pub(crate) unchanged: u64,
    /// Items that were refused.
    pub(crate) refused: u64,
    /// Items that could not be stored: send them again.
    pub(crate) failed: u64,
    /// Contacts of this request that share an e-mail address or a phone number. They are accepted, but GHL may make one
    /// contact of them, and then what is sent last overwrites the others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub(crate) shared: Vec<Shared>,
    /// Each item, in the order of the body.
    pub(crate) items: Vec<PutItem>,
}

/// Contacts that GHL may take for one another.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Shared {
    /// What they share: `email` or `phone`.
    #[schema(example = "phone")]
    pub(crate) by: &'static str,
    /// Which records.
    #[schema(min_items = 2)]
    pub(crate) records: Vec<String>,
}

impl From<&SharedIdentity> for Shared {
    fn from(SharedIdentity { location_id: _, by, records }: &SharedIdentity) -> Shared {
        Shared { by: by.as_str(), records: records.iter().map(ToString::to_string).collect() }
    }
}

/// What became of one item.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PutItem {
    /// Which item of the body, counted from 0.
    pub(crate) index: usize,
    /// The record's id, if the item could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) id: Option<String>,
    /// What became of it.
    pub(crate) result: PutResult,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub(crate) errors: Vec<FieldProblem>,
}

/// What became of one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PutResult {
    /// Stored, and due.
    Stored,
    /// GHL has this content already: nothing is sent.
    Unchanged,
    /// It is not valid; `errors` says why.
    Refused,
    /// The store did not take it. Send it again; doing it twice does no harm.
    Failed,
}

/// A record, and what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecordDocument {
    /// Which record, as the log and a replay name it.
    #[schema(example = "contact#crm-42")]
    pub(crate) record: String,
    /// What it is.
    pub(crate) kind: &'static str,
    /// Your own id of it.
    pub(crate) id: String,
    /// Where it stands: `due`, `waiting`, `accepted`, `failed`, `dry_run` or `superseded`.
    #[schema(example = "due")]
    pub(crate) state: &'static str,
    /// Grows with every put that changed something; 0 if the record cannot be read.
    pub(crate) version: u64,
    /// The version that GHL accepted last.
    pub(crate) accepted_version: Option<u64>,
    /// When that was.
    pub(crate) accepted_at: Option<Time>,
    /// The fields of that version that GHL did not store although it accepted it, by GHL's names (a custom field as
    /// `customFields.ID`).
    #[schema(max_items = 50, example = json!(["phone"]))]
    pub(crate) not_stored: Vec<String>,
    /// GHL's id of it.
    pub(crate) ghl_id: Option<String>,
    /// Other records that GHL has as the same contact or opportunity: what is accepted of one overwrites the others.
    /// Empty in lists.
    pub(crate) shares_ghl_id_with: Vec<String>,
    /// What GHL showed of it last; null if GHL has shown nothing, if that cannot be read (the log says so), and in lists.
    pub(crate) last_known: Option<Shown>,
    /// How urgent.
    #[schema(example = "normal")]
    pub(crate) priority: &'static str,
    /// When it was put last.
    pub(crate) put_at: Option<Time>,
    /// When it is due; null when it is not.
    pub(crate) due_at: Option<Time>,
    /// When it failed for good; null when it has not.
    pub(crate) failed_at: Option<Time>,
    /// When the content was changed in GHL that superseded it; null while none has.
    pub(crate) superseded_at: Option<Time>,
    /// Fields of its content that are never sent: consent (`dnd`, `dndSettings`) that would allow what GHL may forbid. Only
    /// a person in GHL lifts an opt-out.
    #[schema(example = json!([]))]
    pub(crate) not_sent: Vec<&'static str>,
    /// Batches in which it failed in a way that counts.
    pub(crate) attempts: u32,
    /// What went wrong last.
    pub(crate) last_error: Option<RecordError>,
    /// Its last errors, the newest first, also those from before GHL accepted it; their messages are cut.
    #[schema(max_items = 5)]
    pub(crate) errors: Vec<RecordError>,
    /// The request that a dry run would have sent.
    pub(crate) dry_run: Option<String>,
    /// What it waits for now, also while it sleeps until its contact has its id; null if nothing stands in its way.
    pub(crate) waits_for: Option<RecordWait>,
    /// About when it should go out; null if nobody can say.
    pub(crate) expected_at: Option<Time>,
}

/// What GHL showed of a record last.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Shown {
    /// When somebody left it so, by GHL's clock.
    pub(crate) at: Time,
    /// How we learned of it: `webhook` or `reconciling`.
    #[schema(example = "webhook")]
    pub(crate) told_by: &'static str,
    /// Who left it so: `own_write` (what we wrote came back) or `elsewhere` (it was changed in GHL since, or deleted);
    /// null if nobody can say, because GHL has not accepted what the record says now.
    #[schema(example = "own_write")]
    pub(crate) origin: Option<&'static str>,
    /// The content that it has in GHL, as far as GHL shows it; null once it was deleted there.
    #[schema(value_type = Option<Object>)]
    pub(crate) content: Option<RemoteContent>,
}

/// What went wrong with a record.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecordError {
    /// In one word.
    #[schema(example = "REJECTED")]
    pub(crate) code: &'static str,
    /// The HTTP status, if GHL answered.
    pub(crate) status: Option<u16>,
    /// In GHL's own words.
    pub(crate) message: String,
    /// When.
    pub(crate) at: Time,
}

/// What a record waits for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecordWait {
    /// What for: `batch`, `record`, `disabled`, `backoff`, `pace`, `breaker`, `daily_quota`, `operator`, …
    #[schema(example = "backoff")]
    pub(crate) reason: &'static str,
    /// The other record that it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) record: Option<String>,
    /// Until when; null if nobody knows.
    pub(crate) until: Option<Time>,
}

impl From<RecordStatus> for RecordDocument {
    fn from(story: RecordStatus) -> RecordDocument {
        RecordDocument {
            record: story.key.to_string(),
            kind: story.key.kind.as_str(),
            id: story.key.id.into(),
            state: story.state.as_str(),
            version: story.version,
            accepted_version: story.accepted_version,
            accepted_at: Time::maybe(story.accepted_at),
            not_stored: story.not_stored,
            ghl_id: story.ghl_id.map(String::from),
            shares_ghl_id_with: story.shares_ghl_id_with.iter().map(ToString::to_string).collect(),
            last_known: story.last_known.map(Shown::from),
            priority: story.priority.as_str(),
            put_at: Time::maybe(story.put_at),
            due_at: Time::maybe(story.due_at),
            failed_at: Time::maybe(story.failed_at),
            superseded_at: Time::maybe(story.superseded_at),
            not_sent: story.not_sent,
            attempts: story.attempts,
            last_error: story.last_error.map(RecordError::from),
            errors: story.errors.into_iter().map(RecordError::from).collect(),
            dry_run: story.dry_run,
            waits_for: story.waits_for.map(|(wait, until)| RecordWait {
                reason: wait.as_str(),
                record: match &wait {
                    WaitsFor::Record(key) => Some(key.to_string()),
                    _ => None,
                },
                until: Time::maybe(until),
            }),
            expected_at: Time::maybe(story.expected_at),
        }
    }
}

impl From<LastKnown> for Shown {
    fn from(known: LastKnown) -> Shown {
        Shown {
            at: Time(known.at),
            told_by: known.told_by.as_str(),
            origin: known.origin.map(WriteOrigin::as_str),
            content: known.content,
        }
    }
}

impl From<LastError> for RecordError {
    fn from(LastError { code, status, message, at }: LastError) -> RecordError {
        RecordError { code: code.as_str(), status, message, at: Time(at) }
    }
}

/// A page of failed records.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FailedList {
    /// The records, the oldest failure first. A page may hold fewer than asked for, and still not be the last.
    pub(crate) records: Vec<RecordDocument>,
    /// Where to go on; null on the last page.
    pub(crate) cursor: Option<String>,
}

/// Which failed records shall have another chance: exactly one of `all`, `code` and `records`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "code": "REJECTED" }))]
pub(crate) struct Replay {
    /// All that stand as failed.
    #[serde(default)]
    pub(crate) all: bool,
    /// Those whose last error is this one.
    pub(crate) code: Option<ErrorCode>,
    /// These.
    #[schema(value_type = Option<Vec<String>>, max_items = 500, example = json!(["contact#crm-42"]))]
    pub(crate) records: Option<Vec<RecordKey>>,
    /// With `all` or `code`: where an earlier replay ended.
    pub(crate) cursor: Option<String>,
}

/// What a replay did.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Replayed {
    /// Records that are due again.
    pub(crate) replayed: u64,
    /// Records that were left as they are: not failed, unknown, of another error, or unreadable.
    pub(crate) skipped: u64,
    /// Records that could not be written; replay again.
    pub(crate) not_written: u64,
    /// Where to go on: there are more than could be replayed in the time; null when all was seen.
    pub(crate) cursor: Option<String>,
}
