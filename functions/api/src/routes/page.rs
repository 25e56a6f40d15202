//! Content that is the same for every caller: the dashboard page and the OpenAPI document.

use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse};
use ghl_sync_drop::Lists;
use ghl_sync_web::{STYLE, policy_hash};
use utoipa::openapi::OpenApi;

use crate::openapi;
use crate::service::ApiState;

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

/// A page that is assembled on the first request, which keeps cold starts short.
pub(crate) struct StaticPage {
    script: fn() -> String,
    frame: &'static str,
    /// Origin that the page may connect to besides ours.
    other: Option<String>,
    assembled: OnceLock<Assembled>,
}

struct Assembled {
    html: Bytes,
    policy: HeaderValue,
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

impl StaticPage {
    pub(crate) const fn new(script: fn() -> String, frame: &'static str, other: Option<String>) -> StaticPage {
        StaticPage { script, frame, other, assembled: OnceLock::new() }
    }

    /// Builds the page and its policy: only this style and script run, and the page connects only to us and to
    /// `other`.
    fn assemble(&self) -> Assembled {
        let script = (self.script)();
        let other = self.other.iter().map(|origin| format!(" {origin}")).collect::<String>();
        let policy = format!(
            "default-src 'none'; style-src {}; script-src {}; connect-src 'self'{other}; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'",
            policy_hash(STYLE),
            policy_hash(&script)
        );
        let html = self.frame.replacen("{{style}}", STYLE, 1).replacen("{{script}}", &script, 1);
        // The policy has only Base64, an origin and the words above. Should it ever be invalid, nothing at all may
        // run.
        let policy = HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
        Assembled { html: html.into(), policy }
    }

    pub(crate) fn show(&self) -> impl IntoResponse + use<> {
        let Assembled { html, policy } = self.assembled.get_or_init(|| self.assemble());
        ([(header::CONTENT_SECURITY_POLICY, policy.clone())], Html(html.clone()))
    }
}

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
