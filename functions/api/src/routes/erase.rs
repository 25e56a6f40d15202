//! Forgetting a record, and erasing a person.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use ghl_sync_model::RecordCursor;
use ghl_sync_operate::{DeletionError, ErasedContact as Found, Person};
use serde::Deserialize;
use utoipa::IntoParams;

use super::records::RecordPath;
use super::{InPath, LocationPath};
use crate::body::JsonBody;
use crate::problem::{ApiProblem, ProblemKind};
use crate::query::InQuery;
use crate::service::ApiState;
use crate::wire::{Erase, ErasedContactDocument, ErasureDocument};

/// Most contacts that an erasure can carry over from earlier requests.
const MOST_CONTACTS: usize = 1_000;

/// Where to delete a record.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ForgetQuery {
    /// Deletes the record in GHL too, and there first.
    #[param(inline, nullable = false, default = false)]
    in_ghl: Option<bool>,
}

/// Forgets a record, or deletes it in GHL.
///
/// Deletes everything kept here about it: its content, its results and GHL's copy of it. Nothing is deleted in GHL, and
/// a call in progress still arrives there. If the id is put again, it is a new record.
///
/// With `in_ghl=true` the record becomes due for deletion in GHL, paced and retried like a put; once GHL has deleted
/// it, it is forgotten here. A put before that cancels the deletion.
#[utoipa::path(
    delete,
    path = "/v1/locations/{location_id}/records/{kind}/{*record_id}",
    tag = "records",
    params(RecordPath, ForgetQuery),
    responses(
        (status = 202, description = "The record will be deleted in GHL, and then here"),
        (status = 204, description = "The record is forgotten"),
    ),
)]
pub(crate) async fn forget(
    State(api): State<ApiState>,
    InPath(path): InPath<RecordPath>,
    InQuery(ForgetQuery { in_ghl }): InQuery<ForgetQuery>,
) -> Result<StatusCode, ApiProblem> {
    let (location, key) = path.split();
    if in_ghl == Some(true) {
        api.operator().delete_in_ghl(&location, &key).await?;
        return Ok(StatusCode::ACCEPTED);
    }
    if api.operator().forget(&location, &key).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(ApiProblem::new(ProblemKind::UnknownRecord, "it was never put into this location, or is forgotten already"))
}

/// Erases a person.
///
/// Deletes everything kept here about the contacts with this e-mail address and this phone number (whichever is given),
/// and about their opportunities. Nothing is deleted in GHL: `contacts` lists their ids there. A large location takes
/// several requests: continue with `cursor` and `contacts` until `cursor` is null.
#[utoipa::path(
    post,
    path = "/v1/locations/{location_id}/erase",
    tag = "records",
    params(LocationPath),
    request_body = Erase,
    responses((status = 200, description = "The result of the erasure", body = ErasureDocument)),
)]
pub(crate) async fn erase(
    State(api): State<ApiState>,
    InPath(LocationPath { location_id }): InPath<LocationPath>,
    JsonBody(Erase { email, phone, cursor, contacts }): JsonBody<Erase>,
) -> Result<Json<ErasureDocument>, ApiProblem> {
    let has_digits = |phone: &String| phone.contains(|c: char| c.is_ascii_digit());
    if email.as_ref().is_some_and(|email| !email.contains('@')) {
        return Err(ApiProblem::field(ProblemKind::Invalid, "email", "must be an e-mail address"));
    }
    if phone.as_ref().is_some_and(|phone| !has_digits(phone)) {
        return Err(ApiProblem::field(ProblemKind::Invalid, "phone", "must have digits"));
    }
    if email.is_none() && phone.is_none() {
        return Err(ApiProblem::field(ProblemKind::Invalid, "email", "or `phone` must be given, or both"));
    }
    if contacts.len() > MOST_CONTACTS {
        let detail = format!("lists more than {MOST_CONTACTS}");
        return Err(ApiProblem::field(ProblemKind::Invalid, "contacts", detail));
    }
    let after = cursor.map(|cursor| RecordCursor::from_text(&cursor, &location_id)).transpose();
    let after =
        after.map_err(|_| ApiProblem::field(ProblemKind::Invalid, "cursor", "is not one that an answer gave here"))?;
    let found = contacts.into_iter().map(|ErasedContactDocument { record, ghl_id }| Found { record, ghl_id }).collect();
    let erased = api.operator().erase(&location_id, &Person { email, phone, found }, after).await?;
    Ok(Json(ErasureDocument {
        contacts: erased
            .contacts
            .into_iter()
            .map(|Found { record, ghl_id }| ErasedContactDocument { record, ghl_id })
            .collect(),
        opportunities: erased.opportunities,
        known_states: erased.known_states,
        cursor: erased.next.map(|next| next.to_text(&location_id)),
    }))
}

impl From<DeletionError> for ApiProblem {
    fn from(error: DeletionError) -> ApiProblem {
        let kind = match error {
            DeletionError::Operate(error) => return error.into(),
            DeletionError::UnknownRecord => ProblemKind::UnknownRecord,
            DeletionError::Unreadable | DeletionError::NotInGhl | DeletionError::Shared(_) | DeletionError::Changed => {
                ProblemKind::NotNow
            }
        };
        ApiProblem::new(kind, error.to_string())
    }
}
