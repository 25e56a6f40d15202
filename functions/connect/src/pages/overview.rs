//! The page with all connections, and the ways to make one.

use axum::response::Response;
use ghl_sync_model::{ConnectedBy, ConnectionId, GhlConnection};
use maud::{Markup, html as markup};

use super::page;

/// Renders the page.
pub(crate) fn overview(
    connections: &[(ConnectionId, GhlConnection)],
    has_app: bool,
    callback: Option<&str>,
) -> Response {
    let (live, over): (Vec<_>, Vec<_>) =
        connections.iter().partition(|(_, connection)| connection.disconnected_at.is_none());
    page(
        "Connect",
        &markup! {
            h2 { "Connect GoHighLevel" }
            @if has_app { (by_app()) } @else { (without_app()) }
            @if let Some(callback) = callback {
                p.hint { "The app's redirect URL must be " code { (callback) } "." }
            }
            h2 { "Connections" }
            @if live.is_empty() { p { "Nothing yet." } } @else { (list(&live)) }
            @if !over.is_empty() {
                h3 { "Disconnected" }
                ul { @for (id, _) in over { li { a href=(format!("/connect/{id}")) { (id) } } } }
            }
            (by_token())
        },
    )
}

/// Links, not forms: the form policy would also apply to every page that GHL redirects to.
fn by_app() -> Markup {
    markup! {
        p { "GoHighLevel asks you what this stack may access. Existing connections are renewed." }
        p { a href="/connect/start?for=location" { "Connect a location" } }
        p { a href="/connect/start?for=agency" { "Connect an agency" } }
    }
}

fn without_app() -> Markup {
    markup! {
        p { "No app is set up: the parameter " code { "GhlApp" } " must say where the app's id and key are. You can "
            "enter a private integration token below." }
    }
}

fn list(connections: &[&(ConnectionId, GhlConnection)]) -> Markup {
    markup! {
        table {
            thead { tr { th scope="col" { "Connection" } th scope="col" { "Method" } th scope="col" { "Locations" }
                th scope="col" { "Missing scopes" } } }
            tbody {
                @for (id, connection) in connections {
                    tr {
                        th scope="row" { a href=(format!("/connect/{id}")) { bdi { (id) } } }
                        td { (way(connection.way)) }
                        td { (connection.locations.len()) }
                        td { (connection.missing_scopes.len()) }
                    }
                }
            }
        }
    }
}

pub(super) fn way(way: ConnectedBy) -> &'static str {
    match way {
        ConnectedBy::Consent => "consent",
        ConnectedBy::Token => "private integration token",
    }
}

fn by_token() -> Markup {
    markup! {
        h2 { "Private integration token" }
        p { "GoHighLevel is asked whether it accepts the token for the location. Then the token is stored with this "
            "stack's credentials, replaces the location's previous ones, and is never shown again." }
        form method="post" action="/connect/token" {
            p { label for="location_id" { "Location id" } }
            p { input #location_id name="location_id" required autocomplete="off" spellcheck="false" maxlength="64"; }
            p { label for="token" { "Token" } }
            p { input #token name="token" type="password" required autocomplete="off" spellcheck="false"; }
            p { button.primary { "Connect with this token" } }
        }
    }
}
