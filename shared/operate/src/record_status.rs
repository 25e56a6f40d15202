//! What there is to tell of one record.

use std::time::Duration;
use strum::IntoStaticStr;

use crate::{OperateError, Operator};
use ghl_sync_engine::policy::{WriteOrigin, not_sent, origin};
use ghl_sync_engine::ports::{GateEntry, Loaded, RemoteKey};
use ghl_sync_limiter::WaitReason;
use ghl_sync_model::{
    EpochMs, ErrorCode, GhlId, KnownState, LastError, LocationId, LocationSettings, Priority, Record, RecordKey,
    RemoteContent,
};

/// Records that are counted to say when one goes out.
const AHEAD: u32 = 1000;

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum RecordState {
    /// It will be sent.
    Due,
    /// It will be sent when another record has been.
    Waiting,
    /// GHL has its last version.
    Accepted,
    /// It failed for good; it can be replayed.
    Failed,
    /// A dry run has shown what would have been sent.
    DryRun,
    /// Somebody changed it in GHL, and that content stands.
    Superseded,
}

impl RecordState {
    /// The state as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What a record waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitsFor {
    /// Its location is not enabled.
    Disabled,
    /// The batch that is under way, or the one that was planned.
    Batch,
    /// Another record, which has no GHL id yet.
    Record(RecordKey),
    /// Its own backoff, or the gate.
    Gate(WaitReason),
}

impl WaitsFor {
    /// What it waits for as it is written: `disabled`, `batch`, `record` or the gate's reason.
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

/// How we learned what GHL has of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum ToldBy {
    /// GHL told it by itself.
    Webhook,
    /// Reconciling read it.
    Reconciling,
}

impl ToldBy {
    /// The way as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What GHL showed last of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct LastKnown {
    /// When somebody left it so, by GHL's clock.
    pub at: EpochMs,
    /// How we learned of it.
    pub told_by: ToldBy,
    /// Who left it so. `None` if nobody can say: GHL has not accepted the content that the record has now, so there is
    /// nothing to compare.
    pub origin: Option<WriteOrigin>,
    /// The record's content in GHL; `None` once it was deleted there.
    pub content: Option<RemoteContent>,
}

impl LastKnown {
    fn of(record: &Record, known: KnownState) -> LastKnown {
        let is_accepted = record.accepted_hash == Some(record.payload.hash());
        let accepted_at = record.accepted_at.filter(|_| is_accepted);
        LastKnown {
            at: known.at,
            told_by: if known.event_id.is_of_reading() { ToldBy::Reconciling } else { ToldBy::Webhook },
            origin: accepted_at.map(|accepted_at| origin(&record.payload, accepted_at, &known)),
            content: known.content,
        }
    }
}

/// What there is to tell of one record.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordStatus {
    /// Whose record.
    pub location_id: LocationId,
    /// Which.
    pub key: RecordKey,
    /// Where it stands.
    pub state: RecordState,
    /// Grows with every put that changed something; 0 if it cannot be read.
    pub version: u64,
    /// The version that GHL accepted last.
    pub accepted_version: Option<u64>,
    /// When that was.
    pub accepted_at: Option<EpochMs>,
    /// The fields of that version that GHL did not store, by its names.
    pub not_stored: Vec<String>,
    /// GHL's id of it.
    pub ghl_id: Option<GhlId>,
    /// Other records that GHL has as the same contact or opportunity, if that was looked up: what is accepted of one
    /// overwrites the others.
    pub shares_ghl_id_with: Vec<RecordKey>,
    /// What GHL showed of it last, if that was looked up and can be read, and GHL has shown anything.
    pub last_known: Option<LastKnown>,
    /// How urgent.
    pub priority: Priority,
    /// When it was put last.
    pub put_at: Option<EpochMs>,
    /// When it is due.
    pub due_at: Option<EpochMs>,
    /// When it failed for good.
    pub failed_at: Option<EpochMs>,
    /// When the content was changed in GHL that superseded it.
    pub superseded_at: Option<EpochMs>,
    /// Fields of its content that are never sent: they would allow a contact that GHL may forbid.
    pub not_sent: Vec<&'static str>,
    /// Batches in which it failed in a way that counts.
    pub attempts: u32,
    /// What went wrong last, in GHL's own words.
    pub last_error: Option<LastError>,
    /// The last errors, newest first, in short; also those that an acceptance has ended.
    pub errors: Vec<LastError>,
    /// The request that a dry run would have sent.
    pub dry_run: Option<String>,
    /// What it waits for, and until when if that is known.
    pub waits_for: Option<(WaitsFor, Option<EpochMs>)>,
    /// About when it should go out; `None` if nobody can say.
    pub expected_at: Option<EpochMs>,
}

impl RecordStatus {
    /// A record that stands as failed; `None` if it no longer does.
    pub(super) fn of_failed(location: &LocationId, loaded: Loaded) -> Option<RecordStatus> {
        Some(RecordStatus::of(location, loaded)).filter(|story| story.state == RecordState::Failed)
    }

    fn of(location: &LocationId, loaded: Loaded) -> RecordStatus {
        match loaded {
            Loaded::Record(record) => RecordStatus::of_record(*record),
            Loaded::Damaged { key, reason } => RecordStatus::of_damaged(location.clone(), key, reason),
        }
    }

    fn of_damaged(location_id: LocationId, key: RecordKey, reason: String) -> RecordStatus {
        let error = LastError { code: ErrorCode::Internal, status: None, message: reason, at: EpochMs::default() };
        RecordStatus {
            location_id,
            key,
            state: RecordState::Failed,
            version: 0,
            accepted_version: None,
            accepted_at: None,
            not_stored: Vec::new(),
            ghl_id: None,
            shares_ghl_id_with: Vec::new(),
            last_known: None,
            priority: Priority::default(),
            put_at: None,
            due_at: None,
            failed_at: None,
            superseded_at: None,
            not_sent: Vec::new(),
            attempts: 0,
            errors: vec![error.in_short()],
            last_error: Some(error),
            dry_run: None,
            waits_for: None,
            expected_at: None,
        }
    }

    fn of_record(record: Record) -> RecordStatus {
        let state = state_of(&record);
        RecordStatus {
            state,
            errors: record.errors(),
            location_id: record.location_id,
            key: record.key,
            version: record.version,
            accepted_version: record.accepted_version,
            accepted_at: record.accepted_at,
            not_stored: record.not_stored,
            ghl_id: record.ghl_id,
            shares_ghl_id_with: Vec::new(),
            last_known: None,
            priority: record.priority,
            put_at: record.put_at,
            due_at: record.due_at,
            failed_at: record.failed_at,
            superseded_at: record.superseded_at,
            not_sent: not_sent(&record.payload),
            attempts: record.attempts,
            last_error: record.last_error,
            dry_run: record.dry_run,
            waits_for: None,
            expected_at: None,
        }
    }
}

fn state_of(record: &Record) -> RecordState {
    match record {
        Record { due_at: Some(_), waits_for: Some(_), .. } => RecordState::Waiting,
        Record { due_at: Some(_), .. } => RecordState::Due,
        Record { failed_at: Some(_), .. } => RecordState::Failed,
        Record { dry_run: Some(_), .. } => RecordState::DryRun,
        Record { superseded_at: Some(_), .. } => RecordState::Superseded,
        Record { waits_for: Some(_), .. } => RecordState::Waiting,
        _ => RecordState::Accepted,
    }
}

impl Operator {
    /// What there is to tell of a record; `None` if it was never put.
    ///
    /// # Errors
    /// When the location is not known, or a store fails.
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
        let (waits_for_record, last_known, shares_ghl_id_with) = match &loaded {
            Loaded::Record(record) => {
                (record.waits_for.clone(), self.last_known(record).await, self.shares_with(record).await)
            }
            Loaded::Damaged { .. } => (None, None, Vec::new()),
        };
        let mut story = RecordStatus { last_known, shares_ghl_id_with, ..RecordStatus::of(location, loaded) };
        match (story.due_at, waits_for_record) {
            (Some(due_at), record) => self.tell_when(&mut story, due_at, record, &settings).await?,
            (None, Some(record)) if story.state == RecordState::Waiting => {
                story.waits_for = Some((WaitsFor::Record(record), None));
            }
            (None, _) => {}
        }
        Ok(Some(story))
    }

    /// What cannot be read is logged, and does not hide the rest of the story.
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

    /// Likewise.
    async fn shares_with(&self, record: &Record) -> Vec<RecordKey> {
        let Some(id) = &record.ghl_id else { return Vec::new() };
        self.engine.other_holders(&record.location_id, &record.key, id).await.unwrap_or_else(|error| {
            self.engine.port_failed(record.location_id.clone(), &error);
            Vec::new()
        })
    }

    /// Says what a record that is due waits for, and about when it goes out.
    async fn tell_when(
        &self,
        story: &mut RecordStatus,
        due_at: EpochMs,
        waits_for: Option<RecordKey>,
        settings: &LocationSettings,
    ) -> Result<(), OperateError> {
        let now = self.ports().clock.now();
        if !settings.enabled {
            story.waits_for = Some((WaitsFor::Disabled, None));
            return Ok(());
        }
        let rules = self.engine.config().rules(settings);
        let entry = self.engine.gate(&settings.scope, &rules).await?;
        let opening = entry.gate.opening(now.max(due_at), &rules);
        let kept_back_until = opening.kept_back_until(story.priority);
        story.waits_for = match waits_for {
            Some(key) => Some((WaitsFor::Record(key), Some(due_at))),
            None if due_at > now => Some((WaitsFor::Gate(WaitReason::Backoff), Some(due_at))),
            None => match (opening.reason, kept_back_until) {
                (Some(WaitReason::Pace) | None, Some(until)) => {
                    Some((WaitsFor::Gate(WaitReason::DailyQuota), Some(until)))
                }
                (Some(WaitReason::Pace) | None, None) => batch_of(&entry, now)
                    .or_else(|| opening.reason.map(|reason| (WaitsFor::Gate(reason), Some(opening.at)))),
                (Some(reason), _) => {
                    Some((WaitsFor::Gate(reason), Some(opening.at).filter(|at| *at != EpochMs::NEVER)))
                }
            },
        };
        let starts_at = kept_back_until.unwrap_or(opening.at);
        if starts_at != EpochMs::NEVER {
            let mut ahead = 0;
            for priority in Priority::ALL.into_iter().filter(|priority| *priority <= story.priority) {
                ahead += self.ports().outbox.count_due(&story.location_id, priority, AHEAD).await?.tallied.count;
            }
            let pace = entry.gate.pacing().pace(now, rules.pace);
            let wait = Duration::from_secs_f64(ahead.saturating_sub(1) as f64 / pace.rate());
            story.expected_at = Some(starts_at + wait);
        }
        Ok(())
    }
}

/// The batch that a record may be part of.
fn batch_of(entry: &GateEntry, now: EpochMs) -> Option<(WaitsFor, Option<EpochMs>)> {
    let run = entry.gate.live_run(now).map(|run| run.until);
    let until = run.or_else(|| entry.gate.live_plan(now).map(|plan| plan.starts_at));
    until.map(|until| (WaitsFor::Batch, Some(until)))
}
