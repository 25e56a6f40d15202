//! What is the same for everybody: the dashboard's page and the OpenAPI document.

use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse};
use ghl_sync_drop::Lists;
use ghl_sync_web::{STYLE, policy_hash};
use utoipa::openapi::OpenApi;

use crate::openapi;
use crate::service::Api;

/// Shows the dashboard.
///
/// One page, with nothing to load but numbers. A browser asks for the key as the password of HTTP Basic.
#[utoipa::path(
    get,
    path = "/dashboard",
    tag = "state",
    responses((status = 200, description = "A page that shows the overview, live", body = String, content_type = "text/html")),
)]
pub(crate) async fn dashboard(State(api): State<Api>) -> impl IntoResponse {
    api.dashboard.show()
}

/// The dashboard of a stack that takes `lists` in, if it does: files go from the page to where their links lead.
pub(crate) fn dashboard_page(lists: Option<&Lists>) -> Page {
    let origin = lists.map(|lists| lists.origin().to_owned());
    Page::new(|| SCRIPTS.concat(), FRAME, origin)
}

/// A page, put together when it is first asked for: a cold start need not wait for it.
pub(crate) struct Page {
    script: fn() -> String,
    frame: &'static str,
    /// Whom it speaks with besides us.
    other: Option<String>,
    assembled: OnceLock<Assembled>,
}

struct Assembled {
    html: Bytes,
    policy: HeaderValue,
}

const FRAME: &str = include_str!("../dashboard/index.html");
/// In the order in which they use each other.
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

impl Page {
    pub(crate) const fn new(script: fn() -> String, frame: &'static str, other: Option<String>) -> Page {
        Page { script, frame, other, assembled: OnceLock::new() }
    }

    /// Only this style and this script run in it, and it speaks with nobody but us, and whom it was told.
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
        // Base64, an origin and the words above are all there is in it; were it otherwise, nothing at all may run.
        let policy = HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
        Assembled { html: html.into(), policy }
    }

    pub(crate) fn show(&self) -> impl IntoResponse + use<> {
        let Assembled { html, policy } = self.assembled.get_or_init(|| self.assemble());
        ([(header::CONTENT_SECURITY_POLICY, policy.clone())], Html(html.clone()))
    }
}

/// The OpenAPI document, written when it is first asked for: a cold start need not wait for it.
#[derive(Clone)]
pub(crate) struct Document(Arc<Written>);

struct Written {
    paths: OpenApi,
    json: OnceLock<Bytes>,
}

impl Document {
    pub(crate) fn new(paths: OpenApi) -> Document {
        Document(Arc::new(Written { paths, json: OnceLock::new() }))
    }

    pub(crate) async fn serve(self) -> impl IntoResponse {
        let Written { paths, json } = &*self.0;
        let json = json.get_or_init(|| openapi::json(paths.clone()).into()).clone();
        ([(header::CONTENT_TYPE, "application/json")], json)
    }
}
