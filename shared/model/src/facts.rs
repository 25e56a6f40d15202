//! What a location is, as GHL tells it: kept beside its settings for those who have no token to ask with.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{ContentHash, EpochMs, FieldDefinition, Item, ItemKind, Kind, LocationId, RemoteLocation};

/// Facts that GHL has told, or refused to tell, are asked for again after this.
const FRESH: Duration = Duration::from_secs(24 * 3600);
/// Facts that GHL could not tell in passing are asked for again after this.
const FRESH_AFTER_FAILURE: Duration = Duration::from_secs(10 * 60);
/// Most bytes that the custom fields may have, as JSON: every writing of the item is paid by its length.
const MOST_BYTES: usize = 128 * 1024;

/// What GHL tells of a location. Each part is as it was last told, however long ago.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocationFacts {
    /// When GHL was asked last.
    pub asked_at: EpochMs,
    /// Nobody need ask again before.
    pub fresh_until: EpochMs,
    /// The location itself; `None` if GHL has never told.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub account: Option<Fact<RemoteLocation>>,
    /// The custom fields of its contacts; `None` if GHL has never told.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fields: Option<Fact<KnownFields>>,
    /// What GHL did not tell when it was asked last.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub untold: Vec<Untold>,
}

/// Something that GHL told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact<T> {
    /// When GHL told it.
    pub as_of: EpochMs,
    /// What GHL told.
    pub value: T,
}

/// Custom fields of contacts, with what reading a list needs of them: id, name, key, type, options.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KnownFields {
    /// Those that fit, in GHL's order.
    pub fields: Vec<FieldDefinition>,
    /// So many have so long names and options that they are left out.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub left_out: u32,
}

/// Something that GHL did not tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Untold {
    /// `location` or `custom fields`.
    pub what: String,
    /// The scope that a private integration token needs for it.
    pub scope: String,
    /// Why, in GHL's words where it has answered.
    pub why: String,
}

impl KnownFields {
    /// The fields of contacts among `definitions`; where not all of them fit, the longest are left out.
    #[must_use]
    pub fn of(definitions: Vec<FieldDefinition>) -> KnownFields {
        let of_contacts = definitions.into_iter().filter(|field| field.model == Kind::Contact);
        let mut sized: Vec<(usize, usize, FieldDefinition)> = of_contacts
            .map(FieldDefinition::for_lists)
            .enumerate()
            .map(|(place, field)| (serde_json::to_vec(&field).map_or(usize::MAX, |json| json.len()), place, field))
            .collect();
        sized.sort_by_key(|(bytes, place, _)| (*bytes, *place));
        let mut sum = 0_usize;
        let fitting = sized.iter().take_while(|(bytes, ..)| {
            sum = sum.saturating_add(*bytes).saturating_add(1);
            sum <= MOST_BYTES
        });
        let fitting = fitting.count();
        let left_out = u32::try_from(sized.len() - fitting).unwrap_or(u32::MAX);
        sized.truncate(fitting);
        sized.sort_by_key(|(_, place, _)| *place);
        KnownFields { fields: sized.into_iter().map(|(.., field)| field).collect(), left_out }
    }
}

impl LocationFacts {
    /// What is known once GHL was asked `now` and has told `account` and `fields`. Of what it did not tell, what it had told
    /// `before` stands. `in_passing` if it may tell that as well in a few minutes.
    #[must_use]
    pub fn told(
        now: EpochMs,
        before: Option<LocationFacts>,
        account: Option<RemoteLocation>,
        fields: Option<Vec<FieldDefinition>>,
        untold: Vec<Untold>,
        in_passing: bool,
    ) -> LocationFacts {
        let (old_account, old_fields) = before.map(|before| (before.account, before.fields)).unwrap_or_default();
        LocationFacts {
            asked_at: now,
            fresh_until: now + if in_passing { FRESH_AFTER_FAILURE } else { FRESH },
            account: account.map(|value| Fact { as_of: now, value }).or(old_account),
            fields: fields.map(|fields| Fact { as_of: now, value: KnownFields::of(fields) }).or(old_fields),
            untold,
        }
    }

    /// Whether nobody need ask again yet.
    #[must_use]
    pub fn is_fresh(&self, now: EpochMs) -> bool {
        now < self.fresh_until
    }

    /// ISO 3166 two-letter country code.
    #[must_use]
    pub fn country(&self) -> Option<&str> {
        self.account.as_ref()?.value.country.as_deref()
    }

    /// Since when all that is known has been so: the oldest of its parts. `None` if GHL has never told anything.
    #[must_use]
    pub fn as_of(&self) -> Option<EpochMs> {
        let account = self.account.as_ref().map(|fact| fact.as_of);
        let fields = self.fields.as_ref().map(|fact| fact.as_of);
        account.into_iter().chain(fields).min()
    }

    /// The same for all facts by which the same list is read to the same contacts.
    #[must_use]
    pub fn meaning(&self) -> ContentHash {
        let fields = self.fields.as_ref().map(|fact| &fact.value);
        let canonical = serde_json::json!([self.country(), fields]).to_string();
        ContentHash::of(canonical.as_bytes())
    }
}

impl Item for LocationFacts {
    const KIND: ItemKind = ItemKind {
        name: "facts",
        load: "facts.load",
        replace: "facts.store",
        attribute: "facts",
        listed: None,
        checked: false,
        // Whoever stores them has read them an hour or a day before.
        may_be_stale: true,
    };
    type Key = LocationId;

    fn item_key(location: &LocationId) -> String {
        format!("facts#{location}")
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn field(id: &str, options: &[String]) -> FieldDefinition {
        let definition = json!({
            "id": id, "name": format!("Field {id}"), "key": format!("contact.{id}"), "model": "contact",
            "data_type": "SINGLE_OPTIONS", "options": options, "placeholder": "choose", "position": 3,
        });
        serde_json::from_value(definition).unwrap()
    }

    fn account(country: &str) -> RemoteLocation {
        RemoteLocation {
            id: LocationId::new("loc1").unwrap(),
            name: "Dentist".to_owned(),
            company: Some("Dentist Ltd".to_owned()),
            timezone: None,
            country: Some(country.to_owned()),
            allow_duplicate_contact: None,
            allow_duplicate_opportunity: None,
        }
    }

    const NOW: EpochMs = EpochMs(1_800_000_000_000);

    #[test]
    fn fields_that_do_not_fit_are_left_out_longest_first_and_counted() {
        let long: Vec<String> = (0..3_000).map(|n| format!("a rather long option {n}")).collect();
        let short = ["yes".to_owned(), "no".to_owned()];
        let mut of_opportunities = field("deal", &short);
        of_opportunities.model = Kind::Opportunity;
        let mut definitions = vec![field("long1", &long), field("a", &short), of_opportunities, field("long2", &long)];
        definitions.extend((0..200).map(|n| field(&format!("f{n}"), &short)));
        let known = KnownFields::of(definitions);
        let ids: Vec<&str> = known.fields.iter().map(|field| field.id.as_str()).collect();
        assert_eq!((known.left_out, ids.len(), ids[0], ids[1]), (1, 202, "long1", "a"), "in GHL's order");
        assert!(serde_json::to_vec(&known).unwrap().len() < MOST_BYTES + 100);
        assert!(known.fields.iter().all(|field| field.placeholder.is_none() && !field.options.is_empty()));
    }

    #[test]
    fn what_ghl_does_not_tell_stays_as_it_told_it_before() {
        let first = LocationFacts::told(NOW, None, Some(account("DE")), Some(vec![field("a", &[])]), vec![], false);
        assert!(first.is_fresh(NOW + FRESH - Duration::from_secs(1)) && !first.is_fresh(NOW + FRESH));
        let why = Untold { what: "custom fields".to_owned(), scope: "s".to_owned(), why: "401".to_owned() };
        let later = NOW + FRESH;
        let second = LocationFacts::told(later, Some(first.clone()), Some(account("AT")), None, vec![why], true);
        assert_eq!((second.country(), second.fields.clone()), (Some("AT"), first.fields.clone()));
        assert_eq!((second.as_of(), second.asked_at), (Some(NOW), later));
        assert!(!second.is_fresh(later + FRESH_AFTER_FAILURE));
        assert_ne!(second.meaning(), first.meaning());
        // Another name changes no list.
        let renamed = RemoteLocation { name: "Other".to_owned(), ..account("DE") };
        let renamed = LocationFacts::told(later, Some(first.clone()), Some(renamed), None, vec![], false);
        assert_eq!(renamed.meaning(), first.meaning());
    }

    #[test]
    fn what_is_written_is_read_back_and_begins_with_its_kind() {
        let facts = LocationFacts::told(NOW, None, Some(account("DE")), Some(vec![field("a", &[])]), vec![], false);
        let json = serde_json::to_string(&facts).unwrap();
        assert_eq!(serde_json::from_str::<LocationFacts>(&json).unwrap(), facts);
        assert_eq!(LocationFacts::item_key(&LocationId::new("loc1").unwrap()), "facts#loc1");
    }
}
