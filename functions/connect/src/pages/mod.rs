//! The pages: rendered here, without a script. Whatever GHL or a caller says is escaped.

mod connection;
mod overview;

use std::sync::LazyLock;

use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use ghl_sync_model::ConnectionId;
use ghl_sync_web::{STYLE, policy_hash};
use maud::{DOCTYPE, Markup, PreEscaped, html as markup};

use crate::trouble::Trouble;

pub(crate) use connection::{Shown, connection};
pub(crate) use overview::overview;

/// What browsers may do with a page: show it in its style, and send its forms here.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let policy = format!(
        "default-src 'none'; style-src {}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        policy_hash(STYLE)
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

/// A page with this in it, whose forms say where they are from: without that a browser calls their origin `null`.
fn page(title: &str, content: &Markup) -> Response {
    let mut page = passing(title, None, content);
    page.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    page
}

/// A page without forms, whose address nobody else gets to know. `onward`, where the browser shall go on to by itself.
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

/// What went wrong, and what may help.
pub(crate) fn trouble(trouble: &Trouble) -> Response {
    let (href, name) = trouble.way_out();
    passing(
        "Not connected",
        None,
        &markup! {
            h2 { "This did not work" }
            p.problem role="alert" { (trouble) }
            p { a href=(href) { (name) } }
        },
    )
}

/// From GHL's site on to ours: the session's cookie is not sent until a page of ours leads on.
pub(crate) fn on_the_way(id: &ConnectionId) -> Response {
    let onward = format!("/connect/{id}");
    passing(
        "Connected",
        Some(&onward),
        &markup! {
            h2 { "Connected" }
            p { a href=(onward) { "Go on" } }
        },
    )
}
