//! Connecting by consent or by token: stores the credentials and the connection, and points its locations at them.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use futures::{StreamExt, stream};
use ghl_sync_access::TokenError;
use ghl_sync_access::ports::{ConsentGrant, InstalledQuery};
use ghl_sync_model::{
    ConnectedBy, ConnectionId, Credentials, CredentialsRef, GhlConnection, LocationFacts, LocationId, MarketplaceApp,
    OAuthGrant, OAuthUser, Secret, SubAccount,
};
use ghl_sync_operate::PutSettingsError;

use crate::scopes::AccountType;
use crate::service::Service;
use crate::trouble::ConnectError;

/// Most sub-accounts of an agency that are listed; others are added by their ids.
const MOST_SUB_ACCOUNTS: usize = 1_000;
/// Sub-accounts per request to GHL.
const PAGE: u32 = 100;
/// Locations whose settings are changed concurrently.
const AT_ONCE: usize = 8;

/// Exchanges a code, stores the grant, and makes its locations use it.
pub(crate) async fn by_consent(
    service: &Service,
    code: &Secret,
    redirect_uri: &str,
    by: &str,
) -> Result<ConnectionId, ConnectError> {
    let app = service.app().await?;
    let asked_at = service.now();
    let granted = service.connecting.endpoint.exchange(&app, code, redirect_uri).await?;
    let (id, user) = for_whom(&granted)?;
    let wanted = if user == OAuthUser::Location { AccountType::Location } else { AccountType::Agency };
    let missing_scopes = wanted.missing(&granted.scopes);
    let access = granted.tokens.access.clone();
    let grant = OAuthGrant {
        client_id: app.client_id.clone(),
        client_secret: app.client_secret.clone(),
        refresh_token: granted.tokens.refresh.clone().ok_or_else(no_refresh_token)?,
        access_token: Some((access.clone(), asked_at + granted.tokens.expires_in)),
        user,
    };
    service.connecting.vault.keep(&service.secret_name(&id), &grant.to_stored()).await?;
    let (sub_accounts, untold) = match &grant.user {
        OAuthUser::Location => (Vec::new(), None),
        OAuthUser::Company { company_id } => sub_accounts(service, &app, &access, company_id).await,
    };
    let made = NewConnection { way: ConnectedBy::Consent, missing_scopes, sub_accounts, untold };
    finish(service, id, made, by).await
}

fn no_refresh_token() -> ConnectError {
    ConnectError::Unreachable("the answer has no `refresh_token`".to_owned())
}

/// Stores a private integration token that GHL accepts for its location, and makes the location use it. A rejected
/// token changes nothing.
pub(crate) async fn by_token(
    service: &Service,
    location: LocationId,
    text: &str,
    by: &str,
) -> Result<ConnectionId, ConnectError> {
    let invalid = |reason: &str| ConnectError::Invalid { field: "The token", reason: reason.to_owned() };
    let token = match Credentials::parse(text) {
        Ok(Credentials::Token(token)) => token,
        Ok(Credentials::OAuth(_)) => return Err(invalid("is a grant; connect the app instead")),
        Err(error) => return Err(invalid(&error.to_string())),
    };
    let tried = service.connecting.endpoint.try_token(&token, &location).await;
    let missing_scopes = tried.map_err(|error| ConnectError::of_token(location.clone(), error))?;
    let missing_scopes = missing_scopes.into_iter().map(str::to_owned).collect();
    let id = ConnectionId::Location(location);
    service.connecting.vault.keep(&service.secret_name(&id), &token).await?;
    let made = NewConnection { way: ConnectedBy::Token, missing_scopes, sub_accounts: Vec::new(), untold: None };
    finish(service, id, made, by).await
}

/// Makes these sub-accounts of an agency use its grant.
pub(crate) async fn add(
    service: &Service,
    id: &ConnectionId,
    added: &BTreeSet<LocationId>,
) -> Result<(), ConnectError> {
    let operator = service.operator();
    let connection = operator.connection(id).await?.ok_or(ConnectError::Unknown)?;
    if connection.disconnected_at.is_some() {
        return Err(ConnectError::Over);
    }
    let is_one = |location: &LocationId| connection.sub_accounts.iter().any(|account| account.id == *location);
    if let Some(other) = added.iter().find(|location| !is_one(location)) {
        let reason = format!("names {other}, in which the app is not installed");
        return Err(ConnectError::Invalid { field: "The choice", reason });
    }
    // Stored first, because disconnecting disables exactly the locations stored here.
    let with_added = |standing: Option<GhlConnection>| {
        let mut changed = standing.unwrap_or_else(|| connection.clone());
        changed.locations.extend(added.iter().cloned());
        changed
    };
    operator.change_connection(id, with_added).await?;
    Ok(reach(service, added, &connection.credentials).await?)
}

/// The connection and user type of a grant.
fn for_whom(granted: &ConsentGrant) -> Result<(ConnectionId, OAuthUser), ConnectError> {
    let id = |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<LocationId>().ok());
    let is_location = match granted.tokens.user_type.as_deref() {
        Some(user_type) => user_type == "Location",
        None => granted.location_id.is_some(),
    };
    if is_location {
        let location = id(&granted.location_id).ok_or(ConnectError::ForNobody)?;
        return Ok((ConnectionId::Location(location), OAuthUser::Location));
    }
    let agency = id(&granted.company_id).ok_or(ConnectError::ForNobody)?;
    let company_id = agency.to_string();
    Ok((ConnectionId::Agency(agency), OAuthUser::Company { company_id }))
}

/// Lists the sub-accounts in which an agency has installed the app; the second value tells why the list is
/// incomplete.
async fn sub_accounts(
    service: &Service,
    app: &MarketplaceApp,
    company_token: &Secret,
    company_id: &str,
) -> (Vec<SubAccount>, Option<String>) {
    let (mut found, mut skip): (Vec<SubAccount>, u32) = (Vec::new(), 0);
    loop {
        let asked = InstalledQuery { company_token, company_id, app_id: app.app_id(), skip, limit: PAGE };
        let page = match service.connecting.endpoint.installed_locations(asked).await {
            Ok(page) => page,
            Err(error) => return (found, Some(words(error))),
        };
        for account in page.locations {
            if !found.iter().any(|other| other.id == account.id) {
                found.push(account);
            }
        }
        if page.read < PAGE {
            return (found, None);
        }
        if found.len() >= MOST_SUB_ACCOUNTS {
            found.truncate(MOST_SUB_ACCOUNTS);
            return (found, Some(format!("there are more than {MOST_SUB_ACCOUNTS}")));
        }
        skip = skip.saturating_add(page.read);
    }
}

fn words(error: TokenError) -> String {
    match ConnectError::from(error) {
        ConnectError::Refused(why) => format!("GoHighLevel refuses to tell them: {why}"),
        other => other.to_string(),
    }
}

/// Details of a new connection.
struct NewConnection {
    way: ConnectedBy,
    missing_scopes: Vec<String>,
    sub_accounts: Vec<SubAccount>,
    untold: Option<String>,
}

/// Stores the connection and makes its locations use it: the location itself, or those of the agency that were added
/// before.
async fn finish(
    service: &Service,
    id: ConnectionId,
    made: NewConnection,
    by: &str,
) -> Result<ConnectionId, ConnectError> {
    let (credentials, now) = (service.reference(&id), service.now());
    let NewConnection { way, missing_scopes, sub_accounts, untold } = made;
    let anew = |standing: Option<GhlConnection>| {
        let mut locations = standing.map(|standing| standing.locations).unwrap_or_default();
        if let ConnectionId::Location(location) = &id {
            locations = BTreeSet::from([location.clone()]);
        }
        GhlConnection {
            credentials: credentials.clone(),
            way,
            connected_at: now,
            connected_by: by.to_owned(),
            missing_scopes: missing_scopes.clone(),
            sub_accounts: sub_accounts.clone(),
            untold: untold.clone(),
            locations,
            disconnected_at: None,
        }
    };
    let connection = service.operator().change_connection(&id, anew).await?;
    reach(service, &connection.locations, &credentials).await?;
    Ok(id)
}

async fn reach(
    service: &Service,
    locations: &BTreeSet<LocationId>,
    credentials: &CredentialsRef,
) -> Result<(), PutSettingsError> {
    let connected = locations.iter().map(|location| {
        let (operator, location, credentials) = (service.operator(), location.clone(), credentials.clone());
        async move { operator.connect_location(&location, &credentials).await.map(drop) }
    });
    all(connected.collect(), AT_ONCE).await
}

/// Runs all futures, [`AT_ONCE`] at a time. One failure does not stop the others; the first is returned.
pub(crate) async fn all<F: Future<Output = Result<(), PutSettingsError>>>(
    work: Vec<F>,
    at_once: usize,
) -> Result<(), PutSettingsError> {
    let done: Vec<_> = stream::iter(work).buffer_unordered(at_once).collect().await;
    done.into_iter().collect()
}

/// Longest wait for the location names, which GHL is asked for right after connecting.
const NAME_WITHIN: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Age below which a connection counts as new.
const NEW: Duration = Duration::from_secs(60);

/// Waits a moment for GHL's facts about these locations if they were never read, or if the connection is new.
pub(crate) async fn names_told(service: &Service, connection: &GhlConnection) {
    if connection.locations.len() > AT_ONCE {
        return;
    }
    let (operator, clock) = (service.operator(), &service.connecting.engine.ports().clock);
    let started = clock.now();
    let is_new = started.since(connection.connected_at) < NEW;
    while clock.now().since(started) < NAME_WITHIN {
        let asked = connection.locations.iter().map(|location| operator.facts(location));
        let is_told = |facts: &Result<Option<LocationFacts>, _>| match facts {
            Ok(Some(facts)) => !is_new || facts.asked_at >= connection.connected_at,
            Ok(None) => false,
            // A store that fails is not worth waiting for.
            Err(_) => true,
        };
        if join_all(asked).await.iter().all(is_told) {
            return;
        }
        clock.sleep_until(clock.now() + LOOK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use ghl_sync_access::ports::IssuedTokens;

    use super::*;

    fn granted(user_type: Option<&str>, location: Option<&str>, company: Option<&str>) -> ConsentGrant {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let tokens = IssuedTokens {
            access: Secret::new("a"),
            refresh: Some(Secret::new("r")),
            expires_in: Duration::from_secs(60),
            user_type: text(user_type),
        };
        ConsentGrant { tokens, scopes: Vec::new(), location_id: text(location), company_id: text(company) }
    }

    #[test]
    fn a_grant_is_for_whom_ghl_says_and_for_nobody_else() {
        let of = |user_type, location, company| {
            for_whom(&granted(user_type, location, company)).map(|(id, user)| (id.to_string(), user.as_str()))
        };
        let location = ("location-l".to_owned(), "Location");
        let agency = ("agency-c".to_owned(), "Company");
        assert_eq!(of(Some("Location"), Some("l"), Some("c")).unwrap(), location);
        assert_eq!(of(None, Some("l"), Some("c")).unwrap(), location);
        assert_eq!(of(Some("Company"), None, Some("c")).unwrap(), agency);
        assert_eq!(of(Some("Company"), Some("l"), Some("c")).unwrap(), agency);
        assert_eq!(of(None, None, Some("c")).unwrap(), agency);
        for (user_type, location, company) in
            [(Some("Location"), None, Some("c")), (None, None, None), (Some("Location"), Some("../app"), None)]
        {
            assert!(matches!(of(user_type, location, company), Err(ConnectError::ForNobody)));
        }
    }
}
