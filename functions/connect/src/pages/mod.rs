//! The pages: rendered here, without a script. Text from GHL or a caller is escaped.

mod connection;
mod overview;

use std::sync::LazyLock;

use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use ghl_sync_model::ConnectionId;
use ghl_sync_web::{STYLE, policy_hash};
use maud::{DOCTYPE, Markup, PreEscaped, html as markup};

pub(crate) use connection::{ConnectionPage, connection};
pub(crate) use overview::overview;

/// Content security policy of pages with forms: only their own style, and forms only to this site.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let policy = format!(
        "default-src 'none'; style-src {}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        policy_hash(STYLE)
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

/// A page with forms. Its referrer policy lets forms send their origin; otherwise browsers send `null`.
fn page(title: &str, content: &Markup) -> Response {
    let mut page = passing(title, None, content);
    page.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    page
}

/// A page without forms, whose URL no other site may learn. The browser continues to `onward`, if given.
fn passing(title: &str, onward: Option<&str>, content: &Markup) -> Response {
    let page = markup! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                @if let Some(onward) = onward {
                    meta http-equiv="refresh" content=(format!("0; url={onward}"));
                }
                title { (title) " – ghl-sync" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header { h1 { "ghl-sync" } nav { a href="/connect" { "Connect" } " " a href="/dashboard" { "Dashboard" } } }
                main { (content) }
            }
        }
    };
    ([(header::CONTENT_SECURITY_POLICY, POLICY.clone())], Html(page.into_string())).into_response()
}

/// The error page: the problem, and the path and title of a page that may help.
pub(crate) fn trouble(text: &str, (href, name): (&str, &str)) -> Response {
    passing(
        "Not connected",
        None,
        &markup! {
            h2 { "This did not work" }
            p.problem role="alert" { (text) }
            p { a href=(href) { (name) } }
        },
    )
}

/// Leads from GHL's site to ours: browsers send the session cookie only once a page of ours links on.
pub(crate) fn on_the_way(id: &ConnectionId) -> Response {
    let onward = format!("/connect/{id}");
    passing(
        "Connected",
        Some(&onward),
        &markup! {
            h2 { "Connected" }
            p { a href=(onward) { "Continue" } }
        },
    )
}
