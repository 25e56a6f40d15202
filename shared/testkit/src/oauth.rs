//! GHL's token endpoints, simulated: refresh tokens that are valid for one refresh (its answer is repeated for 30
//! seconds), and access tokens that expire.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot;

use super::{TestClock, lock};
use ghl_sync_access::ports::{IssuedTokens, TokenEndpoint};
use ghl_sync_access::{REPEAT_WINDOW, TokenError};
use ghl_sync_engine::ports::Clock;
use ghl_sync_model::{EpochMs, LocationId, OAuthGrant, Secret};

/// Settings of the simulated endpoint.
#[derive(Debug, Clone)]
pub struct OAuthSettings {
    /// Lifetime of access tokens.
    pub lifetime: Duration,
    /// One-way network latency.
    pub network: Duration,
    /// How long a caller waits for an answer.
    pub timeout: Duration,
    /// User type of the tokens: `Location` or `Company`.
    pub user_type: &'static str,
}

impl Default for OAuthSettings {
    fn default() -> Self {
        OAuthSettings {
            lifetime: Duration::from_secs(86_400),
            network: Duration::from_millis(50),
            timeout: Duration::from_secs(4),
            user_type: "Location",
        }
    }
}

/// A fault of a token request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OAuthFault {
    /// The request takes effect, and its answer is lost.
    AnswerLost,
    /// The request has no effect, and there is no answer.
    Unanswered,
    /// The request has no effect, and the answer says so.
    NotDone,
    /// The request takes effect, and the answer takes this much longer.
    Late(Duration),
}

/// A [`TokenEndpoint`] in memory. A sent request arrives even if nobody waits for its answer any more.
#[derive(Clone)]
pub struct SimulatedOAuth(Arc<SharedOAuth>);

struct SharedOAuth {
    clock: TestClock,
    settings: OAuthSettings,
    state: Mutex<OAuthState>,
}

type Rule = Box<dyn Fn(u64) -> Option<OAuthFault> + Send>;

#[derive(Default)]
struct OAuthState {
    /// Refresh tokens: unused, or with the time and the answer of their use.
    refresh_tokens: BTreeMap<String, Option<(EpochMs, IssuedTokens)>>,
    access_tokens: BTreeMap<String, IssuedAccess>,
    requests: u64,
    refreshes: u64,
    repeats: u64,
    refused: u64,
    location_tokens: u64,
    last: u64,
    rule: Option<Rule>,
    inactive: bool,
    inactive_answers: u64,
}

struct IssuedAccess {
    expires_at: EpochMs,
    /// `None` means the grant's own location or agency.
    location: Option<LocationId>,
}

impl SimulatedOAuth {
    /// Creates an endpoint that has issued `refresh_token`.
    #[must_use]
    pub fn new(clock: TestClock, settings: OAuthSettings, refresh_token: &str) -> SimulatedOAuth {
        let oauth = SimulatedOAuth(Arc::new(SharedOAuth { clock, settings, state: Mutex::default() }));
        oauth.connect(refresh_token);
        oauth
    }

    /// Connects the app, which receives `refresh_token`.
    pub fn connect(&self, refresh_token: &str) {
        lock(&self.0.state).refresh_tokens.insert(refresh_token.to_owned(), None);
    }

    /// Disconnects the app: all tokens become invalid.
    pub fn disconnect(&self) {
        let mut state = lock(&self.0.state);
        state.refresh_tokens.clear();
        state.access_tokens.clear();
    }

    /// Deactivates the location (or its agency) in GHL, or reactivates it. While it is inactive, no token is issued
    /// and none is accepted for a call; refresh tokens stay valid.
    pub fn set_inactive(&self, inactive: bool) {
        lock(&self.0.state).inactive = inactive;
    }

    /// Number of requests answered with `Location is not active`.
    #[must_use]
    pub fn inactive_answers(&self) -> u64 {
        lock(&self.0.state).inactive_answers
    }

    /// Expires all access tokens; refresh tokens stay valid.
    pub fn expire_access_tokens(&self) {
        lock(&self.0.state).access_tokens.clear();
    }

    /// From now on, `rule` decides the fault of each request by its number, from 1.
    pub fn on_request(&self, rule: impl Fn(u64) -> Option<OAuthFault> + Send + 'static) {
        lock(&self.0.state).rule = Some(Box::new(rule));
    }

    /// Whether GHL accepts `token` for a call of `location`.
    #[must_use]
    pub fn accepts(&self, token: &Secret, location: &LocationId) -> bool {
        let state = lock(&self.0.state);
        let access = state.access_tokens.get(token.expose()).filter(|_| !state.inactive);
        let speaks_for = |access: &&IssuedAccess| match (&access.location, self.0.settings.user_type) {
            (Some(own), _) => own == location,
            (None, user_type) => user_type == "Location",
        };
        access.filter(speaks_for).is_some_and(|access| self.0.clock.now() < access.expires_at)
    }

    /// Number of refreshes that issued new tokens.
    #[must_use]
    pub fn refreshes(&self) -> u64 {
        lock(&self.0.state).refreshes
    }

    /// Number of refreshes that got the answer of an earlier one.
    #[must_use]
    pub fn repeats(&self) -> u64 {
        lock(&self.0.state).repeats
    }

    /// Number of refreshes with an invalid token.
    #[must_use]
    pub fn refused(&self) -> u64 {
        lock(&self.0.state).refused
    }

    /// Number of tokens issued for locations of the agency.
    #[must_use]
    pub fn location_tokens(&self) -> u64 {
        lock(&self.0.state).location_tokens
    }

    /// Sends a request, which `done` answers on arrival.
    async fn request(
        &self,
        done: impl FnOnce(&SharedOAuth) -> Result<IssuedTokens, TokenError> + Send + 'static,
    ) -> Result<IssuedTokens, TokenError> {
        let (answer, answered) = oneshot::channel();
        let shared = self.0.clone();
        tokio::spawn(async move {
            let fault = {
                let mut state = lock(&shared.state);
                state.requests += 1;
                let number = state.requests;
                state.rule.as_ref().and_then(|rule| rule(number))
            };
            tokio::time::sleep(shared.settings.network).await;
            let result = match fault {
                Some(OAuthFault::Unanswered) => std::future::pending().await,
                Some(OAuthFault::NotDone) => Err(TokenError::NotDone("too many requests".to_owned())),
                _ => done(&shared),
            };
            match fault {
                Some(OAuthFault::AnswerLost) => std::future::pending().await,
                Some(OAuthFault::Late(delay)) => tokio::time::sleep(delay).await,
                _ => {}
            }
            tokio::time::sleep(shared.settings.network).await;
            let _ = answer.send(result); // the caller may be gone
        });
        match tokio::time::timeout(self.0.settings.timeout, answered).await {
            Ok(Ok(result)) => result,
            _ => Err(TokenError::Unanswered("the time was up".to_owned())),
        }
    }
}

impl SharedOAuth {
    fn refresh(&self, refresh_token: &str) -> Result<IssuedTokens, TokenError> {
        let now = self.clock.now();
        let mut state = lock(&self.state);
        state.active()?;
        match state.refresh_tokens.get(refresh_token) {
            Some(None) => {
                let issued = state.issue(now + self.settings.lifetime, None, &self.settings);
                state.refreshes += 1;
                let next = issued.refresh.as_ref().map(|next| next.expose().to_owned());
                state.refresh_tokens.extend(next.map(|next| (next, None)));
                state.refresh_tokens.insert(refresh_token.to_owned(), Some((now, issued.clone())));
                Ok(issued)
            }
            Some(Some((used_at, issued))) if now < *used_at + REPEAT_WINDOW => {
                let issued = issued.clone();
                state.repeats += 1;
                Ok(issued)
            }
            _ => {
                state.refused += 1;
                Err(TokenError::Refused("invalid_grant".to_owned()))
            }
        }
    }

    fn location_token(&self, company_token: &str, location: LocationId) -> Result<IssuedTokens, TokenError> {
        let now = self.clock.now();
        let mut state = lock(&self.state);
        state.active()?;
        let company = state.access_tokens.get(company_token);
        if company.is_none_or(|access| access.expires_at <= now || access.location.is_some()) {
            return Err(TokenError::AgencyToken("Invalid token: access token is invalid".to_owned()));
        }
        state.location_tokens += 1;
        let issued = state.issue(now + self.settings.lifetime, Some(location), &self.settings);
        Ok(IssuedTokens { refresh: None, user_type: None, ..issued })
    }
}

impl OAuthState {
    fn active(&mut self) -> Result<(), TokenError> {
        if self.inactive {
            self.inactive_answers += 1;
            return Err(TokenError::Inactive("400 Location is not active".to_owned()));
        }
        Ok(())
    }

    fn issue(&mut self, expires_at: EpochMs, location: Option<LocationId>, settings: &OAuthSettings) -> IssuedTokens {
        self.last += 1;
        let access = format!("access-{}", self.last);
        self.access_tokens.insert(access.clone(), IssuedAccess { expires_at, location });
        IssuedTokens {
            access: Secret::new(access),
            refresh: Some(Secret::new(format!("refresh-{}", self.last))),
            expires_in: settings.lifetime,
            user_type: Some(settings.user_type.to_owned()),
        }
    }
}

#[async_trait]
impl TokenEndpoint for SimulatedOAuth {
    async fn refresh(&self, _: &OAuthGrant, refresh_token: &Secret) -> Result<IssuedTokens, TokenError> {
        let refresh_token = refresh_token.clone();
        self.request(move |shared| shared.refresh(refresh_token.expose())).await
    }

    async fn location_token(
        &self,
        company_token: &Secret,
        _: &str,
        location: &LocationId,
    ) -> Result<IssuedTokens, TokenError> {
        let (company_token, location) = (company_token.clone(), location.clone());
        self.request(move |shared| shared.location_token(company_token.expose(), location)).await
    }
}
