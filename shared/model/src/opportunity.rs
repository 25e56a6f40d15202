//! The content of an opportunity record.

use serde::{Deserialize, Serialize};
use serde_json::Number;
use strum::IntoStaticStr;

use super::clearing::given;
use super::{CustomField, GhlId, RecordId};

/// The fields of an opportunity, named as GHL's API v2 names them (`apps/opportunities.json`).
///
/// An absent field keeps its value in GHL. `null` is rejected: GHL's API can clear only the custom fields of an
/// opportunity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Opportunity {
    /// The opportunity's contact, as the id of a contact *record* of the same location. The opportunity waits until
    /// that record has its GHL id. Exactly one of this and `contactId` is set.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none", default)]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub contact_record: Option<RecordId>,
    /// The opportunity's contact, by GHL's id.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none", default)]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub contact_id: Option<GhlId>,
    /// GHL's id of the pipeline.
    pub pipeline_id: GhlId,
    /// The opportunity's name. It identifies the opportunity within a contact and a pipeline.
    pub name: String,
    /// Its status; a new one is `open` by default.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none", default)]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub status: Option<OpportunityStatus>,
    /// GHL's id of the stage.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none", default)]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub pipeline_stage_id: Option<GhlId>,
    /// Value in the location's currency.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none", default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<f64>, nullable = false))]
    pub monetary_value: Option<Number>,
    /// GHL's id of the user in charge.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none", default)]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub assigned_to: Option<String>,
    /// Custom fields, by id or key.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub custom_fields: Vec<CustomField>,
}

/// Status of an opportunity. (`all`, which the API's enum also lists, is a search filter.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum OpportunityStatus {
    /// In progress.
    Open,
    /// Won.
    Won,
    /// Lost.
    Lost,
    /// Given up.
    Abandoned,
}

impl OpportunityStatus {
    /// The status as GHL writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
