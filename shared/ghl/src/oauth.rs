//! GHL's token endpoints: `POST /oauth/token` and `POST /oauth/locationToken`.
//!
//! GHL documents the fields of an answer. Of errors it documents only that a bad authorization code is a 401 with
//! `{"error": "UnAuthorized!", "error_description": …}`. The answer to a dead refresh token is unverified: we treat
//! every refusal in JSON as one, unless it says that the location (or its agency) is not active. In that case the
//! same refresh token works again later.

use std::time::Duration;

use async_trait::async_trait;
use ghl_sync_access::TokenError;
use ghl_sync_access::ports::{IssuedTokens, TokenEndpoint};
use ghl_sync_model::{Failure, LocationId, OAuthGrant, Secret};
use reqwest::StatusCode;
use serde_json::Value;
use tokio::time::Instant;

use crate::config::{ClientConfig, ClientError};
use crate::request::ApiRequest;
use crate::text::one_line;
use crate::transport::{ApiHost, HttpAnswer, MAX_ANSWER, ResponseBody, Transport};

/// Timeout of one request. Two of them fit into a call's timeout.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(4);

/// Client of API v2's token endpoints.
pub struct OAuthClient {
    pub(crate) v2: ApiHost,
    pub(crate) transport: Transport,
}

impl OAuthClient {
    /// Creates a client of GHL at `config`.
    ///
    /// # Errors
    /// If a base URL is not an `http` or `https` URL, or TLS is needed and cannot be set up.
    pub fn new(config: &ClientConfig) -> Result<OAuthClient, ClientError> {
        Ok(OAuthClient { v2: ApiHost::v2(config)?, transport: Transport::to(config)? })
    }

    pub(crate) async fn ask(&self, token: Option<&Secret>, request: &ApiRequest) -> Result<HttpAnswer, TokenError> {
        let answer = self.transport.exchange(&self.v2, token, request, MAX_ANSWER, Instant::now() + TIMEOUT).await;
        answer.map_err(|Failure { sent, message, .. }| match sent {
            true => TokenError::Unanswered(message),
            false => TokenError::NotDone(message),
        })
    }
}

#[async_trait]
impl TokenEndpoint for OAuthClient {
    async fn refresh(&self, grant: &OAuthGrant, refresh_token: &Secret) -> Result<IssuedTokens, TokenError> {
        let request = ApiRequest::form(
            "/oauth/token",
            &[
                ("client_id", grant.client_id.as_str()),
                ("client_secret", grant.client_secret.expose()),
                ("grant_type", "refresh_token"),
                ("refresh_token", refresh_token.expose()),
                ("user_type", grant.user.as_str()),
            ],
        );
        let issued = read(self.ask(None, &request).await?, &[&grant.client_secret, refresh_token])?;
        if issued.refresh.is_none() {
            return Err(TokenError::Unanswered("the answer has no `refresh_token`".to_owned()));
        }
        Ok(issued)
    }

    async fn location_token(
        &self,
        company_token: &Secret,
        company_id: &str,
        location: &LocationId,
    ) -> Result<IssuedTokens, TokenError> {
        let fields = [("companyId", company_id), ("locationId", location.as_str())];
        let request = ApiRequest::form("/oauth/locationToken", &fields);
        let answer = self.ask(Some(company_token), &request).await?;
        let is_401 = answer.status == StatusCode::UNAUTHORIZED;
        // The newer specification has a refresh token in the answer. The agency's own is enough.
        let issued = read(answer, &[company_token]).map(|issued| IssuedTokens { refresh: None, ..issued });
        issued.map_err(|error| match error {
            TokenError::Refused(reason) if is_401 => TokenError::AgencyToken(reason),
            error => error,
        })
    }
}

/// Reads the tokens in an answer. `secrets` are ours and are redacted from GHL's words.
fn read(answer: HttpAnswer, secrets: &[&Secret]) -> Result<IssuedTokens, TokenError> {
    let json = read_json(answer, secrets)?;
    issued(&json).map_err(lacks)
}

/// A success that lacks a required field.
pub(crate) fn lacks(field: &str) -> TokenError {
    TokenError::Unanswered(format!("the answer has no `{field}`"))
}

/// The JSON object of a success. `secrets` are ours and are redacted from GHL's words.
pub(crate) fn read_json(answer: HttpAnswer, secrets: &[&Secret]) -> Result<Value, TokenError> {
    let HttpAnswer { status, body, .. } = answer;
    let body = match body {
        ResponseBody::Read(body) => body,
        ResponseBody::TooLong => return Err(TokenError::Unanswered("the answer is longer than 1 MB".to_owned())),
        ResponseBody::Broken(reason) => return Err(TokenError::Unanswered(reason)),
    };
    let json: Option<Value> = serde_json::from_slice(&body).ok().filter(Value::is_object);
    if status.is_success() {
        return json.ok_or_else(|| TokenError::Unanswered("the answer is not a JSON object".to_owned()));
    }
    let words = json.as_ref().map(words).unwrap_or_default();
    let words = secrets.iter().fold(words, |words, secret| secret.redact(words));
    let reason = one_line(format!("{} {words}", status.as_u16()).trim());
    Err(match status.as_u16() {
        408 | 500.. => TokenError::Unanswered(reason),
        400 | 401 | 403 | 422 if json.is_some() && is_inactive(&reason) => TokenError::Inactive(reason),
        // An HTML page comes not from GHL but from the host in front of it.
        400 | 401 | 403 | 422 if json.is_some() => TokenError::Refused(reason),
        _ => TokenError::NotDone(reason),
    })
}

/// Reads the tokens of a success; `Err` names the missing field. API v3 writes the same names in another case.
pub(crate) fn issued(json: &Value) -> Result<IssuedTokens, &'static str> {
    let text = |names: [&str; 2]| names.iter().find_map(|name| json[*name].as_str()).filter(|text| !text.is_empty());
    let seconds = json["expires_in"].as_u64().or_else(|| json["expiresIn"].as_u64());
    Ok(IssuedTokens {
        access: Secret::new(text(["access_token", "accessToken"]).ok_or("access_token")?),
        refresh: text(["refresh_token", "refreshToken"]).map(Secret::new),
        expires_in: Duration::from_secs(seconds.ok_or("expires_in")?),
        user_type: text(["userType", "user_type"]).map(str::to_owned),
    })
}

/// Every description in an error: `invalid_grant: …`, or GHL's `message`.
fn words(json: &Value) -> String {
    let said = ["error", "error_description", "message"].iter().filter_map(|field| match &json[*field] {
        Value::String(text) => Some(text.clone()),
        Value::Array(texts) => Some(texts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")),
        _ => None,
    });
    said.collect::<Vec<_>>().join(": ")
}

/// Recognises `Location is not active` (GHL's specification of `POST /oauth/token`) in any spelling and for any
/// subject.
fn is_inactive(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    ["location", "company", "agency", "account"].iter().any(|who| words.contains(who))
        && ["not active", "inactive"].iter().any(|state| words.contains(state))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    fn said(status: u16, body: &str) -> Result<IssuedTokens, TokenError> {
        let status = StatusCode::from_u16(status).unwrap();
        let body = ResponseBody::Read(body.as_bytes().to_vec());
        let answer = HttpAnswer { status, headers: HeaderMap::new(), body };
        read(answer, &[&Secret::new("hush-secret")])
    }

    #[test]
    fn issued_tokens_are_read_under_the_names_of_both_versions() {
        let expected = IssuedTokens {
            access: Secret::new("a1"),
            refresh: Some(Secret::new("r1")),
            expires_in: Duration::from_secs(86_399),
            user_type: Some("Location".to_owned()),
        };
        let v2 = r#"{"access_token":"a1","token_type":"Bearer","expires_in":86399,"refresh_token":"r1","scope":"contacts.write","userType":"Location","companyId":"c","locationId":"l"}"#;
        let v3 = r#"{"accessToken":"a1","expiresIn":86399,"refreshToken":"r1","userType":"Location"}"#;
        assert_eq!(said(200, v2).unwrap(), expected);
        assert_eq!(said(201, v3).unwrap(), expected);
    }

    #[test]
    fn every_other_answer_says_whether_the_refresh_token_may_be_used_up() {
        let dead = r#"{"error":"invalid_grant","error_description":"This refresh token is invalid: hush-secret"}"#;
        let refused = TokenError::Refused("400 invalid_grant: This refresh token is invalid: [token]".to_owned());
        assert_eq!(said(400, dead).unwrap_err(), refused);
        let of = |status, body: &str| match said(status, body).unwrap_err() {
            TokenError::Refused(_) => "refused",
            TokenError::Inactive(_) => "inactive",
            TokenError::Unanswered(_) => "unanswered",
            TokenError::NotDone(_) => "not done",
            TokenError::AgencyToken(_) => "agency",
        };
        let table = [
            (401, r#"{"error":"UnAuthorized!","error_description":"Invalid client"}"#, "refused"),
            (422, r#"{"message":["refresh_token must be a string"]}"#, "refused"),
            (400, r#"{"statusCode":400,"message":"Invalid grant: refresh token is invalid"}"#, "refused"),
            (400, r#"{"statusCode":400,"message":"Location is not active"}"#, "inactive"),
            (400, r#"{"error":"invalid_request","error_description":"location is not active"}"#, "inactive"),
            (403, r#"{"message":["Company is inactive"]}"#, "inactive"),
            (400, r#"{"message":"refresh token is not active"}"#, "refused"),
            (400, "Location is not active", "not done"),
            (403, "<html>Error 1010</html>", "not done"),
            (429, r#"{"statusCode":429,"message":"Too Many Requests"}"#, "not done"),
            (404, r#"{"message":"Cannot POST /oauth/token"}"#, "not done"),
            (302, "", "not done"),
            (500, r#"{"message":"Internal server error"}"#, "unanswered"),
            (502, "<html>", "unanswered"),
            (200, "<html>", "unanswered"),
            (200, r#"{"access_token":"a"}"#, "unanswered"),
            (200, r#"{"expires_in":5}"#, "unanswered"),
        ];
        for (status, body, expected) in table {
            assert_eq!(of(status, body), expected, "{status} {body}");
        }
    }
}
