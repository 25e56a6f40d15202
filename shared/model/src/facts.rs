//! Facts about a location, as reported by GHL: stored beside its settings for those who have no token to ask with.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{ContentHash, EpochMs, FieldDefinition, Item, ItemKind, Kind, LocationId, Pipeline, RemoteLocation};

/// GHL is asked again this long after it reported the facts, or refused to.
const FRESH: Duration = Duration::from_secs(24 * 3600);
/// GHL is asked again this long after a temporary failure.
const FRESH_AFTER_FAILURE: Duration = Duration::from_secs(10 * 60);
/// Most bytes of the custom fields as JSON: the cost of each write depends on the item's length.
const MOST_BYTES: usize = 128 * 1024;
/// Most bytes of the pipelines as JSON.
const MOST_BYTES_OF_PIPELINES: usize = 32 * 1024;

/// Facts that GHL reported about a location. Each part is the latest report, however old.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocationFacts {
    /// When GHL was last asked.
    pub asked_at: EpochMs,
    /// GHL need not be asked again before this time.
    pub fresh_until: EpochMs,
    /// The location itself; `None` if GHL has never reported it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub account: Option<Fact<RemoteLocation>>,
    /// The custom fields of its contacts; `None` if GHL has never reported them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fields: Option<Fact<KnownFields>>,
    /// Its pipelines; `None` if GHL has never reported them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pipelines: Option<Fact<KnownPipelines>>,
    /// Facts that GHL did not report when last asked.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub untold: Vec<UnreportedFact>,
}

/// One reported fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact<T> {
    /// When GHL reported it.
    pub as_of: EpochMs,
    /// The reported value.
    pub value: T,
}

/// Custom fields of contacts, reduced to what reading a list needs: id, name, key, type, options.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KnownFields {
    /// The fields that fit, in GHL's order.
    pub fields: Vec<FieldDefinition>,
    /// Number of fields left out because their names and options are too long.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub left_out: u32,
}

/// Pipelines and their stages, for anyone who has to choose one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KnownPipelines {
    /// The pipelines that fit, in GHL's order.
    pub pipelines: Vec<Pipeline>,
    /// Number of pipelines left out because they have too many stages.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub left_out: u32,
}

/// The reply to one query for facts; `None` where GHL did not report the fact.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReportedFacts {
    /// The location itself.
    pub account: Option<RemoteLocation>,
    /// The definitions of its custom fields.
    pub fields: Option<Vec<FieldDefinition>>,
    /// Its pipelines.
    pub pipelines: Option<Vec<Pipeline>>,
}

/// A fact that GHL did not report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Untold))]
pub struct UnreportedFact {
    /// `location`, `custom fields` or `pipelines`.
    pub what: String,
    /// The scope that a private integration token needs to read it.
    pub scope: String,
    /// The reason, in GHL's words if it answered.
    pub why: String,
}

impl KnownFields {
    /// The contact fields among `definitions`. If not all fit, the longest are left out.
    #[must_use]
    pub fn of(definitions: Vec<FieldDefinition>) -> KnownFields {
        let of_contacts = definitions.into_iter().filter(|field| field.model == Kind::Contact);
        let (fields, left_out) = fitting(of_contacts.map(FieldDefinition::for_lists), MOST_BYTES);
        KnownFields { fields, left_out }
    }
}

impl KnownPipelines {
    /// Keeps `pipelines` in order. If not all fit, the longest are left out.
    #[must_use]
    pub fn of(pipelines: Vec<Pipeline>) -> KnownPipelines {
        let (pipelines, left_out) = fitting(pipelines, MOST_BYTES_OF_PIPELINES);
        KnownPipelines { pipelines, left_out }
    }
}

/// The shortest items of `all` that fit into `most` bytes of JSON, in their original order, and the number left out.
fn fitting<T: Serialize>(all: impl IntoIterator<Item = T>, most: usize) -> (Vec<T>, u32) {
    let length = |one: &T| serde_json::to_vec(one).map_or(usize::MAX, |json| json.len());
    let mut sized: Vec<(usize, usize, T)> =
        all.into_iter().enumerate().map(|(place, one)| (length(&one), place, one)).collect();
    sized.sort_by_key(|(bytes, place, _)| (*bytes, *place));
    let mut sum = 0_usize;
    let fitting = sized.iter().take_while(|(bytes, ..)| {
        sum = sum.saturating_add(*bytes).saturating_add(1);
        sum <= most
    });
    let fitting = fitting.count();
    let left_out = u32::try_from(sized.len() - fitting).unwrap_or(u32::MAX);
    sized.truncate(fitting);
    sized.sort_by_key(|(_, place, _)| *place);
    (sized.into_iter().map(|(.., one)| one).collect(), left_out)
}

impl LocationFacts {
    /// Merges the reply that GHL gave at `now` into the facts from `before`; a fact that GHL did not report keeps its
    /// earlier value. `in_passing` means that the failure was temporary, so that GHL is asked again after a few
    /// minutes.
    #[must_use]
    pub fn told(
        now: EpochMs,
        before: Option<LocationFacts>,
        told: ReportedFacts,
        untold: Vec<UnreportedFact>,
        in_passing: bool,
    ) -> LocationFacts {
        let (old_account, old_fields, old_pipelines) =
            before.map(|before| (before.account, before.fields, before.pipelines)).unwrap_or_default();
        let ReportedFacts { account, fields, pipelines } = told;
        LocationFacts {
            asked_at: now,
            fresh_until: now + if in_passing { FRESH_AFTER_FAILURE } else { FRESH },
            account: account.map(|value| Fact { as_of: now, value }).or(old_account),
            fields: fields.map(|fields| Fact { as_of: now, value: KnownFields::of(fields) }).or(old_fields),
            pipelines: pipelines.map(|all| Fact { as_of: now, value: KnownPipelines::of(all) }).or(old_pipelines),
            untold,
        }
    }

    /// Whether GHL need not be asked again yet.
    #[must_use]
    pub fn is_fresh(&self, now: EpochMs) -> bool {
        now < self.fresh_until
    }

    /// ISO 3166 two-letter country code of the location.
    #[must_use]
    pub fn country(&self) -> Option<&str> {
        self.account.as_ref()?.value.country.as_deref()
    }

    /// Age of the facts that reading a list uses: the older time of account and custom fields. `None` if GHL has
    /// reported neither.
    #[must_use]
    pub fn as_of(&self) -> Option<EpochMs> {
        let account = self.account.as_ref().map(|fact| fact.as_of);
        let fields = self.fields.as_ref().map(|fact| fact.as_of);
        account.into_iter().chain(fields).min()
    }

    /// Hash of the facts that affect how a list is read. Equal hashes: the same list yields the same contacts.
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

    fn of_germany() -> ReportedFacts {
        ReportedFacts { account: Some(account("DE")), fields: Some(vec![field("a", &[])]), pipelines: None }
    }

    fn pipeline(id: &str, stages: u32) -> Pipeline {
        let stages: Vec<_> =
            (0..stages).map(|n| json!({ "id": format!("{id}-{n}"), "name": "Stage", "position": n })).collect();
        serde_json::from_value(json!({ "id": id, "name": format!("Pipeline {id}"), "stages": stages })).unwrap()
    }

    const NOW: EpochMs = EpochMs(1_800_000_000_000);

    #[test]
    fn pipelines_that_do_not_fit_are_left_out_longest_first_and_counted() {
        let known = KnownPipelines::of(vec![pipeline("long", 5_000), pipeline("a", 3), pipeline("b", 2)]);
        let ids: Vec<&str> = known.pipelines.iter().map(|pipeline| pipeline.id.as_str()).collect();
        assert_eq!((known.left_out, ids), (1, vec!["a", "b"]));
    }

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
        let told = ReportedFacts { pipelines: Some(vec![pipeline("p1", 2)]), ..of_germany() };
        let first = LocationFacts::told(NOW, None, told, vec![], false);
        assert!(first.is_fresh(NOW + FRESH - Duration::from_secs(1)) && !first.is_fresh(NOW + FRESH));
        let why = UnreportedFact { what: "custom fields".to_owned(), scope: "s".to_owned(), why: "401".to_owned() };
        let later = NOW + FRESH;
        let told = ReportedFacts { account: Some(account("AT")), ..ReportedFacts::default() };
        let second = LocationFacts::told(later, Some(first.clone()), told, vec![why], true);
        assert_eq!((second.country(), second.fields.clone()), (Some("AT"), first.fields.clone()));
        assert_eq!(second.pipelines, first.pipelines);
        assert_eq!((second.as_of(), second.asked_at), (Some(NOW), later));
        assert!(!second.is_fresh(later + FRESH_AFTER_FAILURE));
        assert_ne!(second.meaning(), first.meaning());
        // A new name or pipeline does not change how a list is read.
        let renamed = RemoteLocation { name: "Other".to_owned(), ..account("DE") };
        let told = ReportedFacts {
            account: Some(renamed),
            pipelines: Some(vec![pipeline("p2", 1)]),
            ..ReportedFacts::default()
        };
        let renamed = LocationFacts::told(later, Some(first.clone()), told, vec![], false);
        assert_eq!(renamed.meaning(), first.meaning());
    }

    #[test]
    fn what_is_written_is_read_back_and_begins_with_its_kind() {
        let told = ReportedFacts { pipelines: Some(vec![pipeline("p1", 2)]), ..of_germany() };
        let facts = LocationFacts::told(NOW, None, told, vec![], false);
        let json = serde_json::to_string(&facts).unwrap();
        assert_eq!(serde_json::from_str::<LocationFacts>(&json).unwrap(), facts);
        assert_eq!(LocationFacts::item_key(&LocationId::new("loc1").unwrap()), "facts#loc1");
    }
}
