//! Webhook events from GHL, and the last known remote state derived from them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value, json};
use strum::IntoStaticStr;

use super::{Contact, ContentHash, CustomField, EpochMs, EventId, GhlId, Kind, LocationId, lenient};

/// A parsed webhook.
#[derive(Debug, Clone, PartialEq)]
pub enum Webhook {
    /// An event that concerns us.
    Event(Box<RemoteEvent>),
    /// An event that we ignore. It is counted by name and not stored.
    Other {
        /// GHL's name of the event (`type`).
        event_type: String,
        /// Why we ignore it.
        reason: NotForUs,
    },
}

/// Why a webhook is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum NotForUs {
    /// The event concerns neither contacts nor opportunities nor the app's installation.
    UnknownType,
    /// The app was installed or removed for a whole agency: GHL also sends an event for each of its locations.
    WholeAgency,
    /// The event belongs to another app: GHL signs the events of all apps with the same key.
    OtherApp,
    /// Our app's id is not configured, so an installation cannot be told from that of another app.
    AppNotNamed,
    /// The location is not one of ours.
    UnknownLocation,
}

impl NotForUs {
    /// The reason's name in logs and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A change in GHL.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteEvent {
    /// GHL's id of the event; repeated deliveries have the same.
    pub id: EventId,
    /// When it happened, by GHL's clock.
    pub at: EpochMs,
    /// GHL's name of the event, such as `ContactUpdate`.
    pub event_type: &'static str,
    /// The location in which it happened.
    pub location_id: LocationId,
    /// The app to which GHL sent the webhook.
    pub app_id: Option<String>,
    /// The change itself.
    pub change: RemoteChange,
}

/// A change in GHL.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly all events show a record")]
pub enum RemoteChange {
    /// A record was created or changed; `content` is its present content.
    Written {
        /// GHL's id of the record.
        ghl_id: GhlId,
        /// Its present content.
        content: RemoteContent,
    },
    /// A record was deleted.
    Deleted {
        /// Its kind.
        kind: Kind,
        /// GHL's id of the record.
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

/// Most bytes of a last known state's content. A DynamoDB item holds 400 KB.
const MAX_KNOWN_BYTES: usize = 350_000;

impl RemoteContent {
    /// The content, shortened to fit a last known state: if it is too long, the longest fields are removed.
    /// `dndSettings` keeps the status of each channel.
    #[must_use]
    pub fn shortened(self) -> RemoteContent {
        self.shortened_to(MAX_KNOWN_BYTES)
    }

    /// The content, shortened to at most `most` bytes of JSON.
    #[must_use]
    pub fn shortened_to(self, most: usize) -> RemoteContent {
        let (kind, json) = (self.kind(), self.to_json());
        if json.len() <= most {
            return self;
        }
        let mut fields: Map<String, Value> = serde_json::from_str(&json).unwrap_or_default();
        for channel in
            fields.get_mut("dndSettings").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut)
        {
            let status = channel.get("status").cloned();
            *channel = status.map(|status| json!({ "status": status })).unwrap_or_default();
        }
        let length = |value: &Value| value.to_string().len();
        while serde_json::to_string(&fields).is_ok_and(|json| json.len() > most) {
            let longest = fields.iter().max_by_key(|(_, value)| length(value)).map(|(name, _)| name.clone());
            let Some(longest) = longest else { break };
            fields.remove(&longest);
        }
        RemoteContent::from_json(kind, &Value::Object(fields).to_string()).unwrap_or_else(|_| match kind {
            Kind::Contact => RemoteContent::Contact(Contact::default()),
            Kind::Opportunity => RemoteContent::Opportunity(RemoteOpportunity::default()),
        })
    }

    /// The kind of record that it describes.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            RemoteContent::Contact(_) => Kind::Contact,
            RemoteContent::Opportunity(_) => Kind::Opportunity,
        }
    }

    /// The canonical JSON: fields in a fixed order, absent ones left out. Equal content gives equal text.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings, numbers, lists and maps with string keys only: this cannot fail to serialize.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Parses the JSON that [`to_json`](Self::to_json) wrote in this build or a newer one.
    ///
    /// # Errors
    /// If it is not JSON of the right shape.
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

/// An opportunity as a webhook shows it. Any field may be absent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RemoteOpportunity {
    /// The opportunity's name.
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
    /// Value in the location's currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monetary_value: Option<Number>,
    /// GHL's id of the user in charge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assigned_to: Option<String>,
    /// Where it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Custom fields, by id. (No observed event has them.)
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub custom_fields: Vec<CustomField>,
}

/// The last known state of one of GHL's records.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownState {
    /// When the event with this state happened.
    pub at: EpochMs,
    /// Id of that event.
    pub event_id: EventId,
    /// The record's content; `None` once it is deleted.
    pub content: Option<RemoteContent>,
    /// When the record was deleted; `None` while it exists.
    pub deleted_at: Option<EpochMs>,
    /// When the state expires, in whole seconds; `None` keeps it for ever.
    pub keep_until: Option<EpochMs>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_for_a_known_state_loses_its_longest_fields_and_never_consent() {
        let long = |count: usize| "ü".repeat(count);
        let whole = json!({
            "email": "a@b.c", "dnd": true, "tags": ["vip"],
            "dndSettings": { "SMS": { "status": "permanent", "message": long(1_000) } },
            "customFields": [{ "id": "f1", "value": long(120_000) }], "source": long(100_000), "city": long(60_000),
        });
        let content = RemoteContent::from_json(Kind::Contact, &whole.to_string()).unwrap();
        let shortened = content.clone().shortened();
        let RemoteContent::Contact(contact) = &shortened else { panic!() };
        assert!(shortened.to_json().len() <= MAX_KNOWN_BYTES);
        assert_eq!((contact.email.as_deref(), contact.dnd, contact.tags.len()), (Some("a@b.c"), Some(true), 1));
        assert_eq!(contact.dnd_settings, Some(json!({ "SMS": { "status": "permanent" } })));
        assert_eq!((contact.custom_fields.len(), contact.source.is_some()), (0, true), "the longest is enough");
        assert_eq!(shortened.clone().shortened(), shortened);
        let opportunity = RemoteOpportunity { name: Some(long(200_000)), ..RemoteOpportunity::default() };
        let shortened = RemoteContent::Opportunity(opportunity).shortened();
        assert_eq!(shortened, RemoteContent::Opportunity(RemoteOpportunity::default()));
    }
}
