//! Locations in lists, changes of many of them, and the result of a removal.

use ghl_sync_engine::ports::Tallied;
use ghl_sync_engine::standing::LocationState;
use ghl_sync_model::{Api, EpochMs, LocationCursor, LocationId, LocationProfile, SettingsOverlay, Time, merged};
use ghl_sync_operate::items::{JsonFault, from_json};
use ghl_sync_operate::{CredentialsEnd, DueView, ListedLocation, ListedLocations, Removal};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::openapi::schema::{Object, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{RefOr, extensions};
use utoipa::{PartialSchema, ToSchema};

use super::{CredentialsDocument, Overrides};
use crate::problem::FieldProblem;

/// Locations, by id.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LocationList {
    /// The locations of the page that match.
    locations: Vec<LocationEntry>,
    /// Number of locations examined for this page.
    looked_at: usize,
    /// `cursor` of the next page; null on the last page.
    cursor: Option<String>,
}

/// A location in the list.
#[derive(Debug, Serialize, ToSchema)]
struct LocationEntry {
    /// Id of the location in GHL.
    #[schema(example = "loc_demo")]
    id: String,
    /// Increases with every change of its settings; 0 if nothing was ever set.
    revision: u64,
    /// Its name: the one set here, or else GHL's; null if neither is known.
    #[schema(example = "Dentist Berlin")]
    name: Option<String>,
    /// Its tags, as set here.
    tags: Vec<String>,
    /// Whether the location is synced at all.
    enabled: bool,
    /// Whether to do everything except call GHL.
    dry_run: bool,
    /// The GHL API that serves it.
    api: Api,
    /// Current state; null if none was ever stored.
    state: Option<LocationState>,
    /// Whether it needs attention.
    trouble: bool,
    /// Its due records.
    due: DueView,
    /// Its failed records.
    failed: Tallied,
    /// Time of these figures; null if none were ever stored.
    as_of: Option<Time>,
    /// GHL's facts about it; null if GHL was never asked.
    ghl: Option<GhlProfile>,
    /// Kind and expiry of its credentials; never the credentials.
    credentials: CredentialsDocument,
    /// Whether the environment (`GHL_LOCATIONS`) names it: then it stays known, whatever is set here.
    in_environment: bool,
    /// Settings made here; the environment decides about the rest.
    #[schema(value_type = Overrides)]
    overrides: SettingsOverlay,
}

/// GHL's facts about a location, in short.
#[derive(Debug, Serialize, ToSchema)]
struct GhlProfile {
    /// Its name in GHL.
    name: Option<String>,
    /// Name of its business.
    company: Option<String>,
    /// IANA time zone name.
    #[schema(example = "Europe/Berlin")]
    timezone: Option<String>,
    /// ISO 3166 two-letter country code.
    #[schema(example = "DE")]
    country: Option<String>,
}

impl LocationEntry {
    fn of(location: ListedLocation, now: EpochMs) -> LocationEntry {
        let (state, trouble) = (location.state(now), location.is_in_trouble(now));
        let ListedLocation { id, stored, profile, standing } = location;
        let settings = stored.effective();
        let end = CredentialsEnd::of(&settings, profile.as_ref(), now);
        LocationEntry {
            id: id.into(),
            revision: stored.rev,
            credentials: CredentialsDocument::new(&settings, &end),
            name: settings.labels.name.or_else(|| profile.as_ref()?.name.clone()),
            tags: settings.labels.tags,
            enabled: settings.enabled,
            dry_run: settings.dry_run,
            api: settings.api,
            state,
            trouble,
            due: standing.as_ref().map_or_else(DueView::default, |standing| standing.due.into()),
            failed: standing.as_ref().map_or_else(Tallied::default, |standing| standing.failed),
            as_of: standing.map(|standing| Time(standing.at)),
            ghl: profile.map(GhlProfile::from),
            in_environment: stored.is_named,
            overrides: stored.overlay,
        }
    }
}

impl From<LocationProfile> for GhlProfile {
    fn from(LocationProfile { name, company, timezone, country, credentials: _ }: LocationProfile) -> GhlProfile {
        GhlProfile { name, company, timezone, country }
    }
}

impl From<ListedLocations> for LocationList {
    fn from(ListedLocations { time, locations, looked_at, next }: ListedLocations) -> LocationList {
        LocationList {
            locations: locations.into_iter().map(|location| LocationEntry::of(location, time)).collect(),
            looked_at,
            cursor: next.map(|location| LocationCursor { location }.to_text()),
        }
    }
}

/// Changes of many locations.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "locations": [{
    "location_id": "loc_demo",
    "revision": 0,
    "tags": ["dental"],
    "pace": { "limit": 80, "window_ms": 10000 },
    "outcomes_webhook": { "url": "https://crm.example.com/outcomes", "secret": "ssm:/ghl-sync/STACK/outcomes/loc_demo" },
}] }))]
pub(crate) struct PatchLocations {
    /// One change per location. Each is applied or refused independently.
    #[schema(value_type = Vec<LocationPatch>, min_items = 1, max_items = 100)]
    pub(crate) locations: Vec<Value>,
}

/// A change of one location: `location_id`, and the fields of `Overrides`; a null restores the environment's value.
struct LocationPatch;

impl PartialSchema for LocationPatch {
    fn schema() -> RefOr<Schema> {
        let text = |description: &str| {
            let text = ObjectBuilder::new().schema_type(SchemaType::Type(Type::String));
            text.pattern(Some("^[A-Za-z0-9_-]{1,64}$")).description(Some(description)).build()
        };
        let RefOr::T(Schema::Object(mut object)) = Overrides::schema() else { return Object::new().into() };
        let revision = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::Integer, Type::Null]))
            .description(Some("Only if this is still the revision of its settings."))
            .minimum(Some(0))
            .maximum(Some(MAX_REVISION))
            .build();
        object.properties.insert("location_id".to_owned(), text("GHL's id of the location.").into());
        object.properties.insert("revision".to_owned(), revision.into());
        object.required.push("location_id".to_owned());
        object.description = Some("A change of one location; null takes back what was set.".to_owned());
        object.example = None;
        object.extensions = None::<extensions::Extensions>;
        RefOr::T(Schema::Object(object))
    }
}

impl ToSchema for LocationPatch {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Overrides::schemas(schemas);
    }
}

/// Largest integer that every JSON parser reads exactly.
const MAX_REVISION: u64 = (1 << 53) - 1;

/// A parsed change.
#[derive(Debug)]
pub(crate) struct PatchItem {
    pub(crate) location: LocationId,
    pub(crate) revision: Option<u64>,
    pub(crate) patch: SettingsPatch,
}

impl PatchItem {
    /// Parses one change, or returns everything that is wrong with it.
    pub(crate) fn read(item: Value) -> Result<PatchItem, Vec<JsonFault>> {
        let Value::Object(mut members) = item else { return Err(vec![fault("", "must be an object")]) };
        let location = match members.remove("location_id") {
            None => Err(fault("location_id", "is missing")),
            Some(id) => serde_json::from_value(id)
                .map_err(|_| fault("location_id", "is not 1 to 64 letters, digits, '-' and '_'")),
        };
        let revision = match members.remove("revision") {
            None | Some(Value::Null) => Ok(None),
            Some(revision) => match revision.as_u64().filter(|revision| *revision <= MAX_REVISION) {
                Some(revision) => Ok(Some(revision)),
                None => Err(fault("revision", "must be a whole number, and not too large")),
            },
        };
        match (location, revision, SettingsPatch::read(Value::Object(members))) {
            (Ok(location), Ok(revision), Ok(patch)) => Ok(PatchItem { location, revision, patch }),
            (location, revision, patch) => {
                Err([location.err(), revision.err(), patch.err()].into_iter().flatten().collect())
            }
        }
    }
}

fn fault(field: &str, detail: &str) -> JsonFault {
    JsonFault { syntax: false, field: field.to_owned(), detail: detail.to_owned() }
}

/// A change of a location's settings: a JSON merge patch (RFC 7396).
#[derive(Debug)]
pub(crate) struct SettingsPatch(Value);

impl SettingsPatch {
    /// Accepts a patch that is valid for at least some settings; a fault that no settings could cure is reported at
    /// once.
    pub(crate) fn read(patch: Value) -> Result<SettingsPatch, JsonFault> {
        let Value::Object(members) = &patch else { return Err(fault("", "must be an object")) };
        // Completes objects that the patch may contain only in part.
        let whole = json!({
            "pace": { "limit": 1, "window_ms": 1000 },
            "outcomes_webhook": { "url": "https://a.example/", "secret": "ssm:/a" },
        });
        let mut patched = merged(&whole, &patch);
        // A null of the patch removes its field, which may not exist at all.
        if let Value::Object(patched) = &mut patched {
            let nulls = members.iter().filter(|(_, value)| value.is_null());
            patched.extend(nulls.map(|(name, value)| (name.clone(), value.clone())));
        }
        from_json::<Overrides>(&patched.to_string())?;
        Ok(SettingsPatch(patch))
    }

    /// Returns the settings that result from patching `set`.
    pub(crate) fn onto(&self, set: &SettingsOverlay) -> Result<SettingsOverlay, JsonFault> {
        let set = serde_json::to_value(set).unwrap_or(Value::Object(Map::new()));
        from_json::<Overrides>(&merged(&set, &self.0).to_string()).map(SettingsOverlay::from)
    }
}

/// The results of the changes.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct PatchedLocations {
    /// Locations that were changed.
    pub(crate) changed: u64,
    /// Locations that had these settings already.
    pub(crate) unchanged: u64,
    /// Changes that were refused.
    pub(crate) refused: u64,
    /// Changes that could not be stored: send them again.
    pub(crate) failed: u64,
    /// Each change, in the order of the body.
    pub(crate) locations: Vec<PatchedLocation>,
}

/// The result of one change.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PatchedLocation {
    /// Index of the change in the body, from 0.
    pub(crate) index: usize,
    /// The location, if the change could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) location_id: Option<LocationId>,
    /// `changed`, `unchanged`, `refused` or `failed`.
    #[schema(example = "changed")]
    pub(crate) result: &'static str,
    /// The revision of the settings, if they are now as requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) revision: Option<u64>,
    /// What is wrong with the change.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub(crate) errors: Vec<FieldProblem>,
}

/// The result of removing a location.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RemovedLocation {
    /// The requested location, by its id in GHL.
    #[schema(example = "loc_demo")]
    location_id: String,
    /// No call to GHL starts any more.
    stopped: bool,
    /// Everything is done; otherwise, repeat the request.
    complete: bool,
    /// It is no longer known. A location that the environment (`GHL_LOCATIONS`) names stays known, switched off.
    removed: bool,
    /// Records that this request has forgotten. GHL still has them.
    records_forgotten: u64,
    /// Copies of GHL's content that were deleted with them.
    known_states: u64,
    /// Its records are kept, and wait. They continue if it is made known again.
    records_kept: bool,
}

impl RemovedLocation {
    pub(crate) fn new(location: LocationId, removal: Removal) -> RemovedLocation {
        RemovedLocation {
            location_id: location.into(),
            stopped: true,
            complete: removal.is_complete,
            removed: removal.is_gone,
            records_forgotten: removal.records,
            known_states: removal.known_states,
            records_kept: removal.keeps_records || !removal.is_complete,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn overlay(json: Value) -> SettingsOverlay {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_patch_changes_what_it_names_and_a_null_takes_back_what_was_set() {
        let set = json!({ "name": "Desk", "tags": ["a"], "pace": { "limit": 80, "window_ms": 10_000 } });
        for (patch, expected) in [
            (json!({}), set.clone()),
            (
                json!({ "pace": { "limit": 5 } }),
                json!({ "name": "Desk", "tags": ["a"], "pace": { "limit": 5, "window_ms": 10_000 } }),
            ),
            (json!({ "pace": null, "tags": ["b"] }), json!({ "name": "Desk", "tags": ["b"] })),
            (json!({ "name": null, "tags": null, "pace": null }), json!({})),
        ] {
            let patched = SettingsPatch::read(patch.clone()).unwrap().onto(&overlay(set.clone())).unwrap();
            assert_eq!(patched, overlay(expected), "{patch}");
        }
        let part = SettingsPatch::read(json!({ "pace": { "limit": 5 } })).unwrap();
        assert_eq!(
            part.onto(&overlay(json!({}))).unwrap_err().field,
            "pace.window_ms",
            "there is nothing to be a part of"
        );
    }

    #[test]
    fn what_no_settings_can_take_is_refused_whatever_is_set_and_named_by_its_field() {
        for (patch, field) in [
            (json!([]), ""),
            (json!({ "token": "pit-secret" }), "token"),
            (json!({ "token": null }), "token"),
            (json!({ "credentials": "pit-secret" }), "credentials"),
            (json!({ "credentials": "file:/etc/passwd" }), "credentials"),
            (json!({ "pace": 7 }), "pace"),
            (json!({ "pace": { "limit": null } }), "pace.limit"),
            (json!({ "pace": { "burst": 1 } }), "pace.burst"),
            (json!({ "credentials_expire_at": "soon" }), "credentials_expire_at"),
            (json!({ "mapping": { "columns": { "Fax": 7 } } }), "mapping.columns.Fax"),
            (json!({ "mapping": { "version": 2 } }), "mapping.version"),
        ] {
            let wrong = SettingsPatch::read(patch.clone()).unwrap_err();
            assert_eq!(wrong.field, field, "{patch}: {wrong:?}");
            assert!(!wrong.detail.contains("pit-secret"), "{wrong:?}");
        }
    }

    #[test]
    fn all_that_is_wrong_with_an_item_is_said_together() {
        let wrong = PatchItem::read(json!({ "revision": -1, "pace": [] })).unwrap_err();
        let fields: BTreeMap<&str, &str> =
            wrong.iter().map(|fault| (fault.field.as_str(), fault.detail.as_str())).collect();
        assert_eq!(fields.keys().copied().collect::<Vec<_>>(), ["location_id", "pace", "revision"], "{wrong:?}");
    }
}
