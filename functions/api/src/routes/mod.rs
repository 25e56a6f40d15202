//! The routes, by what they are about.

pub(crate) mod locations;
pub(crate) mod migration;
pub(crate) mod page;
pub(crate) mod put;
pub(crate) mod records;
pub(crate) mod state;

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use ghl_sync_engine::domain::{LocationId, LocationSettings};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use crate::Api;
use crate::problem::{Problem, ProblemKind};

/// The path of a location.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct LocationPath {
    /// GHL's id of the location (sub-account).
    #[param(inline, example = "loc_demo")]
    pub(crate) location_id: LocationId,
}

/// What stands in the path; what cannot stand there is a problem.
pub(crate) struct InPath<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for InPath<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(path) = Path::from_request_parts(parts, state).await?;
        Ok(InPath(path))
    }
}

/// What stands in the query; what cannot stand there is a problem.
pub(crate) struct InQuery<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for InQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(query) = Query::from_request_parts(parts, state).await?;
        Ok(InQuery(query))
    }
}

/// The location that the path names; one that nobody knows is a problem.
pub(crate) struct KnownLocation {
    pub(crate) id: LocationId,
    pub(crate) settings: LocationSettings,
}

impl FromRequestParts<Api> for KnownLocation {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let InPath(LocationPath { location_id: id }) = InPath::from_request_parts(parts, api).await?;
        let settings = api.engine.ports().directory.location(&id).await?.ok_or_else(unknown_location)?;
        Ok(KnownLocation { id, settings })
    }
}

pub(crate) fn unknown_location() -> Problem {
    Problem::new(
        ProblemKind::UnknownLocation,
        "it is not in GHL_LOCATIONS, and nothing was ever set for it; PUT its settings (`{}` will do) to make it known",
    )
}
