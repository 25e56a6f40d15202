//! The page of one connection: its locations, its missing scopes, and the disconnect button.

use std::collections::BTreeMap;

use axum::response::Response;
use ghl_sync_model::{ConnectedBy, ConnectionId, GhlConnection, LocationFacts, LocationId, SubAccount};
use maud::{Markup, html as markup};

use super::overview::way;
use super::page;
use crate::service::Service;
use crate::trouble::ConnectError;

/// Data of the page.
pub(crate) struct ConnectionPage {
    id: ConnectionId,
    connection: GhlConnection,
    /// The locations of this page, with their names.
    rows: Vec<SubAccount>,
    page: usize,
    pages: usize,
    /// GHL's facts about the connected locations.
    facts: BTreeMap<LocationId, LocationFacts>,
}

impl ConnectionPage {
    /// Reads page `page`, with `length` locations per page.
    pub(crate) async fn read(
        service: &Service,
        id: ConnectionId,
        connection: GhlConnection,
        page: usize,
        length: usize,
    ) -> Result<ConnectionPage, ConnectError> {
        let all = rows(&connection);
        let pages = all.len().div_ceil(length).max(1);
        let page = page.min(pages);
        let rows: Vec<SubAccount> = all.into_iter().skip((page - 1) * length).take(length).collect();
        let operator = service.operator();
        let served = rows.iter().filter(|row| connection.locations.contains(&row.id));
        let asked = served.map(|row| async { Ok::<_, ConnectError>((row.id.clone(), operator.facts(&row.id).await?)) });
        let facts = futures::future::try_join_all(asked).await?;
        let facts = facts.into_iter().filter_map(|(location, facts)| Some((location, facts?))).collect();
        Ok(ConnectionPage { id, connection, rows, page, pages, facts })
    }
}

/// The locations that can be connected, and the connected ones that GHL no longer lists.
fn rows(connection: &GhlConnection) -> Vec<SubAccount> {
    let mut rows = connection.sub_accounts.clone();
    let unlisted = connection.locations.iter().filter(|id| !connection.sub_accounts.iter().any(|row| row.id == **id));
    rows.extend(unlisted.map(|id| SubAccount { id: id.clone(), name: String::new() }));
    rows
}

/// Renders the page.
pub(crate) fn connection(shown: &ConnectionPage) -> Response {
    let ConnectionPage { id, connection, .. } = shown;
    let is_over = connection.disconnected_at.is_some();
    page(
        &id.to_string(),
        &markup! {
            h2 { bdi { (id) } }
            @if is_over {
                p { "No longer connected. Its credentials can be restored in AWS for 7 days." }
            } @else {
                p { "Connected by " bdi { (connection.connected_by) } ", via " (way(connection.way)) "." }
                (scopes(connection))
                @if let Some(untold) = &connection.untold {
                    p.problem { "Not all sub-accounts are known: " (untold) "." }
                }
                (locations(shown))
                (end(id))
            }
        },
    )
}

fn scopes(connection: &GhlConnection) -> Markup {
    markup! {
        @if !connection.missing_scopes.is_empty() {
            div.banner.bad role="alert" {
                p { "These scopes were not granted, and whatever needs them will fail. "
                    @match connection.way {
                        ConnectedBy::Consent => { "Add them to the app, then connect it again:" },
                        ConnectedBy::Token => { "Add them to the private integration in GoHighLevel, then connect with its "
                            "token again:" },
                    }
                }
                ul { @for scope in &connection.missing_scopes { li { code { (scope) } } } }
            }
        }
    }
}

fn locations(shown: &ConnectionPage) -> Markup {
    let ConnectionPage { id, connection, rows, page, pages, facts } = shown;
    let is_served = |row: &SubAccount| connection.locations.contains(&row.id);
    let may_add = rows.iter().any(|row| !is_served(row));
    markup! {
        h3 { "Locations" }
        @if rows.is_empty() { p { "No locations." } }
        form method="post" action=(format!("/connect/{id}/locations")) {
            table {
                thead { tr { th scope="col" { "Location" } th scope="col" { "Id" } th scope="col" { "Status" } } }
                tbody {
                    @for row in rows {
                        tr {
                            th scope="row" { (name(row, facts.get(&row.id), is_served(row))) }
                            td { bdi { (row.id) } }
                            td { @if is_served(row) { (standing(connection, facts.get(&row.id))) } @else { "not added" } }
                        }
                    }
                }
            }
            @if may_add { p { button.primary { "Add selected locations" } } }
        }
        @if *pages > 1 {
            nav aria-label="Pages" {
                @if *page > 1 { a href=(format!("/connect/{id}?page={}", page - 1)) { "Previous" } " " }
                "Page " (page) " of " (pages)
                @if page < pages { " " a href=(format!("/connect/{id}?page={}", page + 1)) { "Next" } }
            }
        }
    }
}

fn name(row: &SubAccount, facts: Option<&LocationFacts>, is_served: bool) -> Markup {
    let told = facts.and_then(|facts| facts.account.as_ref()).map(|fact| fact.value.name.as_str());
    let name = told.unwrap_or(if row.name.is_empty() { row.id.as_str() } else { &row.name });
    markup! {
        @if is_served { bdi { (name) } } @else {
            label.check { input type="checkbox" name="location" value=(row.id); bdi { (name) } }
        }
    }
}

/// The result of the first call.
fn standing(connection: &GhlConnection, facts: Option<&LocationFacts>) -> Markup {
    let told = facts.filter(|facts| facts.asked_at >= connection.connected_at);
    markup! {
        @match told {
            None => { "Checking with GoHighLevel; reload in a moment" },
            Some(facts) if facts.untold.is_empty() => { "reached" },
            Some(facts) => {
                @for untold in &facts.untold {
                    span.problem { (untold.what) ": " (untold.why) " (scope " code { (untold.scope) } ") " }
                }
            },
        }
    }
}

fn end(id: &ConnectionId) -> Markup {
    markup! {
        details {
            summary { "Disconnect…" }
            p { "Its locations stop: no new call begins. Its credentials are deleted; they can be restored in AWS "
                "for 7 days." }
            form method="post" action=(format!("/connect/{id}/disconnect")) { button { "Disconnect" } }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use axum::body::to_bytes;
    use axum::response::IntoResponse;
    use ghl_sync_model::{ConnectedBy, CredentialsRef, EpochMs};

    use super::*;

    const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x>";

    #[tokio::test]
    async fn whatever_ghl_calls_a_location_is_text_and_no_markup() {
        let location: LocationId = "loc1".parse().unwrap();
        let row = SubAccount { id: location.clone(), name: HOSTILE.to_owned() };
        let connection_of = GhlConnection {
            credentials: CredentialsRef::SecretsManager("s".to_owned()),
            way: ConnectedBy::Consent,
            connected_at: EpochMs(1),
            connected_by: HOSTILE.to_owned(),
            missing_scopes: vec![HOSTILE.to_owned()],
            sub_accounts: vec![row.clone()],
            untold: Some(HOSTILE.to_owned()),
            locations: BTreeSet::new(),
            disconnected_at: None,
        };
        let shown = ConnectionPage {
            id: ConnectionId::Agency(location),
            connection: connection_of,
            rows: vec![row],
            page: 1,
            pages: 1,
            facts: BTreeMap::new(),
        };
        let trouble = ConnectError::Refused(HOSTILE.to_owned()).into_response();
        for response in [connection(&shown), trouble] {
            let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
            assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
            assert!(!policy.contains("unsafe") && !policy.contains("script-src"), "{policy}");
            let page = to_bytes(response.into_body(), 1 << 20).await.unwrap();
            let page = String::from_utf8(page.to_vec()).unwrap();
            assert!(!page.contains("<script") && !page.contains("<img"), "{page}");
            assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;"), "{page}");
        }
    }
}
