//! Search keys for a record that GHL may have created without reporting its id.

use serde::{Deserialize, Serialize};

use super::{ContentHash, GhlId, Opportunity, Payload, RecordId};

/// Number of former keys that are kept per record; the newest stay.
const REMEMBERED: usize = 10;

/// The search key for a record that GHL may have created without reporting its id, if an upsert would not find it.
///
/// The key depends on the content. After a change of content, GHL may hold the record under its former key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CreationKey {
    /// A contact with neither e-mail nor phone: found by our marker.
    Marker,
    /// An opportunity: found by its contact, pipeline and name. Stored as `deal`, as ever: puts compare stored keys.
    #[serde(rename = "deal")]
    Opportunity(OpportunityKey),
}

/// The search key of an opportunity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpportunityKey {
    /// Our record of its contact.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub contact_record: Option<RecordId>,
    /// GHL's id of its contact.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub contact_id: Option<GhlId>,
    /// GHL's id of its pipeline.
    pub pipeline_id: GhlId,
    /// Hash of its name, which may be long.
    pub name: ContentHash,
}

impl OpportunityKey {
    fn of(opportunity: &Opportunity) -> OpportunityKey {
        OpportunityKey {
            contact_record: opportunity.contact_record.clone(),
            contact_id: opportunity.contact_id.clone(),
            pipeline_id: opportunity.pipeline_id.clone(),
            name: OpportunityKey::hash(&opportunity.name),
        }
    }

    /// Hashes the name of an opportunity.
    #[must_use]
    pub fn hash(name: &str) -> ContentHash {
        ContentHash::of(name.as_bytes())
    }
}

impl CreationKey {
    /// The key of a record with this content; `None` if an upsert finds the record.
    #[must_use]
    pub fn of(payload: &Payload) -> Option<CreationKey> {
        match payload {
            Payload::Contact(contact) => (!contact.has_natural_key()).then_some(CreationKey::Marker),
            Payload::Opportunity(opportunity) => Some(CreationKey::Opportunity(OpportunityKey::of(opportunity))),
        }
    }

    /// Appends this key to `former`, oldest first, without duplicates.
    #[must_use]
    pub fn after(self, mut former: Vec<CreationKey>) -> Vec<CreationKey> {
        former.retain(|key| *key != self);
        former.push(self);
        former.drain(..former.len().saturating_sub(REMEMBERED));
        former
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    fn key(kind: Kind, json: &str) -> Option<CreationKey> {
        CreationKey::of(&Payload::from_json(kind, json).unwrap())
    }

    fn opportunity(name: &str) -> CreationKey {
        let json = format!(r#"{{"contactRecord":"7","pipelineId":"p1","name":"{name}"}}"#);
        key(Kind::Opportunity, &json).unwrap()
    }

    #[test]
    fn what_an_upsert_would_not_find_again_has_a_key_that_outlives_storing() {
        assert_eq!(key(Kind::Contact, r#"{"email":"a@b.c","name":"A"}"#), None);
        for key in [key(Kind::Contact, r#"{"name":"A"}"#).unwrap(), opportunity("Roof")] {
            let json = serde_json::to_string(&key).unwrap();
            assert_eq!(serde_json::from_str::<CreationKey>(&json).unwrap(), key, "{json}");
        }
        assert_ne!(opportunity("Roof"), opportunity("Wall"));
    }

    #[test]
    fn the_stored_form_of_a_key_stays_as_it_was_in_earlier_builds() {
        let name = OpportunityKey::hash("Roof");
        let stored = serde_json::json!({ "deal": { "contact_record": "7", "pipeline_id": "p1", "name": name } });
        assert_eq!(serde_json::to_value(opportunity("Roof")).unwrap(), stored);
    }

    #[test]
    fn former_keys_are_remembered_once_each_and_only_so_many() {
        let former = (0..30).fold(Vec::new(), |former, n| opportunity(&format!("{}", n % 15)).after(former));
        let expected: Vec<_> = (5..15).map(|n| opportunity(&format!("{n}"))).collect();
        assert_eq!(former, expected);
        assert_eq!(opportunity("5").after(former.clone()).len(), former.len());
    }
}
