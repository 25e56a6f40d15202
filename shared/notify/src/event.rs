//! An outcome as an event.

use ghl_sync_model::{ContentHash, EpochMs, GhlId, Kind, LocationId, RecordId, RecordKey, Time};
use serde::{Deserialize, Serialize};
use strum::{EnumIter, IntoStaticStr};

/// What became of a record.
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
}

impl OutcomeKind {
    /// The kind as it is written: `record.accepted`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What became of a record, as it is told to others: ids and codes, nothing of what the record says.
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
    /// To which record.
    pub data: OutcomeData,
}

/// The record that an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OutcomeData {
    /// Whose record.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "loc_demo"))]
    pub location_id: LocationId,
    /// Which.
    pub record: OutcomeRecord,
    /// The version of its content that this is about. A record of a higher version was put again meanwhile.
    pub version: u64,
    /// GHL's id of it, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, nullable = false))]
    pub ghl_id: Option<GhlId>,
    /// The import that put it last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub import: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub error: Option<OutcomeError>,
    /// The fields that GHL did not store, by its names; custom fields are one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    pub fields: Vec<String>,
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
        OutcomeEvent {
            id: format!("evt_{}", ContentHash::of(same.as_bytes())),
            kind,
            at,
            data: OutcomeData {
                location_id: location.clone(),
                record: OutcomeRecord { kind: key.kind, id: key.id.clone() },
                version,
                ghl_id: None,
                import: None,
                error: None,
                fields: Vec::new(),
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
