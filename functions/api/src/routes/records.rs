//! Records: the status of one, and the outcomes of many.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use ghl_sync_model::{Kind, LocationId, RecordId, RecordKey};
use ghl_sync_operate::RecordStatus;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{InPath, LocationPath};
use crate::body::JsonBody;
use crate::problem::{ApiProblem, ProblemKind};
use crate::service::ApiState;
use crate::wire::{Lookup, Outcomes};

/// Most records in one lookup.
const LARGEST_LOOKUP: usize = 500;

/// The path of a record.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct RecordPath {
    /// Id of the location (sub-account) in GHL.
    #[param(inline, example = "loc_demo")]
    location_id: LocationId,
    /// Kind of the record.
    #[param(inline)]
    kind: Kind,
    /// Your own id of the record.
    #[param(inline, example = "crm-42")]
    record_id: RecordId,
}

impl RecordPath {
    /// Splits the path into location and record key.
    pub(crate) fn split(self) -> (LocationId, RecordKey) {
        (self.location_id, RecordKey { kind: self.kind, id: self.record_id })
    }
}

/// Tells the whole status of a record.
///
/// Its state, its last error in GHL's own words, what it waits for now, and when it should be sent.
#[utoipa::path(
    get,
    path = "/v1/locations/{location_id}/records/{kind}/{*record_id}",
    tag = "records",
    params(RecordPath),
    responses((status = 200, description = "The status of the record", body = RecordStatus)),
)]
pub(crate) async fn record_status(
    State(api): State<ApiState>,
    InPath(RecordPath { location_id, kind, record_id }): InPath<RecordPath>,
) -> Result<Json<RecordStatus>, ApiProblem> {
    status_of(&api, &location_id, kind, record_id).await.map(Json)
}

pub(super) async fn status_of(
    api: &ApiState,
    location: &LocationId,
    kind: Kind,
    id: RecordId,
) -> Result<RecordStatus, ApiProblem> {
    let status = api.operator().record_status(location, &RecordKey { kind, id }).await?;
    let unknown = || ApiProblem::new(ProblemKind::UnknownRecord, "it was never put into this location");
    status.ok_or_else(unknown)
}

/// Tells where many records stand.
///
/// For clients that wait for their puts. Records that were never put are left out. A record that is neither `due` nor
/// `waiting` is final until it is put or replayed again.
#[utoipa::path(
    post,
    path = "/v1/locations/{location_id}/records/lookup",
    tag = "records",
    params(LocationPath),
    request_body = Lookup,
    responses((status = 200, description = "The states of the records", body = Outcomes)),
)]
pub(crate) async fn lookup(
    State(api): State<ApiState>,
    InPath(LocationPath { location_id }): InPath<LocationPath>,
    JsonBody(Lookup { records }): JsonBody<Lookup>,
) -> Result<Json<Outcomes>, ApiProblem> {
    if !(1..=LARGEST_LOOKUP).contains(&records.len()) {
        let detail = format!("must list 1 to {LARGEST_LOOKUP} records");
        return Err(ApiProblem::field(ProblemKind::Invalid, "records", detail));
    }
    let keys: Vec<RecordKey> = BTreeSet::from_iter(records).into_iter().collect();
    let records = api.operator().outcomes(&location_id, &keys).await?;
    Ok(Json(Outcomes { records }))
}
