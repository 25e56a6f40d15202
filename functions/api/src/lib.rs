//! The HTTP function: takes records in, reports status, and operates locations.
//!
//! [`router`] is the whole API. In AWS it runs behind an API Gateway HTTP API ([`handle`]), locally behind a socket.

mod access;
mod answer;
mod body;
mod exposition;
mod items;
mod metrics;
mod openapi;
mod problem;
mod pulse;
mod query;
pub mod report;
mod roles;
mod routes;
mod service;
mod static_page;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use ghl_sync_runtime::ApiParts;
use ghl_sync_web::Callers;
pub use ghl_sync_web::{EventError, handle};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::roles::RoleRules;
pub use crate::wire::{SettingsFault, read_settings};

use crate::problem::{ApiProblem, ProblemKind};
use crate::routes::{
    audit, erase, failures, imports, keys, listing, lists, location_list, locations, migration, mirrors, outcomes,
    page, put, records, session, state,
};
use crate::service::ApiState;

/// Largest body. Lambda takes events of 6 MB, in which API Gateway writes a body as text or as base64, which is a third
/// larger. 4 MiB fits in either case.
pub(crate) const MAX_BODY_BYTES: usize = 4 << 20;

/// Builds the API from its parts. `environment` maps each variable to whether it is set.
pub fn router(parts: ApiParts, environment: BTreeMap<&'static str, bool>) -> Router {
    let ApiParts { migrator, access, outcomes, lists } = parts;
    let (open, of_open) = OpenApiRouter::new().routes(routes!(state::health)).split_for_parts();
    // For our own pages only, so the OpenAPI document leaves them out.
    let open = open.route("/sign-in", get(session::page)).route("/session", post(session::begin).delete(session::end));
    let (guarded, mut document) = guarded().split_for_parts();
    let rules = Arc::new(RoleRules::tell(&mut document));
    document.merge(of_open);
    let document = page::OpenApiPage::new(document);
    let api = ApiState {
        engine: migrator.engine().clone(),
        migrator,
        callers: Arc::new(Callers::new(access)),
        rules,
        outcomes,
        dashboard: Arc::new(page::dashboard_page(lists.as_ref())),
        lists,
        environment: Arc::new(environment),
        pulse: Arc::default(),
    };

    let open =
        open.method_not_allowed_fallback(method_not_allowed).layer(from_fn_with_state(api.clone(), access::optional));
    let guarded = guarded
        .route("/openapi.json", get(move || document.clone().serve()))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(nothing_here)
        .layer(from_fn_with_state(api.clone(), access::required));
    open.merge(guarded)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(api.clone(), answer::answer))
        .with_state(api)
}

/// All routes that require a key: everything but `/health`. `roles` defines the role that each one requires.
fn guarded() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(state::overview))
        .routes(routes!(state::location_overview))
        .routes(routes!(state::metrics))
        .routes(routes!(page::dashboard))
        .routes(routes!(location_list::list, location_list::patch_locations))
        .routes(routes!(
            locations::location,
            locations::set_location,
            locations::patch_location,
            location_list::remove_location
        ))
        .routes(routes!(locations::pause))
        .routes(routes!(locations::resume))
        .routes(routes!(locations::reset_breaker))
        .routes(routes!(put::put_contacts))
        .routes(routes!(put::put_opportunities))
        .routes(routes!(records::record_status, erase::forget))
        .routes(routes!(listing::list))
        .routes(routes!(listing::failures))
        .routes(routes!(erase::erase))
        .routes(routes!(mirrors::mirror))
        .routes(routes!(mirrors::put_part))
        .routes(routes!(mirrors::commit))
        .routes(routes!(records::lookup))
        .routes(routes!(outcomes::list))
        .routes(routes!(failures::replay))
        .routes(routes!(failures::mend))
        .routes(routes!(failures::dismiss))
        .routes(routes!(imports::recent))
        .routes(routes!(imports::list))
        .routes(routes!(imports::status, imports::tell))
        .routes(routes!(imports::cancel))
        .routes(routes!(imports::undo))
        .routes(routes!(lists::hand_in, lists::list))
        .routes(routes!(lists::status))
        .routes(routes!(lists::map))
        .routes(routes!(lists::results))
        .routes(routes!(lists::rejects))
        .routes(routes!(keys::list_keys, keys::make_key))
        .routes(routes!(keys::revoke_key))
        .routes(routes!(audit::audit))
        .merge(migration::routes())
}

async fn nothing_here() -> ApiProblem {
    ApiProblem::new(ProblemKind::NotFound, "GET /openapi.json lists the paths")
}

async fn method_not_allowed() -> ApiProblem {
    ApiProblem::new(ProblemKind::MethodNotAllowed, "the header Allow lists the methods that it takes")
}
