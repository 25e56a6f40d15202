//! The location facts that a list was read with, as its report shows them.

use ghl_sync_engine::usecase::Question;
use ghl_sync_model::{LocationFacts, UnreportedFact};
use serde::Serialize;

/// The location facts that a list was read with.
#[derive(Debug, Serialize)]
pub(crate) struct KnownOfLocation {
    /// Country for national phone numbers in rows without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<String>,
    /// Number of contact custom fields known.
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_fields: Option<usize>,
    /// Number of custom fields not kept because their options are too long. A mapping can name them by key.
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_fields_left_out: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<String>,
    /// Facts that are missing or may be out of date, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<String>,
}

impl KnownOfLocation {
    pub(crate) fn of(facts: Option<&LocationFacts>) -> KnownOfLocation {
        let fields = facts.and_then(|facts| facts.fields.as_ref());
        let untold = facts.map_or_else(
            || vec!["country and custom fields: GHL has not told them yet".to_owned()],
            // Lists do not use pipelines.
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

fn said(UnreportedFact { what, scope, why }: &UnreportedFact) -> String {
    format!("{what}: {why} (a private integration token needs the scope {scope})")
}
