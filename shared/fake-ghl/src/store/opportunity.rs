//! An opportunity.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::contact::{StoredContact, element};
use super::table::{LookupKey, TableRow};
use crate::times::to_iso;

/// An opportunity in stored form.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoredOpportunity {
    pub(crate) id: String,
    pub(crate) location_id: String,
    pub(crate) contact_id: String,
    pub(crate) pipeline_id: String,
    pub(crate) pipeline_stage_id: String,
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) created_at: u64,
    pub(crate) updated_at: u64,
    last_status_change_at: u64,
    last_stage_change_at: u64,
    custom_fields: BTreeMap<String, Value>,
    /// All other fields, by GHL's names.
    fields: Map<String, Value>,
    /// Fields that no call can write, by GHL's names.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) unwritable: Map<String, Value>,
}

impl StoredOpportunity {
    /// A new open opportunity without a name.
    pub(crate) fn new(
        id: String,
        contact: &StoredContact,
        pipeline_id: &str,
        stage_id: &str,
        now: u64,
    ) -> StoredOpportunity {
        StoredOpportunity {
            id,
            location_id: contact.location_id.clone(),
            contact_id: contact.id.clone(),
            pipeline_id: pipeline_id.to_owned(),
            pipeline_stage_id: stage_id.to_owned(),
            name: String::new(),
            status: "open".to_owned(),
            created_at: now,
            updated_at: now,
            last_status_change_at: now,
            last_stage_change_at: now,
            custom_fields: BTreeMap::new(),
            fields: Map::new(),
            unwritable: Map::new(),
        }
    }

    /// Writes the fields of a validated body of v2 or the legacy API. Absent ones stay unchanged.
    pub(crate) fn apply(&mut self, body: &Map<String, Value>, now: u64) {
        for (name, value) in body {
            let text = value.as_str().unwrap_or_default();
            match name.as_str() {
                "name" | "title" => text.clone_into(&mut self.name),
                "pipelineId" => text.clone_into(&mut self.pipeline_id),
                "pipelineStageId" | "stageId" => {
                    replace(&mut self.pipeline_stage_id, text, &mut self.last_stage_change_at, now)
                }
                "status" => replace(&mut self.status, text, &mut self.last_status_change_at, now),
                "customFields" => self.custom_fields.extend(value.as_array().into_iter().flatten().filter_map(element)),
                "monetaryValue" | "assignedTo" | "source" | "lostReasonId" => {
                    self.fields.insert(name.clone(), value.clone());
                }
                _ => {}
            }
        }
        self.updated_at = self.updated_at.max(now);
    }

    /// A field from `fields`, by GHL's name.
    pub(crate) fn field(&self, name: &str) -> Option<&Value> {
        self.fields.get(name)
    }

    /// The opportunity in the API's form.
    pub(crate) fn to_json(&self, contact: Option<&StoredContact>) -> Value {
        let custom: Vec<Value> =
            self.custom_fields.iter().map(|(id, value)| json!({"id": id, "fieldValue": value})).collect();
        let mut shown = json!({
            "id": self.id,
            "name": self.name,
            "locationId": self.location_id,
            "contactId": self.contact_id,
            "pipelineId": self.pipeline_id,
            "pipelineStageId": self.pipeline_stage_id,
            "status": self.status,
            "createdAt": to_iso(self.created_at),
            "updatedAt": to_iso(self.updated_at),
            "lastStatusChangeAt": to_iso(self.last_status_change_at),
            "lastStageChangeAt": to_iso(self.last_stage_change_at),
            "customFields": custom,
            "followers": [],
        });
        for (name, value) in self.fields.iter().chain(&self.unwritable) {
            shown[name] = value.clone();
        }
        if let Some(contact) = contact {
            shown["contact"] = contact.to_brief();
        }
        shown
    }
}

impl TableRow for StoredOpportunity {
    fn id(&self) -> &str {
        &self.id
    }

    fn location_id(&self) -> &str {
        &self.location_id
    }

    fn written_at(&self) -> u64 {
        self.updated_at
    }

    fn keys(&self) -> Vec<LookupKey> {
        vec![LookupKey::Contact(self.contact_id.clone())]
    }
}

fn replace(field: &mut String, text: &str, changed_at: &mut u64, now: u64) {
    if field != text {
        text.clone_into(field);
        *changed_at = now;
    }
}
