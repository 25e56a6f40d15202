//! What a list was read with, as its report tells it.

use ghl_sync_engine::usecase::Question;
use ghl_sync_model::{LocationFacts, Untold};
use serde::Serialize;

/// What a list was read with.
#[derive(Debug, Serialize)]
pub(crate) struct KnownOfLocation {
    /// Of national phone numbers of rows that name no country.
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<String>,
    /// How many custom fields of contacts are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_fields: Option<usize>,
    /// So many more have so long options that they are not kept: a mapping may name them by their keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_fields_left_out: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<String>,
    /// What is not known, or may be out of date, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<String>,
}

impl KnownOfLocation {
    pub(crate) fn of(facts: Option<&LocationFacts>) -> KnownOfLocation {
        let fields = facts.and_then(|facts| facts.fields.as_ref());
        let untold = facts.map_or_else(
            || vec!["country and custom fields: GHL has not told them yet".to_owned()],
            // No list needs the pipelines.
            |facts| facts.untold.iter().filter(|untold| untold.what != Question::PIPELINES.what).map(said).collect(),
        );
        KnownOfLocation {
            country: facts.and_then(LocationFacts::country).map(str::to_owned),
            custom_fields: fields.map(|fact| fact.value.fields.len()),
            custom_fields_left_out: fields.map(|fact| fact.value.left_out).filter(|left_out| *left_out > 0),
            as_of: facts.and_then(LocationFacts::as_of).map(|time| time.to_rfc3339()),
            unknown: untold,
        }
    }
}

fn said(Untold { what, scope, why }: &Untold) -> String {
    format!("{what}: {why} (a private integration token needs the scope {scope})")
}
