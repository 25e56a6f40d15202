//! Records: the story of one, and where many stand.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use ghl_sync_model::{Kind, LocationId, RecordId, RecordKey};
use ghl_sync_operate::RecordStatus;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{InPath, LocationPath};
use crate::body::JsonBody;
use crate::problem::{Problem, ProblemKind};
use crate::service::Api;
use crate::wire::{Lookup, Outcomes};

/// Most records that are looked up at once.
const LARGEST_LOOKUP: usize = 500;

/// The path of a record.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct RecordPath {
    /// GHL's id of the location (sub-account).
    #[param(inline, example = "loc_demo")]
    location_id: LocationId,
    /// What it is.
    #[param(inline)]
    kind: Kind,
    /// Your own id of it.
    #[param(inline, example = "crm-42")]
    record_id: RecordId,
}

impl RecordPath {
    /// Of which location, and which record.
    pub(crate) fn split(self) -> (LocationId, RecordKey) {
        (self.location_id, RecordKey { kind: self.kind, id: self.record_id })
    }
}

/// Tells the whole story of a record.
///
/// Where it stands, what went wrong last in GHL's own words, what it waits for now, and when it should go out.
#[utoipa::path(
    get,
    path = "/v1/locations/{location_id}/records/{kind}/{*record_id}",
    tag = "records",
    params(RecordPath),
    responses((status = 200, description = "Its story", body = RecordStatus)),
)]
pub(crate) async fn record_status(
    State(api): State<Api>,
    InPath(RecordPath { location_id, kind, record_id }): InPath<RecordPath>,
) -> Result<Json<RecordStatus>, Problem> {
    status_of(&api, &location_id, kind, record_id).await.map(Json)
}

pub(super) async fn status_of(
    api: &Api,
    location: &LocationId,
    kind: Kind,
    id: RecordId,
) -> Result<RecordStatus, Problem> {
    let story = api.operator().record_status(location, &RecordKey { kind, id }).await?;
    let unknown = || Problem::new(ProblemKind::UnknownRecord, "it was never put into this location");
    story.ok_or_else(unknown)
}

/// Tells where many records stand.
///
/// For whoever has put them and waits. Records that were never put are left out. A record that is neither `due` nor
/// `waiting` has come to its end, until it is put or replayed again.
#[utoipa::path(
    post,
    path = "/v1/locations/{location_id}/records/lookup",
    tag = "records",
    params(LocationPath),
    request_body = Lookup,
    responses((status = 200, description = "Where they stand", body = Outcomes)),
)]
pub(crate) async fn lookup(
    State(api): State<Api>,
    InPath(LocationPath { location_id }): InPath<LocationPath>,
    JsonBody(Lookup { records }): JsonBody<Lookup>,
) -> Result<Json<Outcomes>, Problem> {
    if !(1..=LARGEST_LOOKUP).contains(&records.len()) {
        let detail = format!("must list 1 to {LARGEST_LOOKUP} records");
        return Err(Problem::field(ProblemKind::Invalid, "records", detail));
    }
    let keys: Vec<RecordKey> = BTreeSet::from_iter(records).into_iter().collect();
    let records = api.operator().outcomes(&location_id, &keys).await?;
    Ok(Json(Outcomes { records }))
}
