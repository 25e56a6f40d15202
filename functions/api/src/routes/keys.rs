//! Keys of the API itself: create, list, revoke.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use ghl_sync_model::{EpochMs, KeyHash, KeyId, key_text};
use ghl_sync_operate::{ApiKeyError, NewKey};
use serde::Deserialize;
use tracing::error;
use utoipa::IntoParams;

use super::InPath;
use crate::access::{AuditSubject, Caller};
use crate::body::JsonBody;
use crate::problem::{ApiProblem, ProblemKind};
use crate::service::ApiState;
use crate::wire::{KeyDocument, KeyList, MadeKey, MakeKey};

/// The path of a key.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct KeyPath {
    /// Id of the key, from the list of keys.
    #[param(inline, example = "5f1c09e2a7b3d481")]
    key_id: KeyId,
}

/// Makes a key.
///
/// The response shows the key this once: only its hash is kept. The keys from the environment (`API_KEYS`) are not
/// listed here; they have the role `admin`.
#[utoipa::path(
    post,
    path = "/v1/keys",
    tag = "access",
    request_body = MakeKey,
    responses((status = 201, description = "The new key", body = MadeKey)),
)]
pub(crate) async fn make_key(
    State(api): State<ApiState>,
    Extension(caller): Extension<Caller>,
    JsonBody(MakeKey { name, role, locations, tags, expires_at }): JsonBody<MakeKey>,
) -> Result<(StatusCode, Extension<AuditSubject>, Json<MadeKey>), ApiProblem> {
    if let Some(detail) = api.callers.access().takes_no_keys() {
        return Err(ApiProblem::new(ProblemKind::NotNow, detail));
    }
    let expires_at = expires_at.as_deref().map(time).transpose()?;
    let locations = locations.map(|all| all.into_iter().collect());
    let id = KeyId::of_random(u64::from_ne_bytes(random()?))
        .map_err(|_| ApiProblem::new(ProblemKind::Internal, "no id could be made for it"))?;
    let text = key_text(&id, &random()?);
    let hash = KeyHash::of(text.expose().as_bytes());
    let new = NewKey { id: id.clone(), hash, name, role, locations, tags, expires_at };
    let made = api.operator().make_key(new, &caller.name).await?;
    let subject = Extension(AuditSubject(id.to_string()));
    let about = KeyDocument::new(id, made, api.engine.ports().clock.now());
    Ok((StatusCode::CREATED, subject, Json(MadeKey { key: text.expose().to_owned(), about })))
}

fn time(text: &str) -> Result<EpochMs, ApiProblem> {
    EpochMs::from_rfc3339(text)
        .ok_or_else(|| ApiProblem::field(ProblemKind::Invalid, "expires_at", "is not a time as RFC 3339 writes it"))
}

/// Unguessable random bytes.
pub(super) fn random<const N: usize>() -> Result<[u8; N], ApiProblem> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|failed| {
        error!(event = "port_failed", action = "keys.random", error = %failed);
        ApiProblem::new(ProblemKind::Internal, "the system has no random bytes; try again")
    })?;
    Ok(bytes)
}

/// Lists the keys.
///
/// Newest first, never with the key itself. A key that was made a moment ago may be missing; a revoked or expired key
/// stays listed for 90 days.
#[utoipa::path(
    get,
    path = "/v1/keys",
    tag = "access",
    responses((status = 200, description = "The keys", body = KeyList)),
)]
pub(crate) async fn list_keys(State(api): State<ApiState>) -> Result<Json<KeyList>, ApiProblem> {
    let now = api.engine.ports().clock.now();
    let keys = api.operator().keys().await?;
    Ok(Json(KeyList { keys: keys.into_iter().map(|(id, key)| KeyDocument::new(id, key, now)).collect() }))
}

/// Revokes a key.
///
/// A process may still accept it for up to 30 s from its cache; after that nobody does.
#[utoipa::path(
    delete,
    path = "/v1/keys/{key_id}",
    tag = "access",
    params(KeyPath),
    responses((status = 204, description = "The key is revoked")),
)]
pub(crate) async fn revoke_key(
    State(api): State<ApiState>,
    Extension(caller): Extension<Caller>,
    InPath(KeyPath { key_id }): InPath<KeyPath>,
) -> Result<StatusCode, ApiProblem> {
    api.operator().revoke_key(&key_id, &caller.name).await?;
    api.callers.forget_key(&key_id);
    Ok(StatusCode::NO_CONTENT)
}

impl From<ApiKeyError> for ApiProblem {
    fn from(error: ApiKeyError) -> ApiProblem {
        match error {
            ApiKeyError::Invalid { field, reason } => ApiProblem::field(ProblemKind::Invalid, field, reason),
            ApiKeyError::TooMany => ApiProblem::new(ProblemKind::NotNow, error.to_string()),
            ApiKeyError::Unknown(_) => {
                ApiProblem::new(ProblemKind::UnknownKey, "GET /v1/keys lists those that there are")
            }
            ApiKeyError::Port(failed) => failed.into(),
        }
    }
}
