//! Outcome events: the JSON sent to buses, webhooks and polling clients.

use ghl_sync_engine::ports::Tallied;
use ghl_sync_model::{ContentHash, EpochMs, GhlId, Kind, LocationId, RecordId, RecordKey, Time};
use serde::{Deserialize, Serialize};
use strum::{EnumIter, IntoStaticStr};

/// The type of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, IntoStaticStr, EnumIter)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum OutcomeKind {
    /// GHL accepted this version.
    #[serde(rename = "record.accepted")]
    #[strum(serialize = "record.accepted")]
    Accepted,
    /// GHL accepted this version but did not store all of it.
    #[serde(rename = "record.not_stored")]
    #[strum(serialize = "record.not_stored")]
    NotStored,
    /// It failed for good. Nothing is retried until somebody replays or puts it.
    #[serde(rename = "record.failed")]
    #[strum(serialize = "record.failed")]
    Failed,
    /// Somebody changed it in GHL, and by the location's conflict rule that change stands.
    #[serde(rename = "record.superseded")]
    #[strum(serialize = "record.superseded")]
    Superseded,
    /// The import that put it was undone: the record is deleted in GHL, or restored as far as possible.
    #[serde(rename = "record.undone")]
    #[strum(serialize = "record.undone")]
    Undone,
    /// Every record of an import has succeeded or failed, after the import was reported complete.
    #[serde(rename = "import.finished")]
    #[strum(serialize = "import.finished")]
    ImportFinished,
    /// Somebody paused the location.
    #[serde(rename = "location.paused")]
    #[strum(serialize = "location.paused")]
    LocationPaused,
    /// GHL does not accept the location's token, or answers for another location. Nothing is sent until that is fixed.
    #[serde(rename = "credentials.refused")]
    #[strum(serialize = "credentials.refused")]
    CredentialsRefused,
    /// GHL fails. Nothing is sent until it answers again.
    #[serde(rename = "breaker.opened")]
    #[strum(serialize = "breaker.opened")]
    BreakerOpened,
}

impl OutcomeKind {
    /// The type in JSON: `record.accepted`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// An outcome of a record, an import or a location. It holds ids and codes, never record content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OutcomeEvent {
    /// The same for every repeat of this event, and for no other event.
    #[cfg_attr(feature = "openapi", schema(example = "evt_5f1a8b4c0d3e2f60718293a4b5c6d7e8"))]
    pub id: String,
    /// The type of event.
    #[serde(rename = "type")]
    pub kind: OutcomeKind,
    /// When it happened, by our clock.
    #[serde(rename = "timestamp", serialize_with = "Time::serialize_at")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub at: EpochMs,
    /// The record, import or location it is about.
    pub data: OutcomeData,
}

/// The subject of an event, with its details.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OutcomeData {
    /// The location, or the one that owns the record or import.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "loc_demo"))]
    pub location_id: LocationId,
    /// The record, if the event is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub record: Option<OutcomeRecord>,
    /// The content version that the event is about. If the record has a higher version, it was put again since.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub version: Option<u64>,
    /// GHL's id of the record, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, nullable = false))]
    pub ghl_id: Option<GhlId>,
    /// The import that last put the record, or the import that is finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub import: Option<String>,
    /// Why the record failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub error: Option<OutcomeError>,
    /// Whether an undo deleted the record in GHL.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub deleted: bool,
    /// The fields that GHL did not store, or that an undo left unchanged, by GHL's names. All custom fields count as
    /// one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub fields: Vec<String>,
    /// Record counts of a finished import.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub counts: Option<FinishedCounts>,
}

/// Record counts of a finished import, each capped at 100,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FinishedCounts {
    /// Records that GHL accepted.
    pub accepted: Tallied,
    /// Records that failed for good.
    pub failed: Tallied,
    /// Records shown by a dry run, and records for which GHL's own content stands.
    pub other: Tallied,
}

/// A record's key, in two parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OutcomeRecord {
    /// Contact or opportunity.
    pub kind: Kind,
    /// The id that the record's producer gave it.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "crm-42"))]
    pub id: RecordId,
}

/// Why a record failed: the error code and GHL's status. The message is left out because it may quote the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OutcomeError {
    /// One of [`ErrorCode`](ghl_sync_model::ErrorCode), or a code written by a newer build.
    pub code: String,
    /// HTTP status of GHL's answer, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub status: Option<u16>,
}

impl OutcomeEvent {
    /// An event about `version` of the record `key`. Kind, time, location, key and version make up its id.
    pub(crate) fn new(kind: OutcomeKind, at: EpochMs, location: &LocationId, key: &RecordKey, version: u64) -> Self {
        let same = format!("{location}\n{key}\n{version}\n{}\n{}", kind.as_str(), at.0);
        let mut event = OutcomeEvent::of(kind, at, location, &same);
        event.data.record = Some(OutcomeRecord { kind: key.kind, id: key.id.clone() });
        event.data.version = Some(version);
        event
    }

    /// An event about `location`. Events with the same `same` have the same id.
    pub(crate) fn of(kind: OutcomeKind, at: EpochMs, location: &LocationId, same: &str) -> Self {
        OutcomeEvent {
            id: format!("evt_{}", ContentHash::of(same.as_bytes())),
            kind,
            at,
            data: OutcomeData {
                location_id: location.clone(),
                record: None,
                version: None,
                ghl_id: None,
                import: None,
                error: None,
                deleted: false,
                fields: Vec::new(),
                counts: None,
            },
        }
    }

    /// The event as published and as posted to webhooks.
    #[must_use]
    pub fn to_json(&self) -> String {
        // The event holds only strings and numbers, so serializing cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}
