//! The routes, by what they are about.

pub(crate) mod audit;
pub(crate) mod erase;
pub(crate) mod failures;
pub(crate) mod imports;
pub(crate) mod keys;
pub(crate) mod listing;
pub(crate) mod lists;
pub(crate) mod location_list;
pub(crate) mod locations;
pub(crate) mod migration;
pub(crate) mod mirrors;
pub(crate) mod outcomes;
pub(crate) mod page;
pub(crate) mod put;
pub(crate) mod records;
pub(crate) mod session;
pub(crate) mod state;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use ghl_sync_model::{LocationId, LocationSettings};
use ghl_sync_operate::items::JsonFault;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde::de::value::MapDeserializer;
use utoipa::IntoParams;

use crate::problem::{Problem, ProblemKind};
use crate::service::Api;

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
        let parameters = RawPathParams::from_request_parts(parts, state).await?;
        let fields = MapDeserializer::<_, serde::de::value::Error>::new(parameters.iter());
        serde_path_to_error::deserialize(fields).map(InPath).map_err(|error| {
            let fault = JsonFault::of_field(error.path().to_string(), &error.inner().to_string());
            Problem::in_path(&fault.field, &fault.detail)
        })
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
        let settings = api.engine.ports().registry.location(&id).await?.ok_or_else(unknown_location)?;
        Ok(KnownLocation { id, settings })
    }
}

pub(crate) fn unknown_location() -> Problem {
    Problem::new(
        ProblemKind::UnknownLocation,
        "it is not in GHL_LOCATIONS, and nothing was ever set for it; PUT its settings (`{}` will do) to make it known",
    )
}
