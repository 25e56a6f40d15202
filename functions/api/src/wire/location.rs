//! Locations in lists, changes of many of them, and what is left of one that was removed.

use ghl_sync_engine::ports::Tallied;
use ghl_sync_engine::standing::LocationState;
use ghl_sync_model::{
    Api, CredentialsKind, EpochMs, LocationCursor, LocationId, LocationProfile, LocationSettings, SettingsOverlay,
    Time, merged,
};
use ghl_sync_operate::items::{JsonFault, from_json};
use ghl_sync_operate::{CredentialsEnd, DueView, ListedLocation, ListedLocations, Removal};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::openapi::schema::{Object, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{RefOr, extensions};
use utoipa::{PartialSchema, ToSchema};

use super::Overrides;
use crate::problem::FieldProblem;

/// Locations, by id.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LocationList {
    /// Those of the page that were looked for.
    locations: Vec<LocationEntry>,
    /// So many were looked at for it.
    looked_at: usize,
    /// Where the page ended; null on the last one.
    cursor: Option<String>,
}

/// A location of a list.
#[derive(Debug, Serialize, ToSchema)]
struct LocationEntry {
    /// GHL's id of it.
    #[schema(example = "loc_demo")]
    id: String,
    /// Advances with every change of its settings; 0 when nothing was ever set.
    revision: u64,
    /// Its name: the one that was set here, or else GHL's; null if neither is known.
    #[schema(example = "Dentist Berlin")]
    name: Option<String>,
    /// Its tags, as they were set here.
    tags: Vec<String>,
    /// Whether it is synced at all.
    enabled: bool,
    /// Whether everything is done but the call to GHL.
    dry_run: bool,
    /// GHL's API that serves it.
    api: Api,
    /// What it does now; null if that was never written down.
    state: Option<LocationState>,
    /// Whether somebody should look at it.
    trouble: bool,
    /// What is due.
    due: DueView,
    /// What failed for good.
    failed: Tallied,
    /// When it stood so; null if that was never written down.
    as_of: Option<Time>,
    /// What GHL says of it; null if it was never asked.
    ghl: Option<GhlProfile>,
    /// What its credentials are, and when they end; never the credentials.
    credentials: CredentialsDocument,
    /// Whether the environment (`GHL_LOCATIONS`) names it: then it stays known, whatever is set here.
    in_environment: bool,
    /// What was set here; the rest is as the environment says.
    #[schema(value_type = Overrides)]
    overrides: SettingsOverlay,
}

/// What GHL says of a location, in short.
#[derive(Debug, Serialize, ToSchema)]
struct GhlProfile {
    /// What GHL calls it.
    name: Option<String>,
    /// The name of the business that it is for.
    company: Option<String>,
    /// IANA time zone name.
    #[schema(example = "Europe/Berlin")]
    timezone: Option<String>,
    /// ISO 3166 two-letter country code.
    #[schema(example = "DE")]
    country: Option<String>,
}

/// What a location's credentials are, and when they end.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CredentialsState)]
pub(crate) struct CredentialsDocument {
    /// Where they are.
    #[schema(example = "ssm:/ghl-sync/STACK/loc_demo")]
    reference: String,
    /// What they are; null until somebody who has them has told.
    kind: Option<CredentialsKind>,
    /// When they end: as `credentials_expire_at` says, or else, of an app, a year after they were renewed last. Null if
    /// nobody knows.
    expires_at: Option<Time>,
    /// Whole days until then; below zero once it is over.
    days_left: Option<i64>,
}

impl CredentialsDocument {
    pub(crate) fn new(settings: &LocationSettings, end: &CredentialsEnd) -> CredentialsDocument {
        CredentialsDocument {
            reference: settings.credentials.to_string(),
            kind: end.kind,
            expires_at: end.expires_at.map(Time),
            days_left: end.days_left,
        }
    }
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
    /// One for each location. Each is done or refused by itself.
    #[schema(value_type = Vec<LocationPatch>, min_items = 1, max_items = 100)]
    pub(crate) locations: Vec<Value>,
}

/// A change of a location: what `Overrides` has, a null for what shall be as the environment says, and which location.
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

/// What JSON has as a whole number everywhere.
const MAX_REVISION: u64 = (1 << 53) - 1;

/// One of them, read.
#[derive(Debug)]
pub(crate) struct PatchItem {
    pub(crate) location: LocationId,
    pub(crate) revision: Option<u64>,
    pub(crate) patch: SettingsPatch,
}

impl PatchItem {
    /// Reads one; or says all that is wrong with it.
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

/// A change of what is set for a location: a JSON merge patch (RFC 7396).
#[derive(Debug)]
pub(crate) struct SettingsPatch(Value);

impl SettingsPatch {
    /// A patch that some settings can take; what is wrong with it whatever is set is said at once.
    pub(crate) fn read(patch: Value) -> Result<SettingsPatch, JsonFault> {
        let Value::Object(members) = &patch else { return Err(fault("", "must be an object")) };
        // Whatever an object needs that the patch has only a part of.
        let whole = json!({
            "pace": { "limit": 1, "window_ms": 1000 },
            "outcomes_webhook": { "url": "https://a.example/", "secret": "ssm:/a" },
        });
        let mut patched = merged(&whole, &patch);
        // A null of the patch is no member any more, and may be of a field that there is not.
        if let Value::Object(patched) = &mut patched {
            let nulls = members.iter().filter(|(_, value)| value.is_null());
            patched.extend(nulls.map(|(name, value)| (name.clone(), value.clone())));
        }
        from_json::<Overrides>(&patched.to_string())?;
        Ok(SettingsPatch(patch))
    }

    /// What is set once `set` is patched.
    pub(crate) fn onto(&self, set: &SettingsOverlay) -> Result<SettingsOverlay, JsonFault> {
        let set = serde_json::to_value(set).unwrap_or(Value::Object(Map::new()));
        from_json::<Overrides>(&merged(&set, &self.0).to_string()).map(SettingsOverlay::from)
    }
}

/// What became of the changes.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct PatchedLocations {
    /// Locations that were changed.
    pub(crate) changed: u64,
    /// Locations that were so already.
    pub(crate) unchanged: u64,
    /// Changes that were refused.
    pub(crate) refused: u64,
    /// Changes that could not be stored: send them again.
    pub(crate) failed: u64,
    /// Each change, in the order of the body.
    pub(crate) locations: Vec<PatchedLocation>,
}

/// What became of one change.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PatchedLocation {
    /// Which of the body, counted from 0.
    pub(crate) index: usize,
    /// The location, if the change could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) location_id: Option<LocationId>,
    /// `changed`, `unchanged`, `refused` or `failed`.
    #[schema(example = "changed")]
    pub(crate) result: &'static str,
    /// The revision of its settings, if they are as the change says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) revision: Option<u64>,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub(crate) errors: Vec<FieldProblem>,
}

/// What was removed of a location.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RemovedLocation {
    /// The location that was asked for, by GHL's id.
    #[schema(example = "loc_demo")]
    location_id: String,
    /// No call to GHL begins any more.
    stopped: bool,
    /// All is done; else the same request goes on.
    complete: bool,
    /// It is not known any more. One that the environment (`GHL_LOCATIONS`) names stays known, switched off.
    removed: bool,
    /// Records that this request has forgotten. In GHL they still are.
    records_forgotten: u64,
    /// Contents that GHL had told of them.
    known_states: u64,
    /// Records of it are kept, and wait. They go on if it is made known again.
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
