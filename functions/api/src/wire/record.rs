//! Records: what became of a put, a record's story, and who is erased.

use ghl_sync_engine::policy::SharedIdentity;
use ghl_sync_model::{GhlId, RecordKey};
use ghl_sync_notify::OutcomeEvent;
use ghl_sync_operate::{RecordOutcome, RecordStatus};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::problem::FieldProblem;

/// What became of the items of a put.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Put {
    /// Items that were stored, and are due.
    pub(crate) stored: u64,
    /// Items that GHL has already.
    pub(crate) unchanged: u64,
    /// Items that are older than what stands, by `as_of`: they are not stored.
    pub(crate) outdated: u64,
    /// Items that were refused.
    pub(crate) refused: u64,
    /// Items that could not be stored: send them again.
    pub(crate) failed: u64,
    /// Contacts of this request that share an e-mail address or a phone number. They are accepted, but GHL may make one
    /// contact of them, and then what is sent last overwrites the others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub(crate) shared: Vec<Shared>,
    /// Each item, in the order of the body.
    pub(crate) items: Vec<PutItem>,
}

/// Contacts that GHL may take for one another.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Shared {
    /// What they share: `email` or `phone`.
    #[schema(example = "phone")]
    pub(crate) by: &'static str,
    /// Which records.
    #[schema(min_items = 2)]
    pub(crate) records: Vec<String>,
}

impl From<&SharedIdentity> for Shared {
    fn from(SharedIdentity { location_id: _, by, records }: &SharedIdentity) -> Shared {
        Shared { by: by.as_str(), records: records.iter().map(ToString::to_string).collect() }
    }
}

/// What became of one item.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PutItem {
    /// Which item of the body, counted from 0.
    pub(crate) index: usize,
    /// The record's id, if the item could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) id: Option<String>,
    /// What became of it.
    pub(crate) result: PutResult,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub(crate) errors: Vec<FieldProblem>,
}

/// What became of one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PutResult {
    /// Stored, and due.
    Stored,
    /// GHL has this content already: nothing is sent.
    Unchanged,
    /// What stands is true of a later time (`as_of`): it is not stored.
    Outdated,
    /// It is not valid; `errors` says why.
    Refused,
    /// The store did not take it. Send it again; doing it twice does no harm.
    Failed,
}

/// A page of records.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecordList {
    /// The records. A page may hold fewer than asked for, and still not be the last.
    pub(crate) records: Vec<RecordStatus>,
    /// Where to go on; null on the last page.
    pub(crate) cursor: Option<String>,
}

/// Which records to look up.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "records": ["contact#crm-42"] }))]
pub(crate) struct Lookup {
    /// Up to 500 of them, each as `KIND#ID`.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 500)]
    pub(crate) records: Vec<RecordKey>,
}

/// Where records stand.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Outcomes {
    /// Each of them that was ever put, in no order.
    pub(crate) records: Vec<RecordOutcome>,
}

/// Outcomes that were told.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ToldOutcomes {
    /// Those of a record in their order. One may come twice, under the same `id`.
    #[schema(value_type = Vec<OutcomeEvent>)]
    pub(crate) outcomes: Vec<Box<RawValue>>,
    /// Where to go on: `since` of the next request.
    #[schema(example = "0001795000000000.0.4a1f00c2")]
    pub(crate) cursor: String,
    /// There are more already: ask at once. Else wait a few seconds.
    pub(crate) has_more: bool,
}

/// Who is erased: `email`, `phone`, or whoever has both.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "email": "ann@example.com" }))]
pub(crate) struct Erase {
    /// Their e-mail address.
    #[schema(example = "ann@example.com")]
    pub(crate) email: Option<String>,
    /// Their phone number; its digits are compared.
    #[schema(example = "+14155550123")]
    pub(crate) phone: Option<String>,
    /// Where the request before ended.
    pub(crate) cursor: Option<String>,
    /// With `cursor`: what the request before answered as `contacts`.
    #[serde(default)]
    #[schema(max_items = 1000)]
    pub(crate) contacts: Vec<ErasedContact>,
}

/// What was erased.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Erased {
    /// The contacts, those of the requests before included.
    pub(crate) contacts: Vec<ErasedContact>,
    /// Their opportunities, as `KIND#ID`; by this request.
    #[schema(value_type = Vec<String>, example = json!(["opportunity#roof-7"]))]
    pub(crate) opportunities: Vec<RecordKey>,
    /// Contents that GHL had told of them; by this request.
    pub(crate) known_states: u64,
    /// Where to go on; null when all of the location was looked through.
    pub(crate) cursor: Option<String>,
}

/// A contact that was erased.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ErasedContact {
    /// Which record it was.
    #[schema(value_type = String, example = "contact#crm-42")]
    pub(crate) record: RecordKey,
    /// GHL's id of it, if it was known: there it still is.
    #[schema(value_type = Option<String>)]
    pub(crate) ghl_id: Option<GhlId>,
}
