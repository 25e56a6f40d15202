//! What a record that GHL created without telling us its id can be found by.

use serde::{Deserialize, Serialize};

use super::{ContentHash, GhlId, Opportunity, Payload, RecordId};

/// So many former keys of a record are remembered; the newest stay.
const REMEMBERED: usize = 10;

/// What a record that GHL created without telling us its id can be found by, if an upsert of it would not find it.
///
/// It follows from the content. Once the content has changed, the record may stand in GHL under its former key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CreationKey {
    /// A contact with neither e-mail nor phone: it carries our marker.
    Marker,
    /// An opportunity: by its contact, pipeline and name.
    Deal(DealKey),
}

/// What an opportunity is found by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DealKey {
    /// The record of its contact.
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

impl DealKey {
    fn of(opportunity: &Opportunity) -> DealKey {
        DealKey {
            contact_record: opportunity.contact_record.clone(),
            contact_id: opportunity.contact_id.clone(),
            pipeline_id: opportunity.pipeline_id.clone(),
            name: DealKey::hash(&opportunity.name),
        }
    }

    /// The hash of an opportunity's name.
    #[must_use]
    pub fn hash(name: &str) -> ContentHash {
        ContentHash::of(name.as_bytes())
    }
}

impl CreationKey {
    /// The key of a record with this content; `None` if an upsert finds it again.
    #[must_use]
    pub fn of(payload: &Payload) -> Option<CreationKey> {
        match payload {
            Payload::Contact(contact) => (!contact.has_natural_key()).then_some(CreationKey::Marker),
            Payload::Opportunity(opportunity) => Some(CreationKey::Deal(DealKey::of(opportunity))),
        }
    }

    /// `former` and this key, oldest first, each once.
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

    fn deal(name: &str) -> CreationKey {
        let json = format!(r#"{{"contactRecord":"7","pipelineId":"p1","name":"{name}"}}"#);
        key(Kind::Opportunity, &json).unwrap()
    }

    #[test]
    fn what_an_upsert_would_not_find_again_has_a_key_that_outlives_storing() {
        assert_eq!(key(Kind::Contact, r#"{"email":"a@b.c","name":"A"}"#), None);
        for key in [key(Kind::Contact, r#"{"name":"A"}"#).unwrap(), deal("Roof")] {
            let json = serde_json::to_string(&key).unwrap();
            assert_eq!(serde_json::from_str::<CreationKey>(&json).unwrap(), key, "{json}");
        }
        assert_ne!(deal("Roof"), deal("Wall"));
    }

    #[test]
    fn former_keys_are_remembered_once_each_and_only_so_many() {
        let former = (0..30).fold(Vec::new(), |former, n| deal(&format!("{}", n % 15)).after(former));
        let expected: Vec<_> = (5..15).map(|n| deal(&format!("{n}"))).collect();
        assert_eq!(former, expected);
        assert_eq!(deal("5").after(former.clone()).len(), former.len());
    }
}
