//! An outcome as an event.

use ghl_sync_engine::ports::Tallied;
use ghl_sync_model::{ContentHash, EpochMs, GhlId, Kind, LocationId, RecordId, RecordKey, Time};
use serde::{Deserialize, Serialize};
use strum::{EnumIter, IntoStaticStr};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, IntoStaticStr, EnumIter)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum OutcomeKind {
    /// GHL has this version.
    #[serde(rename = "record.accepted")]
    #[strum(serialize = "record.accepted")]
    Accepted,
    /// GHL has this version, and did not store all of it.
    #[serde(rename = "record.not_stored")]
    #[strum(serialize = "record.not_stored")]
    NotStored,
    /// It failed for good: nothing is tried again unless somebody replays or puts it.
    #[serde(rename = "record.failed")]
    #[strum(serialize = "record.failed")]
    Failed,
    /// Somebody changed it in GHL, and by the location's rule that stands.
    #[serde(rename = "record.superseded")]
    #[strum(serialize = "record.superseded")]
    Superseded,
    /// The import that put it was undone: GHL does not have it any more, or has it as it was before, as far as that went.
    #[serde(rename = "record.undone")]
    #[strum(serialize = "record.undone")]
    Undone,
    /// Every record of an import has come to an end, after it was told complete.
    #[serde(rename = "import.finished")]
    #[strum(serialize = "import.finished")]
    ImportFinished,
    /// Somebody paused the location.
    #[serde(rename = "location.paused")]
    #[strum(serialize = "location.paused")]
    LocationPaused,
    /// GHL does not accept the location's token, or answers for another location: nothing is sent until that is mended.
    #[serde(rename = "credentials.refused")]
    #[strum(serialize = "credentials.refused")]
    CredentialsRefused,
    /// GHL fails, and nothing is sent until it answers again.
    #[serde(rename = "breaker.opened")]
    #[strum(serialize = "breaker.opened")]
    BreakerOpened,
}

impl OutcomeKind {
    /// The kind as it is written: `record.accepted`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What became of a record, an import or a location, as it is told to others: ids and codes, nothing of what the record says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OutcomeEvent {
    /// The same for every repeat of this event, and for no other one.
    #[cfg_attr(feature = "openapi", schema(example = "evt_5f1a8b4c0d3e2f60718293a4b5c6d7e8"))]
    pub id: String,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: OutcomeKind,
    /// When, by our clock.
    #[serde(rename = "timestamp", serialize_with = "Time::serialize_at")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub at: EpochMs,
    /// To what.
    pub data: OutcomeData,
}

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OutcomeData {
    /// Which location, or whose record or import.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "loc_demo"))]
    pub location_id: LocationId,
    /// Which record, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub record: Option<OutcomeRecord>,
    /// The version of its content that this is about. A record of a higher version was put again meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub version: Option<u64>,
    /// GHL's id of it, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, nullable = false))]
    pub ghl_id: Option<GhlId>,
    /// The import that put the record last, or that is finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub import: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub error: Option<OutcomeError>,
    /// An undo deleted it in GHL.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub deleted: bool,
    /// The fields that GHL did not store, or that an undo left as they are, by GHL's names; custom fields are one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub fields: Vec<String>,
    /// How the records of a finished import stand.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub counts: Option<FinishedCounts>,
}

/// How the records of a finished import stand, each counted up to 100,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FinishedCounts {
    /// GHL has them.
    pub accepted: Tallied,
    /// They failed for good.
    pub failed: Tallied,
    /// A dry run has shown them, or GHL's own content stands.
    pub other: Tallied,
}

/// A record's key, in two parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OutcomeRecord {
    /// What it is.
    pub kind: Kind,
    /// The id that its producer gave it.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "crm-42"))]
    pub id: RecordId,
}

/// Why a record failed: the code, and what GHL answered. Never a message, which may quote the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OutcomeError {
    /// One of [`ErrorCode`](ghl_sync_model::ErrorCode), or one that a newer build wrote.
    pub code: String,
    /// HTTP status, if GHL answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub status: Option<u16>,
}

impl OutcomeEvent {
    /// What became of `version` of the record `key` at a time: that is what makes an event one and the same.
    pub(crate) fn new(kind: OutcomeKind, at: EpochMs, location: &LocationId, key: &RecordKey, version: u64) -> Self {
        let same = format!("{location}\n{key}\n{version}\n{}\n{}", kind.as_str(), at.0);
        let mut event = OutcomeEvent::of(kind, at, location, &same);
        event.data.record = Some(OutcomeRecord { kind: key.kind, id: key.id.clone() });
        event.data.version = Some(version);
        event
    }

    /// What happened to `location` at a time, as often as it is told with the same `same`.
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

    /// The event as it is published, and posted to webhooks.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings and numbers only: this cannot fail to serialize.
        serde_json::to_string(self).unwrap_or_default()
    }
}
