//! The status of one record.

use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use strum::IntoStaticStr;
#[cfg(feature = "openapi")]
use utoipa::ToSchema;

use crate::{OperateError, Operator};
use ghl_sync_engine::policy::{WriteOrigin, comparison, not_sent, origin};
use ghl_sync_engine::ports::{GateEntry, Loaded, RemoteKey};
use ghl_sync_limiter::WaitReason;
use ghl_sync_model::{
    Contact, EpochMs, ErrorCode, GhlId, ImportId, Kind, KnownState, LastError, LeftField, LocationId, LocationSettings,
    Payload, Priority, Record, RecordId, RecordKey, RemoteContent, Time, Undo, Undone,
};

/// Most records counted to estimate when one goes out.
const AHEAD: u32 = 1000;

/// The state of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum RecordState {
    /// It will be sent.
    Due,
    /// It will be sent after another record.
    Waiting,
    /// GHL has accepted its last version.
    Accepted,
    /// It failed permanently; it can be replayed.
    Failed,
    /// A dry run has shown what would be sent.
    DryRun,
    /// Somebody changed it in GHL, and that content won.
    Superseded,
    /// Its import was undone.
    Undone,
}

impl RecordState {
    /// The state as JSON and logs write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Why a record is waiting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitsFor {
    /// Its location is not enabled.
    Disabled,
    /// The running batch, or the planned one.
    Batch,
    /// Another record, which has no GHL id yet.
    Record(RecordKey),
    /// The record's own backoff, or the gate.
    Gate(WaitReason),
}

impl WaitsFor {
    /// The reason as JSON writes it: `disabled`, `batch`, `record` or the gate's reason.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            WaitsFor::Disabled => "disabled",
            WaitsFor::Batch => "batch",
            WaitsFor::Record(_) => "record",
            WaitsFor::Gate(reason) => reason.as_str(),
        }
    }
}

impl Serialize for WaitsFor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What a record waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct RecordWait {
    /// Reason: `batch`, `record`, `disabled`, `backoff`, `pace`, `breaker`, `daily_quota`, `operator`, …
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "backoff"))]
    pub reason: WaitsFor,
    /// The record that it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, nullable = false))]
    pub record: Option<RecordKey>,
    /// End of the wait; null if unknown.
    pub until: Option<Time>,
}

impl From<(WaitsFor, Option<EpochMs>)> for RecordWait {
    fn from((reason, until): (WaitsFor, Option<EpochMs>)) -> RecordWait {
        let record = match &reason {
            WaitsFor::Record(key) => Some(key.clone()),
            WaitsFor::Disabled | WaitsFor::Batch | WaitsFor::Gate(_) => None,
        };
        RecordWait { reason, record, until: Time::maybe(until) }
    }
}

/// An error of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct RecordError {
    /// The error code.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "REJECTED"))]
    pub code: ErrorCode,
    /// The HTTP status, if GHL answered.
    pub status: Option<u16>,
    /// GHL's own message.
    pub message: String,
    /// When it happened.
    pub at: Time,
}

impl From<LastError> for RecordError {
    fn from(LastError { code, status, message, at }: LastError) -> RecordError {
        RecordError { code, status, message, at: Time(at) }
    }
}

/// How we learned GHL's state of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, Serialize)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum StateSource {
    /// GHL reported it in a webhook event.
    Webhook,
    /// Reconciling read it.
    Reconciling,
}

impl StateSource {
    /// The source as JSON writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The last known GHL state of a record.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema), schema(as = Shown))]
pub struct LastKnown {
    /// When it got this state, by GHL's clock.
    #[serde(serialize_with = "Time::serialize_at")]
    #[cfg_attr(feature = "openapi", schema(value_type = Time))]
    pub at: EpochMs,
    /// How we learned it: `webhook` or `reconciling`.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "webhook"))]
    pub told_by: StateSource,
    /// Who caused it: `own_write` (our own write came back) or `elsewhere` (it was changed or deleted in GHL since);
    /// null if unknown, because GHL has not accepted the record's current content.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, example = "own_write"))]
    pub origin: Option<WriteOrigin>,
    /// Its content in GHL, as far as GHL shows it; null once it was deleted there.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub content: Option<RemoteContent>,
    /// The fields whose value in the record differs from GHL's, under GHL's names (a custom field as
    /// `customFields.ID`), compared as GHL rewrites them. Null if either side is unknown or deleted.
    #[cfg_attr(feature = "openapi", schema(example = json!(["phone"])))]
    pub differs: Option<Vec<String>>,
}

impl LastKnown {
    fn of(record: &Record, known: KnownState) -> LastKnown {
        let is_accepted = record.accepted_hash == Some(record.payload.hash());
        let accepted_at = record.accepted_at.filter(|_| is_accepted);
        let is_kept = record.content_dropped_at.is_none();
        let theirs = known.content.as_ref().filter(|_| is_kept);
        LastKnown {
            differs: theirs.map(|theirs| comparison::differing(&record.payload, theirs)),
            at: known.at,
            told_by: if known.event_id.is_of_reading() { StateSource::Reconciling } else { StateSource::Webhook },
            origin: accepted_at.map(|accepted_at| origin(&record.payload, accepted_at, &known)),
            content: known.content,
        }
    }
}

/// The result of undoing a record's import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema))]
pub struct UndoneRecord {
    /// When it was undone.
    pub at: Time,
    /// Whether GHL no longer has the record: the import had created it, or somebody deleted it.
    pub deleted: bool,
    /// What stays as it is in GHL, under GHL's names, and why. `contact` or `opportunity` means the whole record.
    #[cfg_attr(feature = "openapi", schema(max_items = 50))]
    pub left: Vec<LeftField>,
}

impl UndoneRecord {
    fn of(undo: Undo) -> Option<UndoneRecord> {
        let Undo::Done(Undone { at, deleted, left }) = undo else { return None };
        Some(UndoneRecord { at: Time(at), deleted, left })
    }
}

/// A record with its state.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(ToSchema), schema(as = RecordDocument))]
pub struct RecordStatus {
    /// Location that owns the record.
    #[serde(skip)]
    pub location_id: LocationId,
    /// The record as logs and replays name it.
    #[serde(rename = "record")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "contact#crm-42"))]
    pub key: RecordKey,
    /// Its name for people: a contact's name, else its e-mail address or phone number; an opportunity's name. Null if
    /// it has none, or cannot be read.
    pub name: Option<String>,
    /// Contact or opportunity.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub kind: Kind,
    /// Your own id of the record.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: RecordId,
    /// State: `due`, `waiting`, `accepted`, `failed`, `dry_run`, `superseded` or `undone`.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "due"))]
    pub state: RecordState,
    /// Whether somebody requested its deletion in GHL, which is now due or failed.
    pub to_delete: bool,
    /// Whether its import is being undone, which is now due or failed.
    pub to_undo: bool,
    /// The result of undoing its import; null until that is done.
    pub undone: Option<UndoneRecord>,
    /// Increases with every put that changed something; 0 if the record cannot be read.
    pub version: u64,
    /// The version that GHL accepted last.
    pub accepted_version: Option<u64>,
    /// When GHL accepted that version.
    pub accepted_at: Option<Time>,
    /// The fields of that version that GHL accepted without storing, under GHL's names (a custom field as
    /// `customFields.ID`).
    #[cfg_attr(feature = "openapi", schema(max_items = 50, example = json!(["phone"])))]
    pub not_stored: Vec<String>,
    /// GHL's id of the record.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub ghl_id: Option<GhlId>,
    /// The import that put its current content; null if none did.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, example = "contacts-csv-5f1c09e2"))]
    pub import: Option<ImportId>,
    /// Other records that GHL has as the same contact or opportunity: an acceptance of one overwrites the others. Empty
    /// in lists.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub shares_ghl_id_with: Vec<RecordKey>,
    /// The last known GHL state; null if GHL has reported none, if it cannot be read (the log says so), and in lists.
    pub last_known: Option<LastKnown>,
    /// Priority of the record.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "normal"))]
    pub priority: Priority,
    /// The content to store in GHL, in the format of the API; null in lists, if it was dropped, and if it cannot be
    /// read.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub content: Option<Value>,
    /// When it was last put.
    pub put_at: Option<Time>,
    /// When its content was dropped, some time after GHL had accepted it; null while it is kept.
    pub content_dropped_at: Option<Time>,
    /// When it is due; null if it is not.
    pub due_at: Option<Time>,
    /// When it failed permanently; null if it has not.
    pub failed_at: Option<Time>,
    /// When the content that superseded it was changed in GHL; null if it is not superseded.
    pub superseded_at: Option<Time>,
    /// Fields of its content that are never sent: consent (`dnd`, `dndSettings`) that would allow what GHL may forbid.
    /// Only a person in GHL lifts an opt-out.
    #[cfg_attr(feature = "openapi", schema(example = json!([])))]
    pub not_sent: Vec<&'static str>,
    /// Batches in which it failed in a way that counts.
    pub attempts: u32,
    /// The last error.
    pub last_error: Option<RecordError>,
    /// Its last errors, the newest first, including those from before GHL accepted it; their messages are shortened.
    #[cfg_attr(feature = "openapi", schema(max_items = 5))]
    pub errors: Vec<RecordError>,
    /// The request that a dry run would have sent.
    pub dry_run: Option<String>,
    /// What it waits for now, also while it sleeps until its contact has its id; null if nothing delays it.
    pub waits_for: Option<RecordWait>,
    /// Estimated time at which it goes out; null if unknown.
    pub expected_at: Option<Time>,
}

impl RecordStatus {
    /// The status of a failed record; `None` if it is no longer failed.
    pub(super) fn of_failed(location: &LocationId, loaded: Loaded) -> Option<RecordStatus> {
        Some(RecordStatus::of(location, loaded)).filter(|status| status.state == RecordState::Failed)
    }

    pub(super) fn of(location: &LocationId, loaded: Loaded) -> RecordStatus {
        match loaded {
            Loaded::Record(record) => RecordStatus::of_record(*record),
            Loaded::Damaged { key, reason } => RecordStatus::of_damaged(location.clone(), key, reason),
        }
    }

    fn of_damaged(location_id: LocationId, key: RecordKey, reason: String) -> RecordStatus {
        let error = LastError { code: ErrorCode::Internal, status: None, message: reason, at: EpochMs::default() };
        RecordStatus {
            location_id,
            name: None,
            kind: key.kind,
            id: key.id.clone(),
            key,
            state: RecordState::Failed,
            to_delete: false,
            to_undo: false,
            undone: None,
            version: 0,
            accepted_version: None,
            accepted_at: None,
            not_stored: Vec::new(),
            ghl_id: None,
            import: None,
            shares_ghl_id_with: Vec::new(),
            last_known: None,
            priority: Priority::default(),
            content: None,
            put_at: None,
            content_dropped_at: None,
            due_at: None,
            failed_at: None,
            superseded_at: None,
            not_sent: Vec::new(),
            attempts: 0,
            errors: vec![error.in_short().into()],
            last_error: Some(error.into()),
            dry_run: None,
            waits_for: None,
            expected_at: None,
        }
    }

    fn of_record(record: Record) -> RecordStatus {
        let state = state_of(&record);
        RecordStatus {
            state,
            errors: record.errors().into_iter().map(RecordError::from).collect(),
            location_id: record.location_id,
            name: name_of(&record.payload),
            kind: record.key.kind,
            id: record.key.id.clone(),
            key: record.key,
            to_delete: record.deletion,
            to_undo: record.undo.as_ref().is_some_and(|undo| matches!(undo, Undo::Asked { .. })),
            undone: record.undo.and_then(UndoneRecord::of),
            version: record.version,
            accepted_version: record.accepted_version,
            accepted_at: Time::maybe(record.accepted_at),
            not_stored: record.not_stored,
            ghl_id: record.ghl_id,
            import: record.import,
            shares_ghl_id_with: Vec::new(),
            last_known: None,
            priority: record.priority,
            content: None,
            put_at: Time::maybe(record.put_at),
            content_dropped_at: Time::maybe(record.content_dropped_at),
            due_at: Time::maybe(record.due_at),
            failed_at: Time::maybe(record.failed_at),
            superseded_at: Time::maybe(record.superseded_at),
            not_sent: not_sent(&record.payload),
            attempts: record.attempts,
            last_error: record.last_error.map(RecordError::from),
            dry_run: record.dry_run,
            waits_for: None,
            expected_at: None,
        }
    }
}

/// The record's name for people.
fn name_of(payload: &Payload) -> Option<String> {
    match payload {
        Payload::Contact(Contact { name, first_name, last_name, email, phone, .. }) => {
            let of_parts = || {
                let parts: Vec<&str> = [first_name, last_name].into_iter().flatten().map(String::as_str).collect();
                Some(parts.join(" ")).filter(|name| !name.is_empty())
            };
            name.clone().or_else(of_parts).or_else(|| email.clone()).or_else(|| phone.clone())
        }
        Payload::Opportunity(opportunity) => Some(opportunity.name.clone()),
    }
}

fn state_of(record: &Record) -> RecordState {
    match record {
        Record { due_at: Some(_), waits_for: Some(_), .. } => RecordState::Waiting,
        Record { due_at: Some(_), .. } => RecordState::Due,
        Record { failed_at: Some(_), .. } => RecordState::Failed,
        Record { dry_run: Some(_), .. } => RecordState::DryRun,
        Record { superseded_at: Some(_), .. } => RecordState::Superseded,
        Record { undo: Some(Undo::Done(_)), .. } => RecordState::Undone,
        Record { waits_for: Some(_), .. } => RecordState::Waiting,
        _ => RecordState::Accepted,
    }
}

impl Operator {
    /// The status of a record; `None` if it was never put.
    ///
    /// # Errors
    /// If the location is unknown, or a store fails.
    pub async fn record_status(
        &self,
        location: &LocationId,
        key: &RecordKey,
    ) -> Result<Option<RecordStatus>, OperateError> {
        let settings = self.known(location).await?;
        let loaded = self.ports().outbox.load(location, std::slice::from_ref(key)).await?;
        let Some(loaded) = loaded.into_iter().next() else {
            return Ok(None);
        };
        let (due_at, waits_for_record, last_known, shares_ghl_id_with, content) = match &loaded {
            Loaded::Record(record) => {
                let last_known = self.last_known(record).await;
                let is_kept = record.content_dropped_at.is_none();
                let content = is_kept.then(|| serde_json::from_str(&record.payload.to_json()).ok()).flatten();
                (record.due_at, record.waits_for.clone(), last_known, self.shares_with(record).await, content)
            }
            Loaded::Damaged { .. } => (None, None, None, Vec::new(), None),
        };
        let mut status = RecordStatus { last_known, shares_ghl_id_with, content, ..RecordStatus::of(location, loaded) };
        match (due_at, waits_for_record) {
            (Some(due_at), record) => self.tell_when(&mut status, due_at, record, &settings).await?,
            (None, Some(record)) if status.state == RecordState::Waiting => {
                status.waits_for = Some(RecordWait::from((WaitsFor::Record(record), None)));
            }
            (None, _) => {}
        }
        Ok(Some(status))
    }

    /// The last known state. A failure is logged, and does not hide the rest of the status.
    async fn last_known(&self, record: &Record) -> Option<LastKnown> {
        let key = RemoteKey { location: &record.location_id, kind: record.key.kind, ghl_id: record.ghl_id.as_ref()? };
        match self.ports().known.load(key).await {
            Ok(known) => known.map(|known| LastKnown::of(record, known)),
            Err(error) => {
                self.engine.port_failed(record.location_id.clone(), &error);
                None
            }
        }
    }

    /// The records with the same GHL id. A failure is logged.
    async fn shares_with(&self, record: &Record) -> Vec<RecordKey> {
        let Some(id) = &record.ghl_id else { return Vec::new() };
        self.engine.other_holders(&record.location_id, &record.key, id).await.unwrap_or_else(|error| {
            self.engine.port_failed(record.location_id.clone(), &error);
            Vec::new()
        })
    }

    /// Fills in what a due record waits for, and about when it goes out.
    async fn tell_when(
        &self,
        status: &mut RecordStatus,
        due_at: EpochMs,
        waits_for: Option<RecordKey>,
        settings: &LocationSettings,
    ) -> Result<(), OperateError> {
        let now = self.ports().clock.now();
        if !settings.enabled {
            status.waits_for = Some(RecordWait::from((WaitsFor::Disabled, None)));
            return Ok(());
        }
        let rules = self.engine.config().rules(settings);
        let entry = self.engine.gate(&settings.scope, &rules).await?;
        let opening = entry.gate.opening(now.max(due_at), &rules);
        let kept_back_until = opening.kept_back_until(status.priority);
        let waits_for = match waits_for {
            Some(key) => Some((WaitsFor::Record(key), Some(due_at))),
            None if due_at > now => Some((WaitsFor::Gate(WaitReason::Backoff), Some(due_at))),
            None => match (opening.reason, kept_back_until) {
                (Some(WaitReason::Pace) | None, Some(until)) => {
                    Some((WaitsFor::Gate(WaitReason::DailyQuota), Some(until)))
                }
                (Some(WaitReason::Pace) | None, None) => batch_of(&entry, now)
                    .or_else(|| opening.reason.map(|reason| (WaitsFor::Gate(reason), Some(opening.at)))),
                (Some(reason), _) => Some((WaitsFor::Gate(reason), Some(opening.at))),
            },
        };
        status.waits_for = waits_for.map(RecordWait::from);
        let starts_at = kept_back_until.unwrap_or(opening.at);
        if starts_at != EpochMs::NEVER {
            let mut ahead = 0;
            for priority in Priority::ALL.into_iter().filter(|priority| *priority <= status.priority) {
                ahead += self.ports().outbox.count_due(&status.location_id, priority, AHEAD).await?.tallied.count;
            }
            let pace = entry.gate.pacing().pace(now, rules.pace);
            let wait = Duration::from_secs_f64(ahead.saturating_sub(1) as f64 / pace.rate());
            status.expected_at = Some(Time(starts_at + wait));
        }
        Ok(())
    }
}

/// The batch that the record may be part of.
fn batch_of(entry: &GateEntry, now: EpochMs) -> Option<(WaitsFor, Option<EpochMs>)> {
    let run = entry.gate.live_run(now).map(|run| run.until);
    let until = run.or_else(|| entry.gate.live_plan(now).map(|plan| plan.starts_at));
    until.map(|until| (WaitsFor::Batch, Some(until)))
}
