//! The routes, by subject.

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

use crate::problem::{ApiProblem, ProblemKind};
use crate::service::ApiState;

/// The path of a location.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct LocationPath {
    /// Id of the location (sub-account) in GHL.
    #[param(inline, example = "loc_demo")]
    pub(crate) location_id: LocationId,
}

/// Path parameters; an invalid one is a problem.
pub(crate) struct InPath<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for InPath<T> {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiProblem> {
        let parameters = RawPathParams::from_request_parts(parts, state).await?;
        let fields = MapDeserializer::<_, serde::de::value::Error>::new(parameters.iter());
        serde_path_to_error::deserialize(fields).map(InPath).map_err(|error| {
            let fault = JsonFault::of_field(error.path().to_string(), &error.inner().to_string());
            ApiProblem::in_path(&fault.field, &fault.detail)
        })
    }
}

/// The location in the path; an unknown one is a problem.
pub(crate) struct KnownLocation {
    pub(crate) id: LocationId,
    pub(crate) settings: LocationSettings,
}

impl FromRequestParts<ApiState> for KnownLocation {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, api: &ApiState) -> Result<Self, ApiProblem> {
        let InPath(LocationPath { location_id: id }) = InPath::from_request_parts(parts, api).await?;
        let settings = api.engine.ports().registry.location(&id).await?.ok_or_else(unknown_location)?;
        Ok(KnownLocation { id, settings })
    }
}

pub(crate) fn unknown_location() -> ApiProblem {
    ApiProblem::new(
        ProblemKind::UnknownLocation,
        "it is not in GHL_LOCATIONS, and nothing was ever set for it; PUT its settings (`{}` will do) to make it known",
    )
}
