//! Records: the result of a put, record lists and lookups, and erasure.

use ghl_sync_engine::policy::SharedIdentity;
use ghl_sync_model::{GhlId, RecordKey};
use ghl_sync_notify::OutcomeEvent;
use ghl_sync_operate::{RecordOutcome, RecordStatus};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::problem::FieldProblem;

/// The result of a put.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Put)]
pub(crate) struct PutDocument {
    /// Items that were stored and are due.
    pub(crate) stored: u64,
    /// Items that GHL already has.
    pub(crate) unchanged: u64,
    /// Items that are older by `as_of` than the stored version: they are not stored.
    pub(crate) outdated: u64,
    /// Items that were refused.
    pub(crate) refused: u64,
    /// Items that could not be stored: send them again.
    pub(crate) failed: u64,
    /// Contacts of this request that share an e-mail address or a phone number. They are accepted, but GHL may merge
    /// them into one contact; then the one sent last overwrites the others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub(crate) shared: Vec<SharedContacts>,
    /// Each item, in the order of the body.
    pub(crate) items: Vec<PutItem>,
}

/// Contacts that GHL may mistake for one another.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Shared)]
pub(crate) struct SharedContacts {
    /// The shared field: `email` or `phone`.
    #[schema(example = "phone")]
    pub(crate) by: &'static str,
    /// The records that share it.
    #[schema(min_items = 2)]
    pub(crate) records: Vec<String>,
}

impl From<&SharedIdentity> for SharedContacts {
    fn from(SharedIdentity { location_id: _, by, records }: &SharedIdentity) -> SharedContacts {
        SharedContacts { by: by.as_str(), records: records.iter().map(ToString::to_string).collect() }
    }
}

/// The result of one item.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PutItem {
    /// Index of the item in the body, from 0.
    pub(crate) index: usize,
    /// The record's id, if the item could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) id: Option<String>,
    /// The result.
    pub(crate) result: PutResult,
    /// What is wrong with the item.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub(crate) errors: Vec<FieldProblem>,
}

/// The result of one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PutResult {
    /// Stored and due.
    Stored,
    /// GHL already has this content: nothing is sent.
    Unchanged,
    /// The stored version is newer (`as_of`): this one is not stored.
    Outdated,
    /// Invalid; `errors` tells why.
    Refused,
    /// The store did not take it. Send it again: that is safe.
    Failed,
}

/// A page of records.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecordList {
    /// The records. A page may hold fewer than requested, and still not be the last.
    pub(crate) records: Vec<RecordStatus>,
    /// `cursor` of the next page; null on the last page.
    pub(crate) cursor: Option<String>,
}

/// Which records to look up.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "records": ["contact#crm-42"] }))]
pub(crate) struct Lookup {
    /// Up to 500 records, each as `KIND#ID`.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 500)]
    pub(crate) records: Vec<RecordKey>,
}

/// The states of the records.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Outcomes {
    /// Each of the records that was ever put, in no particular order.
    pub(crate) records: Vec<RecordOutcome>,
}

/// Outcome events.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ToldOutcomes)]
pub(crate) struct OutcomeFeedPage {
    /// Events of one record come in order. An event can come twice, with the same `id`.
    #[schema(value_type = Vec<OutcomeEvent>)]
    pub(crate) outcomes: Vec<Box<RawValue>>,
    /// `since` of the next request.
    #[schema(example = "0001795000000000.0.4a1f00c2")]
    pub(crate) cursor: String,
    /// There are more already: ask again at once. Otherwise wait a few seconds.
    pub(crate) has_more: bool,
}

/// The person to erase: `email`, `phone`, or both, which then must both match.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "email": "ann@example.com" }))]
pub(crate) struct Erase {
    /// The person's e-mail address.
    #[schema(example = "ann@example.com")]
    pub(crate) email: Option<String>,
    /// The person's phone number; only digits are compared.
    #[schema(example = "+14155550123")]
    pub(crate) phone: Option<String>,
    /// `cursor` of the previous response.
    pub(crate) cursor: Option<String>,
    /// With `cursor`: `contacts` of the previous response.
    #[serde(default)]
    #[schema(max_items = 1000)]
    pub(crate) contacts: Vec<ErasedContactDocument>,
}

/// The result of an erasure.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Erased)]
pub(crate) struct ErasureDocument {
    /// The erased contacts, including those of the previous requests.
    pub(crate) contacts: Vec<ErasedContactDocument>,
    /// Their opportunities that this request erased, as `KIND#ID`.
    #[schema(value_type = Vec<String>, example = json!(["opportunity#roof-7"]))]
    pub(crate) opportunities: Vec<RecordKey>,
    /// Copies of GHL's content about them that this request deleted.
    pub(crate) known_states: u64,
    /// `cursor` for the next request; null once the whole location was searched.
    pub(crate) cursor: Option<String>,
}

/// A contact that was erased.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ErasedContact)]
pub(crate) struct ErasedContactDocument {
    /// The erased record.
    #[schema(value_type = String, example = "contact#crm-42")]
    pub(crate) record: RecordKey,
    /// Its id in GHL, if known: GHL still has the contact.
    #[schema(value_type = Option<String>)]
    pub(crate) ghl_id: Option<GhlId>,
}
