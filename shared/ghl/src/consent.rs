//! Turns a user's consent into a grant: `POST /oauth/token` for a code, and `GET /oauth/installedLocations`.
//!
//! A token that a user brings is tested by reading the location, or one of its contacts if the token lacks that
//! scope.
//!
//! We send no user type: GHL knows for whom it issued the code, and says so in its answer. Whether a code's exchange
//! may be repeated is unverified, so it is tried only once.

use async_trait::async_trait;
use ghl_sync_access::TokenError;
use ghl_sync_access::ports::{ConsentEndpoint, ConsentGrant, InstalledPage, InstalledQuery};
use ghl_sync_engine::usecase::Question;
use ghl_sync_model::{Api, Call, Cause, Failure, LocationId, MarketplaceApp, Secret, SubAccount};
use serde_json::Value;
use tokio::time::Instant;

use crate::accounts::ApiAccount;
use crate::client::{not_sent, verdict};
use crate::oauth::{OAuthClient, TIMEOUT, issued, lacks, read_json};
use crate::request::{ApiRequest, Unsupported};
use crate::transport::most_of;
use crate::{error, v2};

/// Longest location name that is kept, in characters: a thousand of them fit into one item.
const LONGEST_NAME: usize = 60;

#[async_trait]
impl ConsentEndpoint for OAuthClient {
    async fn exchange(
        &self,
        app: &MarketplaceApp,
        code: &Secret,
        redirect_uri: &str,
    ) -> Result<ConsentGrant, TokenError> {
        let request = ApiRequest::form(
            "/oauth/token",
            &[
                ("client_id", app.client_id.as_str()),
                ("client_secret", app.client_secret.expose()),
                ("grant_type", "authorization_code"),
                ("code", code.expose()),
                ("redirect_uri", redirect_uri),
            ],
        );
        let json = read_json(self.ask(None, &request).await?, &[&app.client_secret, code])?;
        granted(&json)
    }

    async fn installed_locations(&self, asked: InstalledQuery<'_>) -> Result<InstalledPage, TokenError> {
        let InstalledQuery { company_token, company_id, app_id, skip, limit } = asked;
        let query = vec![
            ("companyId", company_id.to_owned()),
            ("appId", app_id.to_owned()),
            ("isInstalled", "true".to_owned()),
            ("skip", skip.to_string()),
            ("limit", limit.to_string()),
        ];
        let request = ApiRequest::get("/oauth/installedLocations", query);
        let json = read_json(self.ask(Some(company_token), &request).await?, &[company_token])?;
        installed(&json)
    }

    async fn try_token(&self, token: &Secret, location: &LocationId) -> Result<Vec<&'static str>, TokenError> {
        let Err(refused) = self.read_with(token, location, &Question::LOCATION.call).await else {
            return Ok(Vec::new());
        };
        if !error::lacks_scope(&refused) {
            return Err(not_accepted(refused));
        }
        // Without the location's scope, GHL tells us nothing about the token or the location. Reading contacts is the
        // minimum: nothing can be sent without it.
        self.read_with(token, location, &Call::ContactsPage { cursor: None, limit: 1 }).await.map_err(not_accepted)?;
        Ok(vec![Question::LOCATION.scope()])
    }
}

impl OAuthClient {
    /// Reads from `location` with `token`, and returns GHL's objection if there is one.
    async fn read_with(&self, token: &Secret, location: &LocationId, call: &Call) -> Result<(), Failure> {
        let request =
            v2::request(location, call).map_err(|Unsupported(lacking)| not_sent(Some(Cause::Unsupported), lacking))?;
        let deadline = Instant::now() + TIMEOUT;
        let answer = self.transport.exchange(&self.v2, Some(token), &request, most_of(call), deadline).await?;
        let account = ApiAccount { token: token.clone(), api: Api::V2 };
        verdict(&account, location, call, answer.status, answer.body).map(drop)
    }
}

/// What a failed call says about its token. A refusal counts only in GHL's own words.
fn not_accepted(Failure { status, sent, cause, message }: Failure) -> TokenError {
    match (cause, status) {
        (Some(Cause::Gateway | Cause::Unreadable | Cause::TooLong), _) => TokenError::Unanswered(message),
        (Some(Cause::OtherLocation), _) => TokenError::Refused(message),
        (_, Some(408 | 429)) => TokenError::NotDone(message),
        (_, Some(400..=499)) => TokenError::Refused(message),
        _ if sent => TokenError::Unanswered(message),
        _ => TokenError::NotDone(message),
    }
}

fn granted(json: &Value) -> Result<ConsentGrant, TokenError> {
    let tokens = issued(json).map_err(lacks)?;
    if tokens.refresh.is_none() {
        return Err(lacks("refresh_token"));
    }
    let text = |name: &str| json[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let scopes = json["scope"].as_str().unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    Ok(ConsentGrant { tokens, scopes, location_id: text("locationId"), company_id: text("companyId") })
}

/// Reads a page of installed locations. Entries that cannot be locations are skipped: nobody could add them.
fn installed(json: &Value) -> Result<InstalledPage, TokenError> {
    let entries = json["locations"].as_array().ok_or_else(|| lacks("locations"))?;
    let location = |entry: &Value| {
        let id = entry["_id"].as_str().or_else(|| entry["id"].as_str())?.parse().ok()?;
        let name = entry["name"].as_str().unwrap_or_default().chars().take(LONGEST_NAME).collect();
        (entry["isInstalled"] != Value::Bool(false)).then_some(SubAccount { id, name })
    };
    let read = u32::try_from(entries.len()).unwrap_or(u32::MAX);
    Ok(InstalledPage { locations: entries.iter().filter_map(location).collect(), read })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_grant_says_for_whom_it_is_and_what_it_is_good_for() {
        let told = json!({
            "access_token": "a", "token_type": "Bearer", "expires_in": 86399, "refresh_token": "r",
            "scope": "contacts.readonly  contacts.write", "userType": "Location", "locationId": "loc1", "companyId": "c1",
        });
        let read = granted(&told).unwrap();
        assert_eq!(read.scopes, ["contacts.readonly", "contacts.write"]);
        assert_eq!((read.location_id.as_deref(), read.company_id.as_deref()), (Some("loc1"), Some("c1")));
        assert_eq!(read.tokens.user_type.as_deref(), Some("Location"));
        let without = json!({ "access_token": "a", "expires_in": 1 });
        assert!(matches!(granted(&without), Err(TokenError::Unanswered(said)) if said.contains("refresh_token")));
    }

    #[test]
    fn only_what_ghl_itself_says_refuses_a_token() {
        let said = |status, body: &str| not_accepted(error::failure(&Call::GetLocation, status, body));
        let refused = |status, words: &str| {
            let said = said(status, &format!(r#"{{"statusCode":{status},"message":"{words}"}}"#));
            assert_eq!(said, TokenError::Refused(words.to_owned()));
        };
        refused(401, "Invalid token: access token is invalid");
        refused(401, "Invalid JWT");
        refused(403, "The token does not have access to this location.");
        refused(400, "Location with id x not found");
        refused(404, "Location not found");
        let page = "<html><title>Attention Required!</title></html>";
        for (status, body) in [
            (401, r#"{"message":"Command timed out"}"#),
            (403, page),
            (404, page),
            (408, "{}"),
            (429, r#"{"message":"Too Many Requests"}"#),
            (500, r#"{"message":"Internal Server Error"}"#),
            (503, page),
            (302, page),
        ] {
            let said = said(status, body);
            assert!(matches!(said, TokenError::Unanswered(_) | TokenError::NotDone(_)), "{status} {body}: {said:?}");
        }
    }

    #[test]
    fn installed_locations_are_those_that_can_be_added_and_all_count_for_the_next_page() {
        let told = json!({ "count": 9, "locations": [
            { "_id": "loc1", "name": "Nord", "address": "x", "isInstalled": true },
            { "_id": "loc2", "name": "Süd", "isInstalled": false },
            { "_id": "../up", "name": "none", "isInstalled": true },
            { "_id": "loc3", "name": "n".repeat(500) },
            { "name": "without an id" },
        ] });
        let page = installed(&told).unwrap();
        assert_eq!(page.read, 5);
        let ids: Vec<&str> = page.locations.iter().map(|location| location.id.as_str()).collect();
        assert_eq!(ids, ["loc1", "loc3"]);
        assert_eq!(page.locations[1].name.len(), LONGEST_NAME);
        assert!(installed(&json!({})).is_err());
    }
}
