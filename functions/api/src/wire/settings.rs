//! Settings of a location, and the actions of an operator.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use ghl_sync_import::{DateOrder, DecimalMark, HiddenRows, SamePerson};
use ghl_sync_model::{
    Api, Conflict, CredentialsRef, EpochMs, LocationFacts, LocationLabels, LocationProfile, LocationSettings, Pipeline,
    Priority, ScopeId, SettingsError, SettingsOverlay, Time, UnreportedFact, time_or_date,
};
use ghl_sync_operate::items::{JsonFault, from_json};
use ghl_sync_operate::{CredentialsEnd, LocationView};
use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::CredentialsDocument;

/// The settings and facts of a location.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LocationDocument {
    /// Id of the location in GHL.
    #[schema(example = "loc_demo")]
    id: String,
    /// Increases with every change; 0 if nothing was ever set. The header `ETag` contains it, too.
    revision: u64,
    /// The settings in effect.
    settings: Settings,
    /// Settings made here; the environment decides about the rest.
    #[schema(value_type = Overrides)]
    overrides: SettingsOverlay,
    /// Kind and expiry of its credentials; never the credentials.
    credentials: CredentialsDocument,
    /// GHL's facts about it, read once a day; absent if never read.
    #[serde(skip_serializing_if = "Option::is_none")]
    facts: Option<FactsDocument>,
}

/// GHL's facts about a location.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Facts)]
struct FactsDocument {
    /// When GHL was last asked.
    asked_at: Time,
    /// Time since which all of the following facts are known: a fact that GHL does not report keeps its earlier value.
    /// Absent if GHL has reported nothing yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<Time>,
    /// Its name in GHL.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Name of its business.
    #[serde(skip_serializing_if = "Option::is_none")]
    company: Option<String>,
    /// IANA time zone name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "America/Chicago")]
    timezone: Option<String>,
    /// ISO 3166 two-letter country code.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "US")]
    country: Option<String>,
    /// Whether GHL allows a second contact with the same e-mail address or phone number there.
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_duplicate_contact: Option<bool>,
    /// Number of known custom fields for contacts.
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_fields: Option<usize>,
    /// Number of further custom fields, left out here because their options are too long.
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_fields_left_out: Option<u32>,
    /// Its known pipelines, in GHL's order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pipelines: Option<Vec<PipelineDocument>>,
    /// Number of further pipelines, left out here because they have too many stages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pipelines_left_out: Option<u32>,
    /// Facts that GHL did not report when it was last asked.
    untold: Vec<UnreportedFact>,
}

/// A pipeline of opportunities.
#[derive(Debug, Serialize, ToSchema)]
struct PipelineDocument {
    /// Id of the pipeline in GHL.
    id: String,
    /// Name of the pipeline in GHL.
    name: String,
    /// Its stages, in order.
    stages: Vec<StageDocument>,
}

/// A stage of a pipeline.
#[derive(Debug, Serialize, ToSchema)]
struct StageDocument {
    /// Id of the stage in GHL.
    id: String,
    /// Name of the stage in GHL.
    name: String,
}

impl From<Pipeline> for PipelineDocument {
    fn from(Pipeline { id, name, stages }: Pipeline) -> PipelineDocument {
        let stages = stages.into_iter().map(|stage| StageDocument { id: stage.id.to_string(), name: stage.name });
        PipelineDocument { id: id.to_string(), name, stages: stages.collect() }
    }
}

impl From<LocationFacts> for FactsDocument {
    fn from(facts: LocationFacts) -> FactsDocument {
        let as_of = Time::maybe(facts.as_of());
        let account = facts.account.map(|fact| fact.value);
        let (named, fields) =
            (account.as_ref().map(|account| account.name.clone()), facts.fields.map(|fact| fact.value));
        let pipelines = facts.pipelines.map(|fact| fact.value);
        FactsDocument {
            asked_at: Time(facts.asked_at),
            as_of,
            name: named.filter(|name| !name.is_empty()),
            company: account.as_ref().and_then(|account| account.company.clone()),
            timezone: account.as_ref().and_then(|account| account.timezone.clone()),
            allow_duplicate_contact: account.as_ref().and_then(|account| account.allow_duplicate_contact),
            country: account.and_then(|account| account.country),
            custom_fields: fields.as_ref().map(|fields| fields.fields.len()),
            custom_fields_left_out: fields.map(|fields| fields.left_out).filter(|left_out| *left_out > 0),
            pipelines_left_out: pipelines.as_ref().map(|known| known.left_out).filter(|left_out| *left_out > 0),
            pipelines: pipelines.map(|known| known.pipelines.into_iter().map(PipelineDocument::from).collect()),
            untold: facts.untold,
        }
    }
}

/// The settings of a location. The environment decides about fields that are absent or null.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({
    "pace": { "limit": 80, "window_ms": 10000 },
    "default_priority": "low",
    "outcomes_webhook": { "url": "https://crm.example.com/outcomes", "secret": "ssm:/ghl-sync/STACK/outcomes/loc_demo" },
}))]
pub(crate) struct Overrides {
    /// Whether the location is synced at all.
    enabled: Option<bool>,
    /// The GHL API that serves it.
    api: Option<Api>,
    /// Where its credentials are stored, never the credentials: `env:GHL_TOKEN`, `env:GHL_LOCATION_TOKENS/` and a
    /// location, `ssm:` and the name of a parameter, or `secretsmanager:` and the name of a secret.
    #[serde(deserialize_with = "no_file")]
    #[schema(
        value_type = Option<String>,
        example = "ssm:/ghl-sync/app",
        pattern = "^(env:GHL_TOKEN|env:GHL_LOCATION_TOKENS/[A-Za-z0-9_-]{1,64}|(ssm|secretsmanager):[A-Za-z0-9/_+=.@!:-]{1,2048})$"
    )]
    credentials: Option<CredentialsRef>,
    /// The burst quota.
    pace: Option<PaceDocument>,
    /// Calls per day.
    #[schema(minimum = 1, maximum = 1_000_000_000_u64)]
    daily_limit: Option<u64>,
    /// The scope whose daily count its calls belong to, if that is not its rate scope: private integrations of one
    /// location share the daily quota. Locations with the same `day_scope` share one count.
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9_-]{1,64}$", example = "ve9EPM428h8vShlRW1KT")]
    day_scope: Option<ScopeId>,
    /// Calls of the day reserved for records of high priority; less than the daily limit.
    #[schema(minimum = 0, maximum = 999_999_999)]
    daily_reserve: Option<u64>,
    /// Do everything except call GHL.
    dry_run: Option<bool>,
    /// Priority of records that are put without one.
    default_priority: Option<Priority>,
    /// Who wins if somebody changed a contact in GHL to something other than its record.
    conflict: Option<Conflict>,
    /// Where outcomes are posted, and the secret that signs the posts.
    outcomes_webhook: Option<OutcomesWebhookDocument>,
    /// Number of days after GHL accepts a record until its content is dropped. The record still
    /// counts as sent, and a put of the same content as unchanged.
    #[schema(minimum = 1, maximum = 3650, example = 90)]
    content_days: Option<u32>,
    /// Name of the location for people here.
    #[schema(min_length = 1, max_length = 100, example = "Dentist Berlin")]
    name: Option<String>,
    /// Your own tags for finding locations, each 1 to 40 characters. GHL does not get them.
    #[schema(max_items = 20, example = json!(["dental", "berlin"]))]
    tags: Option<Vec<String>>,
    /// When its credentials expire, if GHL does not tell: RFC 3339, or a date. Only a reminder; nothing stops then.
    #[serde(deserialize_with = "time")]
    #[schema(value_type = Option<String>, example = "2027-01-31")]
    credentials_expire_at: Option<EpochMs>,
    /// How to read lists without a mapping of their own, as in `mapping.json`: 8 KiB at most.
    mapping: Option<ListMapping>,
}

/// How to read lists.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({ "columns": { "Fax": "ignore" }, "id_column": "Member No", "answers": { "country": "DE" } }))]
pub(crate) struct ListMapping {
    /// Version of this format: 1.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "one")]
    #[schema(minimum = 1, maximum = 1)]
    version: Option<u32>,
    /// The target of each column, by the column's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    columns: Option<BTreeMap<String, Option<String>>>,
    /// The column with the list's own id of a contact.
    #[serde(skip_serializing_if = "Option::is_none")]
    id_column: Option<String>,
    /// Tags for every contact.
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<String>>,
    /// The source of contacts whose row names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    /// GHL id of the user to assign contacts to.
    #[serde(skip_serializing_if = "Option::is_none")]
    assigned_to: Option<String>,
    /// How to read ambiguous values, such as `country` and `date_order`.
    #[serde(skip_serializing_if = "Option::is_none")]
    answers: Option<ListAnswers>,
    /// The importer reads the list and reports on it, but sends nothing until this is false.
    #[serde(skip_serializing_if = "Option::is_none")]
    hold: Option<bool>,
    /// Whether the import can be undone.
    #[serde(skip_serializing_if = "Option::is_none")]
    undoable: Option<bool>,
}

/// Answers to the questions that lists leave open, as in `mapping.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct ListAnswers {
    /// Encoding of text that is not UTF-8, such as `windows-1252`.
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<String>,
    /// Which number of a date is the day: `day_first` or `month_first`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^(day_first|month_first)$")]
    date_order: Option<DateOrder>,
    /// The decimal separator: `point` or `comma`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^(point|comma)$")]
    decimal_mark: Option<DecimalMark>,
    /// The sheet of a workbook that holds the people.
    #[serde(skip_serializing_if = "Option::is_none")]
    sheet: Option<String>,
    /// Whether to import the hidden rows of a sheet: `import` or `leave_out`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^(import|leave_out)$")]
    hidden_rows: Option<HiddenRows>,
    /// The country of phone numbers without `+`, if it is not the location's.
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<String>,
    /// What to do with rows of the same person: `hold_back`, `merge_first`, `merge_last` or `keep_apart`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^(hold_back|merge_first|merge_last|keep_apart)$")]
    same_person: Option<SamePerson>,
}

/// Texts by name; a null counts as absent, so that a patch can remove a text.
type Texts = BTreeMap<String, Option<String>>;

impl ListMapping {
    pub(crate) fn as_map(&self) -> Map<String, Value> {
        let given = |texts: &Option<Texts>| {
            let given = texts.iter().flatten().filter(|(_, text)| text.is_some());
            let given: Texts = given.map(|(name, text)| (name.clone(), text.clone())).collect();
            (!given.is_empty()).then_some(given)
        };
        let answers = self.answers.clone().filter(|answers| *answers != ListAnswers::default());
        let plain = ListMapping { columns: given(&self.columns), answers, ..self.clone() };
        // Only strings, lists, maps of strings and booleans: serialization cannot fail.
        serde_json::to_value(plain).ok().and_then(|value| value.as_object().cloned()).unwrap_or_default()
    }
}

fn one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    match Option::deserialize(deserializer)? {
        version @ (None | Some(1)) => Ok(version),
        Some(_) => Err(D::Error::custom("must be 1")),
    }
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<EpochMs>, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    let wrong = || D::Error::custom("is neither a time as RFC 3339 writes it nor a date, like 2027-01-31");
    text.map(|text| time_or_date(&text).ok_or_else(wrong)).transpose()
}

/// Where outcomes are posted.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OutcomesWebhook, example = json!({
    "url": "https://crm.example.com/outcomes", "secret": "ssm:/ghl-sync/STACK/outcomes/loc_demo"
}))]
struct OutcomesWebhookDocument {
    /// An `https://` URL of a public host, without user and password.
    #[schema(max_length = 2048, pattern = "^https://[!-?A-~]+$")]
    url: String,
    /// Where the signing secret is stored, never the secret itself: `ssm:` and the name of a parameter, or
    /// `secretsmanager:` and the name of a secret.
    #[serde(deserialize_with = "some_reference")]
    #[schema(value_type = String, pattern = "^(ssm|secretsmanager):[A-Za-z0-9/_+=.@!:-]{1,2048}$")]
    secret: CredentialsRef,
}

impl From<OutcomesWebhookDocument> for ghl_sync_model::OutcomesWebhook {
    fn from(OutcomesWebhookDocument { url, secret }: OutcomesWebhookDocument) -> ghl_sync_model::OutcomesWebhook {
        ghl_sync_model::OutcomesWebhook { url, secret }
    }
}

/// Reads a reference and rejects `file:`: an outside caller must not name files on a function's machine.
fn no_file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<CredentialsRef>, D::Error> {
    match Option::deserialize(deserializer)? {
        Some(CredentialsRef::File(_)) => Err(D::Error::custom("may not be a file: only a local run reads files")),
        reference => Ok(reference),
    }
}

/// The same for a required reference.
fn some_reference<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CredentialsRef, D::Error> {
    no_file(deserializer)?.ok_or_else(|| D::Error::invalid_type(Unexpected::Unit, &"a string"))
}

/// The settings in effect for a location.
#[derive(Debug, Serialize, ToSchema)]
struct Settings {
    /// The rate scope that its calls count toward.
    scope: String,
    /// The scope whose daily count its calls belong to.
    #[schema(example = "loc_demo")]
    day_scope: String,
    /// Whether the location is synced at all.
    enabled: bool,
    /// The GHL API that serves it.
    api: Api,
    /// Where its token is stored; never the token itself.
    #[schema(example = "env:GHL_TOKEN")]
    credentials: String,
    /// The burst quota.
    #[schema(value_type = PaceDocument)]
    pace: ghl_sync_model::Pace,
    /// Calls per day.
    daily_limit: u64,
    /// Calls of the day reserved for records of high priority.
    daily_reserve: u64,
    /// Do everything except call GHL.
    dry_run: bool,
    /// Priority of records that are put without one.
    default_priority: Priority,
    /// Who wins if somebody changed a contact in GHL to something other than its record: `ours` (it is sent again),
    /// `theirs` (it is not) or `newest` (the latest change).
    conflict: Conflict,
    /// Where outcomes of its records are posted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<OutcomesWebhookDocument>)]
    outcomes_webhook: Option<ghl_sync_model::OutcomesWebhook>,
    /// Number of days after GHL accepts a record until its content is dropped; null keeps it.
    content_days: Option<u32>,
    /// Name of the location for people here; null if it has none.
    name: Option<String>,
    /// Your own tags.
    tags: Vec<String>,
}

/// A quota of calls.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Pace)]
struct PaceDocument {
    /// Calls per window.
    #[schema(value_type = u32, minimum = 1, maximum = 10_000)]
    limit: NonZeroU32,
    /// Length of the window, in milliseconds.
    #[schema(minimum = 100, maximum = 3_600_000)]
    window_ms: u64,
}

impl From<PaceDocument> for ghl_sync_model::Pace {
    fn from(PaceDocument { limit, window_ms }: PaceDocument) -> ghl_sync_model::Pace {
        ghl_sync_model::Pace { limit, window: Duration::from_millis(window_ms) }
    }
}

impl From<Overrides> for SettingsOverlay {
    fn from(set: Overrides) -> SettingsOverlay {
        SettingsOverlay {
            enabled: set.enabled,
            api: set.api,
            credentials: set.credentials,
            pace: set.pace.map(ghl_sync_model::Pace::from),
            daily_limit: set.daily_limit,
            day_scope: set.day_scope,
            daily_reserve: set.daily_reserve,
            dry_run: set.dry_run,
            default_priority: set.default_priority,
            conflict: set.conflict,
            outcomes_webhook: set.outcomes_webhook.map(ghl_sync_model::OutcomesWebhook::from),
            content_days: set.content_days,
            name: set.name,
            tags: set.tags,
            credentials_expire_at: set.credentials_expire_at,
            mapping: set.mapping.as_ref().map(ListMapping::as_map),
        }
    }
}

impl LocationDocument {
    pub(crate) fn of(
        LocationView { location_id, rev, settings, overlay }: LocationView,
        facts: Option<LocationFacts>,
        profile: Option<&LocationProfile>,
        now: EpochMs,
    ) -> LocationDocument {
        LocationDocument {
            credentials: CredentialsDocument::new(&settings, &CredentialsEnd::of(&settings, profile, now)),
            id: location_id.into(),
            revision: rev,
            settings: settings.into(),
            overrides: overlay,
            facts: facts.map(FactsDocument::from),
        }
    }
}

impl From<LocationSettings> for Settings {
    fn from(settings: LocationSettings) -> Settings {
        Settings {
            day_scope: settings.day_scope.unwrap_or_else(|| settings.scope.clone()).into(),
            scope: settings.scope.into(),
            enabled: settings.enabled,
            api: settings.api,
            credentials: settings.credentials.to_string(),
            pace: settings.pace,
            daily_limit: settings.daily_limit,
            daily_reserve: settings.daily_reserve,
            dry_run: settings.dry_run,
            default_priority: settings.default_priority,
            conflict: settings.conflict,
            outcomes_webhook: settings.outcomes_webhook,
            content_days: settings.content_days,
            name: settings.labels.name,
            tags: settings.labels.tags,
        }
    }
}

/// A fault in settings. It contains none of their values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {detail}")]
pub struct SettingsFault {
    /// Path of the field.
    pub field: String,
    /// What is wrong with it, and what would be right.
    pub detail: String,
}

/// Reads settings as `PUT /v1/locations/{id}` does, except for checks that depend on the environment.
///
/// # Errors
/// [`SettingsFault`] names the field that is wrong.
pub fn read_settings(settings: &Map<String, Value>) -> Result<SettingsOverlay, SettingsFault> {
    let json = Value::Object(settings.clone()).to_string();
    let read =
        from_json::<Overrides>(&json).map_err(|JsonFault { field, detail, .. }| SettingsFault { field, detail })?;
    let overlay = SettingsOverlay::from(read);
    let wrong =
        |SettingsError { field, reason }: SettingsError| SettingsFault { field: field.to_owned(), detail: reason };
    overlay.check().map_err(wrong)?;
    let labels = LocationLabels {
        name: overlay.name.clone(),
        tags: overlay.tags.clone().unwrap_or_default(),
        credentials_expire_at: None,
    };
    labels.check().map_err(wrong)?;
    Ok(overlay)
}

/// A pause.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Pause, example = json!({ "until": "2026-11-22T06:00:00Z", "note": "the office imports by hand" }))]
pub(crate) struct PauseRequest {
    /// End of the pause, RFC 3339; without it the pause lasts until somebody lifts it.
    #[schema(format = DateTime)]
    pub(crate) until: Option<String>,
    /// The reason, in your own words, for anyone who looks at the location.
    #[schema(max_length = 200)]
    pub(crate) note: Option<String>,
}
