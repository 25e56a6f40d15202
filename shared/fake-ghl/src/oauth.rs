//! Where tokens are issued: `POST /oauth/token` for a refresh, `POST /oauth/locationToken` for a location of an agency.
//!
//! A refresh token is good for one refresh; the same refresh gets the same answer for 30 seconds more. What GHL answers
//! to one that is used up is not known; this is what OAuth says (RFC 6749, 5.2).

use std::collections::HashMap;
use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use super::answer::{Answer, Handled};
use super::ids::Ids;
use super::options::{Installed, OAuthOptions, Tokens};
use super::request::Request;
use super::stats::Stats;

/// How long the answer to a refresh is repeated.
const REPEATED: Duration = Duration::from_secs(30);

/// What was issued. Without OAuth, it issues nothing.
#[derive(Debug)]
pub(crate) struct Issuer {
    app: Option<OAuthOptions>,
    /// Refresh tokens: unused, or when they were used and for which answer.
    refresh_tokens: HashMap<String, Option<(Duration, Value)>>,
    access_tokens: HashMap<String, Granted>,
    /// Whether the location, or its agency, is switched off.
    inactive: bool,
    ids: Ids,
    stats: Stats,
}

#[derive(Debug)]
struct Granted {
    until: Duration,
    /// `None` is the agency itself.
    location: Option<String>,
}

impl Issuer {
    pub(crate) fn new(tokens: &Tokens, ids: Ids) -> Issuer {
        let app = match tokens {
            Tokens::OAuth(app) => Some(app.clone()),
            Tokens::Any(_) | Tokens::PerLocation(_) => None,
        };
        let refresh_tokens = app.iter().map(|app| (app.refresh_token.expose().to_owned(), None)).collect();
        Issuer { app, refresh_tokens, access_tokens: HashMap::new(), inactive: false, ids, stats: Stats::default() }
    }

    pub(crate) fn set_inactive(&mut self, inactive: bool) {
        self.inactive = inactive;
    }

    /// The location that `token` speaks for, if it still does.
    pub(crate) fn location_of(&mut self, token: &str, now: Duration) -> Option<String> {
        if self.inactive {
            return None;
        }
        let granted = self.access_tokens.get(token)?;
        if granted.until <= now {
            self.stats.expired_tokens += 1;
            return None;
        }
        granted.location.clone()
    }

    /// Answers a request to `/oauth/…`.
    pub(crate) fn handle(&mut self, request: &Request, now: Duration) -> Answer {
        if self.inactive {
            return Answer::bad_request("Location is not active");
        }
        let handled = match (self.app.clone(), request.method.as_str(), request.segments().as_slice()) {
            (Some(app), "POST", ["oauth", "token"]) => self.refresh(&app, request, now),
            (Some(app), "POST", ["oauth", "locationToken"]) => self.location_token(&app, request, now),
            (_, method, _) => Err(Answer::unknown_path(method, &request.path)),
        };
        handled.unwrap_or_else(|refusal| refusal)
    }

    /// `stats`, with what was issued.
    pub(crate) fn add_to(&self, stats: Stats) -> Stats {
        let Stats { token_refreshes, token_repeats, token_refusals, location_tokens, expired_tokens, .. } = self.stats;
        Stats { token_refreshes, token_repeats, token_refusals, location_tokens, expired_tokens, ..stats }
    }

    fn refresh(&mut self, app: &OAuthOptions, request: &Request, now: Duration) -> Handled {
        let [client_id, client_secret, grant_type, refresh_token] =
            fields(request, ["client_id", "client_secret", "grant_type", "refresh_token"])?;
        if grant_type != "refresh_token" {
            return Err(Answer::unprocessable(["the sandbox plays grant_type refresh_token only"]));
        }
        if (client_id, client_secret) != (app.client_id.as_str(), app.client_secret.expose()) {
            self.stats.token_refusals += 1;
            return Err(refused(StatusCode::UNAUTHORIZED, "invalid_client", "Invalid client credentials!"));
        }
        let answer = match self.refresh_tokens.get(refresh_token) {
            Some(None) => {
                let answer = self.issue(app, now);
                self.stats.token_refreshes += 1;
                self.refresh_tokens.insert(refresh_token.to_owned(), Some((now, answer.clone())));
                answer
            }
            Some(Some((used, answer))) if now < *used + REPEATED => {
                self.stats.token_repeats += 1;
                answer.clone()
            }
            _ => {
                self.stats.token_refusals += 1;
                return Err(refused(StatusCode::BAD_REQUEST, "invalid_grant", "This refresh token is invalid"));
            }
        };
        Ok(Answer::ok(answer))
    }

    fn issue(&mut self, app: &OAuthOptions, now: Duration) -> Value {
        let refresh_token = self.ids.token("refresh");
        self.refresh_tokens.insert(refresh_token.clone(), None);
        let (user_type, location) = match &app.installed {
            Installed::Location(location) => ("Location", Some(location.clone())),
            Installed::Company(_) => ("Company", None),
        };
        let mut answer = self.access(app, location, now);
        answer["refresh_token"] = json!(refresh_token);
        answer["userType"] = json!(user_type);
        if let Installed::Company(company) = &app.installed {
            answer["companyId"] = json!(company);
        }
        answer
    }

    fn access(&mut self, app: &OAuthOptions, location: Option<String>, now: Duration) -> Value {
        let access_token = self.ids.token("access");
        let answer = json!({
            "access_token": access_token, "token_type": "Bearer", "expires_in": app.lifetime.as_secs(),
            "scope": "contacts.readonly contacts.write opportunities.readonly opportunities.write",
            "locationId": location, "userId": "sandbox",
        });
        self.access_tokens.insert(access_token, Granted { until: now + app.lifetime, location });
        answer
    }

    fn location_token(&mut self, app: &OAuthOptions, request: &Request, now: Duration) -> Handled {
        request.check_version()?;
        let of_agency = self.access_tokens.get(request.bearer().unwrap_or_default());
        if of_agency.is_none_or(|granted| granted.until <= now || granted.location.is_some()) {
            return Err(Answer::unauthorized("Invalid token: access token is invalid"));
        }
        let [company, location] = fields(request, ["companyId", "locationId"])?;
        if app.installed != Installed::Company(company.to_owned()) {
            return Err(Answer::wrong_location());
        }
        self.stats.location_tokens += 1;
        let mut answer = self.access(app, Some(location.to_owned()), now);
        answer["userType"] = json!("Location");
        Ok(Answer::created(answer))
    }
}

/// These fields of a form; what is missing is said of all of them at once.
fn fields<'r, const N: usize>(request: &'r Request, names: [&str; N]) -> Result<[&'r str; N], Answer> {
    let missing: Vec<String> = names
        .iter()
        .filter(|name| request.form(name).is_none())
        .map(|name| format!("{name} must be a string"))
        .collect();
    if !missing.is_empty() {
        return Err(Answer::unprocessable(missing));
    }
    Ok(names.map(|name| request.form(name).unwrap_or_default()))
}

fn refused(status: StatusCode, error: &str, description: &str) -> Answer {
    Answer::json(status, json!({ "error": error, "error_description": description }))
}
