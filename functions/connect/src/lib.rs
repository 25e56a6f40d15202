//! The function that connects locations and agencies in a browser.
//!
//! An admin opens `/connect` and goes to GHL's consent page. GHL sends the browser back with a code. Only this function
//! exchanges the code, stores the grant as credentials, and makes the location use it. Then the consumer makes the
//! first call. Private integration tokens arrive by a form, and are tested before they are stored.
//!
//! [`router`] is the whole function. In AWS it runs behind the stack's HTTP API ([`handle`]), locally beside the API.

mod answer;
mod attempt;
mod disconnect;
mod doorkeeper;
mod grant;
mod pages;
mod routes;
mod scopes;
mod service;
mod trouble;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
pub use ghl_sync_web::{EventError, handle};

use ghl_sync_runtime::Connecting;

use crate::service::Service;

/// Largest body: a page of locations to add.
const MAX_BODY_BYTES: usize = 64 << 10;

/// Builds the pages for `connecting`. The caller handles all other paths.
pub fn router(connecting: Connecting) -> Router {
    let service = Service::new(connecting);
    let for_admins = Router::new()
        .route("/connect", get(routes::overview))
        .route("/connect/start", get(routes::start))
        .route("/connect/token", post(routes::token))
        .route("/connect/{id}", get(routes::connection))
        .route("/connect/{id}/locations", post(routes::add_locations))
        .route("/connect/{id}/disconnect", post(routes::disconnect))
        .layer(from_fn_with_state(service.clone(), doorkeeper::admins_only));
    // A browser that returns from GHL authenticates only by its `state` and cookie.
    Router::new()
        .route("/connect/callback", get(routes::callback))
        .merge(for_admins)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn_with_state(service.clone(), answer::answer))
        .with_state(service)
}
