//! The routes, in the order in which a browser meets them.

use std::collections::BTreeSet;

use axum::body::Bytes;
use axum::extract::{Extension, Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ghl_sync_model::{ConnectionId, KeyHash, LocationId, Secret, SessionKey};
use ghl_sync_web::{Caller, Cookie, PresentedKey, RequestId, cookie_value, is_secure, origin};

use crate::attempt::{self, AttemptSecrets, Beginner, Returned};
use crate::doorkeeper::{RequestSubject, ResponseAudit, audit};
use crate::scopes::AccountType;
use crate::service::Service;
use crate::trouble::ConnectError;
use crate::{disconnect as ending, grant, pages};

/// Path that GHL returns the browser to, on the stack's host.
const CALLBACK: &str = "/connect/callback";
/// Path of GHL's consent page, on the marketplace's host.
const CHOOSE: &str = "/v2/oauth/chooselocation";
/// Sub-accounts per page.
const PAGE: usize = 100;

type Pairs = Query<Vec<(String, String)>>;

/// Shows the connections, and the ways to make more.
pub(crate) async fn overview(State(service): State<Service>, request: Request) -> Result<Response, ConnectError> {
    let connections = service.operator().connections().await?;
    let callback = origin(&request).map(|origin| format!("{origin}{CALLBACK}"));
    Ok(pages::overview(&connections, service.connecting.app.is_some(), callback.as_deref()))
}

/// Redirects to GHL's consent page.
pub(crate) async fn start(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    Query(query): Pairs,
    request: Request,
) -> Result<Response, ConnectError> {
    let wanted = if value(&query, "for") == Some("agency") { AccountType::Agency } else { AccountType::Location };
    let redirect_uri = format!("{}{CALLBACK}", origin(&request).ok_or(ConnectError::NoName)?);
    let (is_secure, shown, cookie) = (is_secure(&request), PresentedKey::of(&request), Cookie::of(&request));
    let app = service.app().await?;
    let beginner = beginner(&service, caller, shown, cookie).await?;
    let AttemptSecrets { state, cookie } = attempt::begin(&service, beginner, &redirect_uri).await?;
    let scopes = wanted.scopes().collect::<Vec<_>>().join(" ");
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("response_type", "code")
        .append_pair("client_id", &app.client_id)
        .append_pair("redirect_uri", &redirect_uri)
        .append_pair("scope", &scopes)
        .append_pair("state", &state)
        .finish();
    let mut response = see_other(&format!("{}{CHOOSE}?{query}", service.connecting.consent_url))?;
    with_cookie(&mut response, attempt::cookie_header(is_secure, &cookie));
    Ok(response)
}

/// Finds the key or session of the person who begins.
async fn beginner(
    service: &Service,
    caller: Caller,
    shown: Option<PresentedKey>,
    cookie: Option<Cookie>,
) -> Result<Beginner, ConnectError> {
    if let Some(shown) = shown {
        let of_environment = || SessionKey::Environment(KeyHash::of(shown.key.as_bytes()));
        let key = caller.key.clone().map_or_else(of_environment, SessionKey::Record);
        return Ok(Beginner { caller, key, session: None });
    }
    let cookie = cookie.ok_or(ConnectError::SignIn)?;
    let session = service.operator().session(&cookie.id).await?.ok_or(ConnectError::SignIn)?;
    Ok(Beginner { caller, key: session.key, session: Some(cookie.id) })
}

/// Handles the return from GHL, with or without a code.
pub(crate) async fn callback(State(service): State<Service>, Query(query): Pairs, request: Request) -> Response {
    let is_secure = is_secure(&request);
    let cookie = cookie_value(request.headers(), attempt::cookie_name(is_secure)).unwrap_or_default();
    let returned = Returned { state: value(&query, "state").unwrap_or_default(), cookie };
    let (attempt, caller) = match attempt::end(&service, &returned).await {
        Ok(ended) => ended,
        Err(trouble) => return trouble.into_response(),
    };
    let code = match (value(&query, "code"), value(&query, "error")) {
        (_, Some(_)) => Err(ConnectError::Denied),
        (Some(code), None) if !code.is_empty() => Ok(Secret::new(code)),
        (Some(_) | None, None) => Err(ConnectError::NoCode),
    };
    let connected = match code {
        Ok(code) => grant::by_consent(&service, &code, &attempt.redirect_uri, &caller.name).await,
        Err(trouble) => Err(trouble),
    };
    let mut response = match connected {
        Ok(id) => {
            let mut response = pages::on_the_way(&id);
            response.extensions_mut().insert(RequestSubject::from(id));
            response
        }
        Err(trouble) => trouble.into_response(),
    };
    with_cookie(&mut response, attempt::cookie_header(is_secure, ""));
    let id = request.extensions().get().map(|RequestId(id)| id.clone()).unwrap_or_default();
    audit(&service, &caller, "connect", &id, ResponseAudit::of(&response)).await;
    response.extensions_mut().insert(caller);
    response
}

/// Stores a private integration token.
pub(crate) async fn token(
    State(service): State<Service>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Response, ConnectError> {
    let form = form(&body);
    let location = value(&form, "location_id").unwrap_or_default().trim().parse::<LocationId>();
    let invalid = |reason: &str| ConnectError::Invalid { field: "The location's id", reason: reason.to_owned() };
    let location = location.map_err(|error| invalid(error.reason()))?;
    let token = value(&form, "token").unwrap_or_default().trim();
    done(grant::by_token(&service, location, token, &caller.name).await?)
}

/// Shows a connection: its missing scopes, and for an agency the locations that it can serve.
pub(crate) async fn connection(
    State(service): State<Service>,
    Path(id): Path<String>,
    Query(query): Pairs,
) -> Result<Response, ConnectError> {
    let id: ConnectionId = id.parse().map_err(|_| ConnectError::Unknown)?;
    let connection = service.operator().connection(&id).await?.ok_or(ConnectError::Unknown)?;
    grant::names_told(&service, &connection).await;
    let page = value(&query, "page").and_then(|page| page.parse::<usize>().ok()).unwrap_or(1).max(1);
    let shown = pages::ConnectionPage::read(&service, id, connection, page, PAGE).await?;
    Ok(pages::connection(&shown))
}

/// Adds sub-accounts of an agency.
pub(crate) async fn add_locations(
    State(service): State<Service>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, ConnectError> {
    let id: ConnectionId = id.parse().map_err(|_| ConnectError::Unknown)?;
    let form = form(&body);
    let chosen = form.iter().filter(|(name, _)| name == "location").map(|(_, id)| id.parse::<LocationId>());
    let invalid = |reason: &str| ConnectError::Invalid { field: "The choice", reason: reason.to_owned() };
    let chosen: BTreeSet<LocationId> =
        chosen.collect::<Result<_, _>>().map_err(|error| invalid(&format!("has an id that {}", error.reason())))?;
    if !(1..=PAGE).contains(&chosen.len()) {
        return Err(invalid("must be at least one sub-account, and no more than a page has"));
    }
    grant::add(&service, &id, &chosen).await?;
    done(id)
}

/// Ends a connection.
pub(crate) async fn disconnect(
    State(service): State<Service>,
    Path(id): Path<String>,
) -> Result<Response, ConnectError> {
    let id: ConnectionId = id.parse().map_err(|_| ConnectError::Unknown)?;
    ending::disconnect(&service, &id).await?;
    let mut response = see_other("/connect")?;
    response.extensions_mut().insert(RequestSubject::from(id));
    Ok(response)
}

/// Redirects to the page of the connection.
fn done(id: ConnectionId) -> Result<Response, ConnectError> {
    let mut response = see_other(&format!("/connect/{id}"))?;
    response.extensions_mut().insert(RequestSubject::from(id));
    Ok(response)
}

fn see_other(to: &str) -> Result<Response, ConnectError> {
    let to = HeaderValue::from_str(to).map_err(|_| ConnectError::NoName)?;
    Ok((StatusCode::SEE_OTHER, HeaderMap::from_iter([(header::LOCATION, to)])).into_response())
}

fn with_cookie(response: &mut Response, cookie: Option<HeaderValue>) {
    if let Some(cookie) = cookie {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
}

fn form(body: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(body).into_owned().collect()
}

fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(named, _)| named == name).map(|(_, value)| value.as_str())
}
