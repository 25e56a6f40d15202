//! Issues tokens: `POST /oauth/token` for a refresh or a code, `POST /oauth/locationToken` for a location of an
//! agency, `GET /oauth/installedLocations` for the list of them. `consent` issues the codes.
//!
//! A refresh token is valid for one refresh; repeating the refresh within 30 seconds gets the same answer. GHL's
//! answer to a used token is not known; this one follows OAuth (RFC 6749, 5.2).

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use super::answer::{Handled, SandboxAnswer};
use super::ids::Ids;
use super::options::{Installed, Marketplace, OAuthOptions, SandboxTokens};
use super::request::SandboxRequest;
use super::scopes;
use super::stats::Stats;

/// How long the answer to a refresh can be repeated.
const REPEATED: Duration = Duration::from_secs(30);

/// Scopes of an app that was installed before the sandbox started.
const SCOPES: &str = "contacts.readonly contacts.write opportunities.readonly opportunities.write";

/// The tokens issued so far. Without an app, it issues none.
#[derive(Debug)]
pub(crate) struct Issuer {
    pub(super) app: Option<Marketplace>,
    refresh_tokens: HashMap<String, Refresh>,
    access_tokens: HashMap<String, AccessGrant>,
    pub(super) codes: HashMap<String, AuthorizationCode>,
    /// Whether the location, or its agency, is deactivated.
    inactive: bool,
    pub(super) ids: Ids,
    stats: Stats,
}

/// A refresh token.
#[derive(Debug)]
struct Refresh {
    of: Installation,
    /// Time of its use, and the answer.
    used: Option<(Duration, Value)>,
}

/// Where an app was installed, and its scopes.
#[derive(Debug, Clone)]
pub(super) struct Installation {
    pub(super) installed: Installed,
    /// The scopes that the user consented to; `None` if nobody was asked.
    pub(super) scopes: Option<BTreeSet<String>>,
}

/// A code that stands for a user's consent.
#[derive(Debug)]
pub(super) struct AuthorizationCode {
    pub(super) of: Installation,
    pub(super) redirect_uri: String,
    pub(super) until: Duration,
}

#[derive(Debug)]
struct AccessGrant {
    until: Duration,
    /// `None` means the agency itself.
    location: Option<String>,
    scopes: Option<BTreeSet<String>>,
}

impl Issuer {
    pub(crate) fn new(tokens: &SandboxTokens, marketplace: Option<Marketplace>, ids: Ids) -> Issuer {
        let (app, refresh_tokens) = match tokens {
            SandboxTokens::OAuth(app) => {
                let of = Installation { installed: app.installed.clone(), scopes: None };
                let token = app.refresh_token.expose().to_owned();
                (Some(of_installed(app)), HashMap::from([(token, Refresh { of, used: None })]))
            }
            SandboxTokens::Any(_) | SandboxTokens::PerLocation(_) => (None, HashMap::new()),
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

    /// The location that `token` is valid for, if it still is.
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

    /// Whether we issued `token`, but without the scope that `request` needs.
    pub(crate) fn is_not_for(&self, token: &str, request: &SandboxRequest) -> bool {
        let scopes = self.access_tokens.get(token).and_then(|granted| granted.scopes.as_ref());
        let (Some(scopes), Some(needed)) = (scopes, scopes::needed(request)) else { return false };
        !scopes.contains(&needed)
    }

    /// Answers a request to `/oauth/…`. `name_of` returns the name of a location.
    pub(crate) fn handle(
        &mut self,
        request: &SandboxRequest,
        now: Duration,
        name_of: impl Fn(&str) -> String,
    ) -> SandboxAnswer {
        if self.inactive {
            return SandboxAnswer::bad_request("Location is not active");
        }
        let handled = match (self.app.clone(), request.method.as_str(), request.segments().as_slice()) {
            (Some(app), "POST", ["oauth", "token"]) => match request.form("grant_type") {
                Some("authorization_code") => self.exchange(&app, request, now),
                _ => self.refresh(&app, request, now),
            },
            (Some(app), "POST", ["oauth", "locationToken"]) => self.location_token(&app, request, now),
            (Some(app), "GET", ["oauth", "installedLocations"]) => self.installed(&app, request, now, name_of),
            (_, method, _) => Err(SandboxAnswer::unknown_path(method, &request.path)),
        };
        handled.unwrap_or_else(|refusal| refusal)
    }

    /// `stats` with the counts of tokens.
    pub(crate) fn add_to(&self, stats: Stats) -> Stats {
        let Stats { token_refreshes, token_repeats, token_refusals, location_tokens, expired_tokens, .. } = self.stats;
        Stats { token_refreshes, token_repeats, token_refusals, location_tokens, expired_tokens, ..stats }
    }

    /// Exchanges a code for its first tokens, once. Like GHL, it checks the code first.
    fn exchange(&mut self, app: &Marketplace, request: &SandboxRequest, now: Duration) -> Handled {
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
        Ok(SandboxAnswer::ok(self.issue(app, of, now)))
    }

    fn refresh(&mut self, app: &Marketplace, request: &SandboxRequest, now: Duration) -> Handled {
        let [client_id, client_secret, grant_type, refresh_token] =
            fields(request, ["client_id", "client_secret", "grant_type", "refresh_token"])?;
        if grant_type != "refresh_token" {
            return Err(SandboxAnswer::unprocessable(["the sandbox plays refresh_token and authorization_code only"]));
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
        Ok(SandboxAnswer::ok(answer))
    }

    fn refuse_refresh(&mut self) -> SandboxAnswer {
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
        self.access_tokens.insert(access_token, AccessGrant { until: now + app.lifetime, location, scopes });
        answer
    }

    /// The agency token in a request.
    fn agency(&self, request: &SandboxRequest, now: Duration) -> Result<&AccessGrant, SandboxAnswer> {
        request.check_version()?;
        let granted = self.access_tokens.get(request.bearer().unwrap_or_default());
        let of_agency = granted.filter(|granted| now < granted.until && granted.location.is_none());
        of_agency.ok_or_else(|| SandboxAnswer::unauthorized("Invalid token: access token is invalid"))
    }

    fn location_token(&mut self, app: &Marketplace, request: &SandboxRequest, now: Duration) -> Handled {
        let scopes = self.agency(request, now)?.scopes.clone();
        let [company, location] = fields(request, ["companyId", "locationId"])?;
        let is_one = app.locations.is_empty() || app.locations.iter().any(|one| one == location);
        if app.company != company || !is_one {
            return Err(SandboxAnswer::wrong_location());
        }
        self.stats.location_tokens += 1;
        let mut answer = self.access(app, Some(location.to_owned()), scopes, now);
        answer["userType"] = json!("Location");
        Ok(SandboxAnswer::created(answer))
    }

    fn installed(
        &self,
        app: &Marketplace,
        request: &SandboxRequest,
        now: Duration,
        name_of: impl Fn(&str) -> String,
    ) -> Handled {
        let granted = self.agency(request, now)?;
        if granted.scopes.as_ref().is_some_and(|scopes| !scopes.contains("oauth.readonly")) {
            return Err(SandboxAnswer::missing_scope());
        }
        let app_id = app.client_id.split('-').next();
        if request.query("companyId") != Some(&app.company) || request.query("appId") != app_id {
            return Err(SandboxAnswer::unprocessable(["companyId and appId must be those of the token"]));
        }
        let number = |name, unless| request.query(name).and_then(|text| text.parse().ok()).unwrap_or(unless);
        let shown = app
            .locations
            .iter()
            .skip(number("skip", 0))
            .take(number("limit", 20).min(100))
            .map(|id| json!({ "_id": id, "name": name_of(id), "address": "1 Main Street", "isInstalled": true }));
        let shown: Vec<Value> = shown.collect();
        let count = app.locations.len();
        Ok(SandboxAnswer::ok(json!({ "locations": shown, "count": count, "installToFutureLocations": false })))
    }
}

/// An app that is already installed, with no locations to choose from.
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

fn check_app(app: &Marketplace, client_id: &str, client_secret: &str) -> Result<(), SandboxAnswer> {
    if (client_id, client_secret) == (app.client_id.as_str(), app.client_secret.expose()) {
        return Ok(());
    }
    Err(refused(StatusCode::UNAUTHORIZED, "invalid_client", "Invalid client credentials!"))
}

/// The values of these form fields. The error lists all missing ones at once.
fn fields<'r, const N: usize>(request: &'r SandboxRequest, names: [&str; N]) -> Result<[&'r str; N], SandboxAnswer> {
    let missing: Vec<String> = names
        .iter()
        .filter(|name| request.form(name).is_none())
        .map(|name| format!("{name} must be a string"))
        .collect();
    if !missing.is_empty() {
        return Err(SandboxAnswer::unprocessable(missing));
    }
    Ok(names.map(|name| request.form(name).unwrap_or_default()))
}

fn refused(status: StatusCode, error: &str, description: &str) -> SandboxAnswer {
    SandboxAnswer::json(status, json!({ "error": error, "error_description": description }))
}
