//! Where tokens are issued: `POST /oauth/token` for a refresh or a code, `POST /oauth/locationToken` for a location of an
//! agency, `GET /oauth/installedLocations` for all of them. How a code is come by stands in `consent`.
//!
//! A refresh token is good for one refresh; the same refresh gets the same answer for 30 seconds more. What GHL answers
//! to one that is used up is not known; this is what OAuth says (RFC 6749, 5.2).

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use super::answer::{Answer, Handled};
use super::ids::Ids;
use super::options::{Installed, Marketplace, OAuthOptions, Tokens};
use super::request::Request;
use super::scopes;
use super::stats::Stats;

/// How long the answer to a refresh is repeated.
const REPEATED: Duration = Duration::from_secs(30);

/// What such an app is allowed that was installed before the sandbox began.
const SCOPES: &str = "contacts.readonly contacts.write opportunities.readonly opportunities.write";

/// What was issued. Without an app, it issues nothing.
#[derive(Debug)]
pub(crate) struct Issuer {
    pub(super) app: Option<Marketplace>,
    refresh_tokens: HashMap<String, Refresh>,
    access_tokens: HashMap<String, Granted>,
    pub(super) codes: HashMap<String, Code>,
    /// Whether the location, or its agency, is switched off.
    inactive: bool,
    pub(super) ids: Ids,
    stats: Stats,
}

/// A refresh token.
#[derive(Debug)]
struct Refresh {
    of: Installation,
    /// When it was used, and for which answer.
    used: Option<(Duration, Value)>,
}

/// Where an app was installed, and what for.
#[derive(Debug, Clone)]
pub(super) struct Installation {
    pub(super) installed: Installed,
    /// The scopes that were consented to; `None` if nobody was asked.
    pub(super) scopes: Option<BTreeSet<String>>,
}

/// A code that was given for somebody's consent.
#[derive(Debug)]
pub(super) struct Code {
    pub(super) of: Installation,
    pub(super) redirect_uri: String,
    pub(super) until: Duration,
}

#[derive(Debug)]
struct Granted {
    until: Duration,
    /// `None` is the agency itself.
    location: Option<String>,
    scopes: Option<BTreeSet<String>>,
}

impl Issuer {
    pub(crate) fn new(tokens: &Tokens, marketplace: Option<Marketplace>, ids: Ids) -> Issuer {
        let (app, refresh_tokens) = match tokens {
            Tokens::OAuth(app) => {
                let of = Installation { installed: app.installed.clone(), scopes: None };
                let token = app.refresh_token.expose().to_owned();
                (Some(of_installed(app)), HashMap::from([(token, Refresh { of, used: None })]))
            }
            Tokens::Any(_) | Tokens::PerLocation(_) => (None, HashMap::new()),
        };
        Issuer {
            app: marketplace.or(app),
            refresh_tokens,
            access_tokens: HashMap::new(),
            codes: HashMap::new(),
            inactive: false,
            ids,
            stats: Stats::default(),
        }
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

    /// Whether `token` is one of ours, and not for what `request` asks for.
    pub(crate) fn is_not_for(&self, token: &str, request: &Request) -> bool {
        let scopes = self.access_tokens.get(token).and_then(|granted| granted.scopes.as_ref());
        let (Some(scopes), Some(needed)) = (scopes, scopes::needed(request)) else { return false };
        !scopes.contains(&needed)
    }

    /// Answers a request to `/oauth/…`; `name_of` knows what locations are called.
    pub(crate) fn handle(&mut self, request: &Request, now: Duration, name_of: impl Fn(&str) -> String) -> Answer {
        if self.inactive {
            return Answer::bad_request("Location is not active");
        }
        let handled = match (self.app.clone(), request.method.as_str(), request.segments().as_slice()) {
            (Some(app), "POST", ["oauth", "token"]) => match request.form("grant_type") {
                Some("authorization_code") => self.exchange(&app, request, now),
                _ => self.refresh(&app, request, now),
            },
            (Some(app), "POST", ["oauth", "locationToken"]) => self.location_token(&app, request, now),
            (Some(app), "GET", ["oauth", "installedLocations"]) => self.installed(&app, request, now, name_of),
            (_, method, _) => Err(Answer::unknown_path(method, &request.path)),
        };
        handled.unwrap_or_else(|refusal| refusal)
    }

    /// `stats`, with what was issued.
    pub(crate) fn add_to(&self, stats: Stats) -> Stats {
        let Stats { token_refreshes, token_repeats, token_refusals, location_tokens, expired_tokens, .. } = self.stats;
        Stats { token_refreshes, token_repeats, token_refusals, location_tokens, expired_tokens, ..stats }
    }

    /// Whoever shows a code gets the first tokens for it, once. As GHL was seen to do, the code is looked at first.
    fn exchange(&mut self, app: &Marketplace, request: &Request, now: Duration) -> Handled {
        let [client_id, client_secret, code, redirect_uri] =
            fields(request, ["client_id", "client_secret", "code", "redirect_uri"])?;
        let Some(known) = self.codes.get(code).filter(|known| now < known.until) else {
            self.stats.token_refusals += 1;
            return Err(refused(StatusCode::UNAUTHORIZED, "UnAuthorized!", "Authorization code not found"));
        };
        check_app(app, client_id, client_secret).inspect_err(|_| self.stats.token_refusals += 1)?;
        if known.redirect_uri != redirect_uri {
            self.stats.token_refusals += 1;
            return Err(refused(StatusCode::BAD_REQUEST, "invalid_grant", "The redirect URI does not match"));
        }
        let of = known.of.clone();
        self.codes.remove(code);
        Ok(Answer::ok(self.issue(app, of, now)))
    }

    fn refresh(&mut self, app: &Marketplace, request: &Request, now: Duration) -> Handled {
        let [client_id, client_secret, grant_type, refresh_token] =
            fields(request, ["client_id", "client_secret", "grant_type", "refresh_token"])?;
        if grant_type != "refresh_token" {
            return Err(Answer::unprocessable(["the sandbox plays refresh_token and authorization_code only"]));
        }
        check_app(app, client_id, client_secret).inspect_err(|_| self.stats.token_refusals += 1)?;
        let (of, used) = match self.refresh_tokens.get(refresh_token) {
            Some(Refresh { of, used }) => (of.clone(), used.clone()),
            None => return Err(self.refuse_refresh()),
        };
        let answer = match used {
            None => {
                let answer = self.issue(app, of.clone(), now);
                self.stats.token_refreshes += 1;
                let used = Some((now, answer.clone()));
                self.refresh_tokens.insert(refresh_token.to_owned(), Refresh { of, used });
                answer
            }
            Some((used, answer)) if now < used + REPEATED => {
                self.stats.token_repeats += 1;
                answer
            }
            Some(_) => return Err(self.refuse_refresh()),
        };
        Ok(Answer::ok(answer))
    }

    fn refuse_refresh(&mut self) -> Answer {
        self.stats.token_refusals += 1;
        refused(StatusCode::BAD_REQUEST, "invalid_grant", "This refresh token is invalid")
    }

    fn issue(&mut self, app: &Marketplace, of: Installation, now: Duration) -> Value {
        let refresh_token = self.ids.token("refresh");
        let (user_type, location) = match &of.installed {
            Installed::Location(location) => ("Location", Some(location.clone())),
            Installed::Company(_) => ("Company", None),
        };
        let mut answer = self.access(app, location, of.scopes.clone(), now);
        answer["refresh_token"] = json!(refresh_token);
        answer["userType"] = json!(user_type);
        answer["companyId"] = match &of.installed {
            Installed::Company(company) => json!(company),
            Installed::Location(_) => json!(app.company),
        };
        self.refresh_tokens.insert(refresh_token, Refresh { of, used: None });
        answer
    }

    fn access(
        &mut self,
        app: &Marketplace,
        location: Option<String>,
        scopes: Option<BTreeSet<String>>,
        now: Duration,
    ) -> Value {
        let access_token = self.ids.token("access");
        let told = scopes.iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ");
        let answer = json!({
            "access_token": access_token, "token_type": "Bearer", "expires_in": app.lifetime.as_secs(),
            "scope": if scopes.is_some() { &told } else { SCOPES },
            "locationId": location, "userId": "sandbox",
        });
        self.access_tokens.insert(access_token, Granted { until: now + app.lifetime, location, scopes });
        answer
    }

    /// The token of an agency that a request shows.
    fn agency(&self, request: &Request, now: Duration) -> Result<&Granted, Answer> {
        request.check_version()?;
        let granted = self.access_tokens.get(request.bearer().unwrap_or_default());
        let of_agency = granted.filter(|granted| now < granted.until && granted.location.is_none());
        of_agency.ok_or_else(|| Answer::unauthorized("Invalid token: access token is invalid"))
    }

    fn location_token(&mut self, app: &Marketplace, request: &Request, now: Duration) -> Handled {
        let scopes = self.agency(request, now)?.scopes.clone();
        let [company, location] = fields(request, ["companyId", "locationId"])?;
        let is_one = app.locations.is_empty() || app.locations.iter().any(|one| one == location);
        if app.company != company || !is_one {
            return Err(Answer::wrong_location());
        }
        self.stats.location_tokens += 1;
        let mut answer = self.access(app, Some(location.to_owned()), scopes, now);
        answer["userType"] = json!("Location");
        Ok(Answer::created(answer))
    }

    fn installed(
        &self,
        app: &Marketplace,
        request: &Request,
        now: Duration,
        name_of: impl Fn(&str) -> String,
    ) -> Handled {
        let granted = self.agency(request, now)?;
        if granted.scopes.as_ref().is_some_and(|scopes| !scopes.contains("oauth.readonly")) {
            return Err(Answer::missing_scope());
        }
        let app_id = app.client_id.split('-').next();
        if request.query("companyId") != Some(&app.company) || request.query("appId") != app_id {
            return Err(Answer::unprocessable(["companyId and appId must be those of the token"]));
        }
        let number = |name, unless| request.query(name).and_then(|text| text.parse().ok()).unwrap_or(unless);
        let shown = app
            .locations
            .iter()
            .skip(number("skip", 0))
            .take(number("limit", 20).min(100))
            .map(|id| json!({ "_id": id, "name": name_of(id), "address": "1 Main Street", "isInstalled": true }));
        let shown: Vec<Value> = shown.collect();
        Ok(Answer::ok(json!({ "locations": shown, "count": app.locations.len(), "installToFutureLocations": false })))
    }
}

/// An app that is installed already, with nothing to choose from.
fn of_installed(app: &OAuthOptions) -> Marketplace {
    Marketplace {
        client_id: app.client_id.clone(),
        client_secret: app.client_secret.clone(),
        lifetime: app.lifetime,
        company: match &app.installed {
            Installed::Company(company) => company.clone(),
            Installed::Location(_) => "sandbox".to_owned(),
        },
        locations: Vec::new(),
        scopes: None,
    }
}

fn check_app(app: &Marketplace, client_id: &str, client_secret: &str) -> Result<(), Answer> {
    if (client_id, client_secret) == (app.client_id.as_str(), app.client_secret.expose()) {
        return Ok(());
    }
    Err(refused(StatusCode::UNAUTHORIZED, "invalid_client", "Invalid client credentials!"))
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
