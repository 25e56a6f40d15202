//! Keys of the API itself: made, listed, revoked.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use ghl_sync_model::{EpochMs, KeyHash, KeyId, key_text};
use ghl_sync_operate::{KeyError, NewKey};
use serde::Deserialize;
use tracing::error;
use utoipa::IntoParams;

use super::InPath;
use crate::access::{Caller, Subject};
use crate::body::JsonBody;
use crate::problem::{Problem, ProblemKind};
use crate::service::Api;
use crate::wire::{KeyDocument, KeyList, MadeKey, MakeKey};

/// The path of a key.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct KeyPath {
    /// Its id, as the list of keys tells it.
    #[param(inline, example = "5f1c09e2a7b3d481")]
    key_id: KeyId,
}

/// Makes a key.
///
/// The answer tells the key, this once: only its hash is kept. The keys that the environment gives (`API_KEYS`) are not
/// among these; they have the role `admin`.
#[utoipa::path(
    post,
    path = "/v1/keys",
    tag = "access",
    request_body = MakeKey,
    responses((status = 201, description = "It is made", body = MadeKey)),
)]
pub(crate) async fn make_key(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    JsonBody(MakeKey { name, role, locations, tags, expires_at }): JsonBody<MakeKey>,
) -> Result<(StatusCode, Extension<Subject>, Json<MadeKey>), Problem> {
    if let Some(detail) = api.callers.access().takes_no_keys() {
        return Err(Problem::new(ProblemKind::NotNow, detail));
    }
    let expires_at = expires_at.as_deref().map(time).transpose()?;
    let locations = locations.map(|all| all.into_iter().collect());
    let id = KeyId::of_random(u64::from_ne_bytes(random()?))
        .map_err(|_| Problem::new(ProblemKind::Internal, "no id could be made for it"))?;
    let text = key_text(&id, &random()?);
    let hash = KeyHash::of(text.expose().as_bytes());
    let new = NewKey { id: id.clone(), hash, name, role, locations, tags, expires_at };
    let made = api.operator().make_key(new, &caller.name).await?;
    let subject = Extension(Subject(id.to_string()));
    let about = KeyDocument::new(id, made, api.engine.ports().clock.now());
    Ok((StatusCode::CREATED, subject, Json(MadeKey { key: text.expose().to_owned(), about })))
}

fn time(text: &str) -> Result<EpochMs, Problem> {
    EpochMs::from_rfc3339(text)
        .ok_or_else(|| Problem::field(ProblemKind::Invalid, "expires_at", "is not a time as RFC 3339 writes it"))
}

/// Bytes that nobody can guess.
pub(super) fn random<const N: usize>() -> Result<[u8; N], Problem> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|failed| {
        error!(event = "port_failed", action = "keys.random", error = %failed);
        Problem::new(ProblemKind::Internal, "the system has no random bytes; try again")
    })?;
    Ok(bytes)
}

/// Lists the keys.
///
/// The newest first, never with the key itself. One that was made a moment ago may be missing; one that was revoked, or has
/// expired, is listed for 90 days.
#[utoipa::path(
    get,
    path = "/v1/keys",
    tag = "access",
    responses((status = 200, description = "The keys", body = KeyList)),
)]
pub(crate) async fn list_keys(State(api): State<Api>) -> Result<Json<KeyList>, Problem> {
    let now = api.engine.ports().clock.now();
    let keys = api.operator().keys().await?;
    Ok(Json(KeyList { keys: keys.into_iter().map(|(id, key)| KeyDocument::new(id, key, now)).collect() }))
}

/// Revokes a key.
///
/// It is accepted for up to 30 s more, as long as a process remembers what it has read of a key; then never again.
#[utoipa::path(
    delete,
    path = "/v1/keys/{key_id}",
    tag = "access",
    params(KeyPath),
    responses((status = 204, description = "It is revoked")),
)]
pub(crate) async fn revoke_key(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    InPath(KeyPath { key_id }): InPath<KeyPath>,
) -> Result<StatusCode, Problem> {
    api.operator().revoke_key(&key_id, &caller.name).await?;
    api.callers.forget_key(&key_id);
    Ok(StatusCode::NO_CONTENT)
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Problem {
        match error {
            KeyError::Invalid { field, reason } => Problem::field(ProblemKind::Invalid, field, reason),
            KeyError::TooMany => Problem::new(ProblemKind::NotNow, error.to_string()),
            KeyError::Unknown(_) => Problem::new(ProblemKind::UnknownKey, "GET /v1/keys lists those that there are"),
            KeyError::Port(failed) => failed.into(),
        }
    }
}
