//! A page that is the same for every caller.

use std::sync::OnceLock;

use axum::body::Bytes;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse};
use ghl_sync_web::{STYLE, policy_hash};

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
