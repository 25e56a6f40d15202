//! Content that is the same for every caller: the dashboard page and the OpenAPI document.

use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use ghl_sync_drop::Lists;
use utoipa::openapi::OpenApi;

use crate::openapi;
use crate::service::ApiState;
use crate::static_page::StaticPage;

/// Shows the dashboard.
///
/// One page that loads only data. A browser asks for the key as the password of HTTP Basic.
#[utoipa::path(
    get,
    path = "/dashboard",
    tag = "state",
    responses((status = 200, description = "The dashboard page", body = String, content_type = "text/html")),
)]
pub(crate) async fn dashboard(State(api): State<ApiState>) -> impl IntoResponse {
    api.dashboard.show()
}

/// Builds the dashboard. If the stack takes `lists` in, the page may upload files to the origin of their links.
pub(crate) fn dashboard_page(lists: Option<&Lists>) -> StaticPage {
    let origin = lists.map(|lists| lists.origin().to_owned());
    StaticPage::new(|| SCRIPTS.concat(), FRAME, origin)
}

const FRAME: &str = include_str!("../dashboard/index.html");
/// In dependency order.
const SCRIPTS: [&str; 22] = [
    include_str!("../dashboard/vendor/preact.js"),
    include_str!("../dashboard/words.js"),
    include_str!("../dashboard/dom.js"),
    include_str!("../dashboard/charts.js"),
    include_str!("../dashboard/home.js"),
    include_str!("../dashboard/overview.js"),
    include_str!("../dashboard/location.js"),
    include_str!("../dashboard/records.js"),
    include_str!("../dashboard/failures.js"),
    include_str!("../dashboard/account.js"),
    include_str!("../dashboard/list.js"),
    include_str!("../dashboard/lists.js"),
    include_str!("../dashboard/recent.js"),
    include_str!("../dashboard/managing.js"),
    include_str!("../dashboard/handing.js"),
    include_str!("../dashboard/mapping.js"),
    include_str!("../dashboard/migration.js"),
    include_str!("../dashboard/migrating.js"),
    include_str!("../dashboard/finding.js"),
    include_str!("../dashboard/keys.js"),
    include_str!("../dashboard/audit.js"),
    include_str!("../dashboard/app.js"),
];

/// The OpenAPI document. It is written on the first request, which keeps cold starts short.
#[derive(Clone)]
pub(crate) struct OpenApiPage(Arc<LazyOpenApi>);

struct LazyOpenApi {
    paths: OpenApi,
    json: OnceLock<Bytes>,
}

impl OpenApiPage {
    pub(crate) fn new(paths: OpenApi) -> OpenApiPage {
        OpenApiPage(Arc::new(LazyOpenApi { paths, json: OnceLock::new() }))
    }

    pub(crate) async fn serve(self) -> impl IntoResponse {
        let LazyOpenApi { paths, json } = &*self.0;
        let json = json.get_or_init(|| openapi::json(paths.clone()).into()).clone();
        ([(header::CONTENT_TYPE, "application/json")], json)
    }
}
