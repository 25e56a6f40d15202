//! What GHL tells by itself: webhook events, and the last known state of a record that follows from them.

use serde::{Deserialize, Serialize};
use serde_json::Number;

use super::{Contact, ContentHash, CustomField, EpochMs, EventId, GhlId, Kind, LocationId, lenient};

/// A webhook that was read.
#[derive(Debug, Clone, PartialEq)]
pub enum Webhook {
    /// Something happened that concerns us.
    Event(Box<RemoteEvent>),
    /// Something that we make nothing of. It is counted by its name, and nothing is stored.
    Other {
        /// GHL's name of it (`type`).
        event_type: String,
        /// Why we make nothing of it.
        reason: NotForUs,
    },
}

/// Why a webhook changes nothing here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotForUs {
    /// A type of event that is neither about contacts nor about opportunities nor about the app's installation.
    UnknownType,
    /// The app was installed or removed for a whole agency: GHL tells of each of its locations, too.
    WholeAgency,
    /// The event is that of another app: GHL signs those of all apps with the same key.
    OtherApp,
    /// Which app is ours was not said, so an installation cannot be told from that of another app.
    AppNotNamed,
    /// The location is not one of ours.
    UnknownLocation,
}

impl NotForUs {
    /// The reason as it is written in logs and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            NotForUs::UnknownType => "unknown_type",
            NotForUs::WholeAgency => "whole_agency",
            NotForUs::OtherApp => "other_app",
            NotForUs::AppNotNamed => "app_not_named",
            NotForUs::UnknownLocation => "unknown_location",
        }
    }
}

/// Something that happened in GHL.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteEvent {
    /// GHL's id of the event; a repeated delivery has the same.
    pub id: EventId,
    /// When it happened, by GHL's clock.
    pub at: EpochMs,
    /// GHL's name of it, such as `ContactUpdate`.
    pub event_type: &'static str,
    /// Where.
    pub location_id: LocationId,
    /// The app that the webhook was sent for.
    pub app_id: Option<String>,
    /// What happened.
    pub change: RemoteChange,
}

/// What happened in GHL.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly all events show a record")]
pub enum RemoteChange {
    /// A record was created or changed, and is now as `content` says.
    Written {
        /// GHL's id of it.
        ghl_id: GhlId,
        /// The record as it is now.
        content: RemoteContent,
    },
    /// A record is gone.
    Deleted {
        /// What it was.
        kind: Kind,
        /// GHL's id of it.
        ghl_id: GhlId,
    },
    /// The app was installed in the location.
    Installed,
    /// The app was removed from the location.
    Uninstalled,
}

/// A record's content, as a webhook shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[expect(clippy::large_enum_variant, reason = "nearly all records are contacts")]
pub enum RemoteContent {
    /// A contact.
    Contact(Contact),
    /// An opportunity.
    Opportunity(RemoteOpportunity),
}

impl RemoteContent {
    /// What it is about.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            RemoteContent::Contact(_) => Kind::Contact,
            RemoteContent::Opportunity(_) => Kind::Opportunity,
        }
    }

    /// The canonical JSON: fields in a fixed order, absent ones left out. Equal content is equal text.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings, numbers, lists and maps with string keys only: this cannot fail to serialize.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads what [`to_json`](Self::to_json) wrote, in this build or in a newer one.
    ///
    /// # Errors
    /// When it is not JSON of the right shape.
    pub fn from_json(kind: Kind, json: &str) -> Result<RemoteContent, serde_json::Error> {
        match kind {
            Kind::Contact => lenient::from_json(json).map(RemoteContent::Contact),
            Kind::Opportunity => lenient::from_json(json).map(RemoteContent::Opportunity),
        }
    }

    /// Hash of the canonical form.
    #[must_use]
    pub fn hash(&self) -> ContentHash {
        ContentHash::of(self.to_json().as_bytes())
    }
}

/// An opportunity, as a webhook shows it. Every field may be absent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RemoteOpportunity {
    /// The deal's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// GHL's id of the contact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<String>,
    /// GHL's id of the pipeline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline_id: Option<String>,
    /// GHL's id of the stage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline_stage_id: Option<String>,
    /// Its status, in GHL's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Worth, in the location's currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monetary_value: Option<Number>,
    /// GHL id of the user it is assigned to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assigned_to: Option<String>,
    /// Where it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Custom fields, by id. (No event was seen to have them.)
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub custom_fields: Vec<CustomField>,
}

/// The last that GHL told of one of its records.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownState {
    /// When the event that told it happened.
    pub at: EpochMs,
    /// That event.
    pub event_id: EventId,
    /// The record's content; `None` once it is deleted.
    pub content: Option<RemoteContent>,
    /// When the record was deleted, while it is.
    pub deleted_at: Option<EpochMs>,
}
