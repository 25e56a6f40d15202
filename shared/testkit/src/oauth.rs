//! GHL's token endpoints, simulated: refresh tokens that are good for one refresh, whose answer is repeated for 30
//! seconds, and access tokens that expire.

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

/// How the simulated endpoint behaves.
#[derive(Debug, Clone)]
pub struct OAuthSettings {
    /// How long access tokens are good.
    pub lifetime: Duration,
    /// What the network takes one way.
    pub network: Duration,
    /// How long a caller waits for an answer.
    pub timeout: Duration,
    /// For whom the tokens speak: `Location` or `Company`.
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

/// What goes wrong with a request for tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OAuthFault {
    /// It is done, and its answer is lost.
    AnswerLost,
    /// It is not done, and there is no answer.
    Unanswered,
    /// It is not done, and the answer says so.
    NotDone,
    /// It is done, and the answer takes so much longer.
    Late(Duration),
}

/// A [`TokenEndpoint`] in memory. What was sent arrives, whoever still waits for the answer.
#[derive(Clone)]
pub struct SimulatedOAuth(Arc<Shared>);

struct Shared {
    clock: TestClock,
    settings: OAuthSettings,
    state: Mutex<State>,
}

type Rule = Box<dyn Fn(u64) -> Option<OAuthFault> + Send>;

#[derive(Default)]
struct State {
    /// Refresh tokens: unused, or what they were used for and when.
    refresh_tokens: BTreeMap<String, Option<(EpochMs, IssuedTokens)>>,
    access_tokens: BTreeMap<String, Access>,
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

struct Access {
    expires_at: EpochMs,
    /// `None` speaks for the grant's own location or agency.
    location: Option<LocationId>,
}

impl SimulatedOAuth {
    /// An endpoint that has issued `refresh_token`.
    #[must_use]
    pub fn new(clock: TestClock, settings: OAuthSettings, refresh_token: &str) -> SimulatedOAuth {
        let oauth = SimulatedOAuth(Arc::new(Shared { clock, settings, state: Mutex::default() }));
        oauth.connect(refresh_token);
        oauth
    }

    /// Somebody connects the app, and is given `refresh_token`.
    pub fn connect(&self, refresh_token: &str) {
        lock(&self.0.state).refresh_tokens.insert(refresh_token.to_owned(), None);
    }

    /// Somebody disconnects the app: no token is good any more.
    pub fn disconnect(&self) {
        let mut state = lock(&self.0.state);
        state.refresh_tokens.clear();
        state.access_tokens.clear();
    }

    /// The location (or its agency) is switched off in GHL, or on again. While it is off no token is issued, and none is
    /// accepted for a call; refresh tokens stay as they are.
    pub fn set_inactive(&self, inactive: bool) {
        lock(&self.0.state).inactive = inactive;
    }

    /// Requests that were answered `Location is not active`.
    #[must_use]
    pub fn inactive_answers(&self) -> u64 {
        lock(&self.0.state).inactive_answers
    }

    /// No access token is good any more; refresh tokens are.
    pub fn expire_access_tokens(&self) {
        lock(&self.0.state).access_tokens.clear();
    }

    /// Asks `rule` what goes wrong with the request of each number, from 1.
    pub fn on_request(&self, rule: impl Fn(u64) -> Option<OAuthFault> + Send + 'static) {
        lock(&self.0.state).rule = Some(Box::new(rule));
    }

    /// Whether GHL accepts `token` for a call of `location`.
    #[must_use]
    pub fn accepts(&self, token: &Secret, location: &LocationId) -> bool {
        let state = lock(&self.0.state);
        let access = state.access_tokens.get(token.expose()).filter(|_| !state.inactive);
        let speaks_for = |access: &&Access| match (&access.location, self.0.settings.user_type) {
            (Some(own), _) => own == location,
            (None, user_type) => user_type == "Location",
        };
        access.filter(speaks_for).is_some_and(|access| self.0.clock.now() < access.expires_at)
    }

    /// Refreshes that issued new tokens.
    #[must_use]
    pub fn refreshes(&self) -> u64 {
        lock(&self.0.state).refreshes
    }

    /// Refreshes that got the answer of one before.
    #[must_use]
    pub fn repeats(&self) -> u64 {
        lock(&self.0.state).repeats
    }

    /// Refreshes with a token that was not good any more.
    #[must_use]
    pub fn refused(&self) -> u64 {
        lock(&self.0.state).refused
    }

    /// Tokens that were issued for locations of the agency.
    #[must_use]
    pub fn location_tokens(&self) -> u64 {
        lock(&self.0.state).location_tokens
    }

    /// Sends a request, which `done` answers where it arrives.
    async fn request(
        &self,
        done: impl FnOnce(&Shared) -> Result<IssuedTokens, TokenError> + Send + 'static,
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
            let _ = answer.send(result); // whoever asked may be gone
        });
        match tokio::time::timeout(self.0.settings.timeout, answered).await {
            Ok(Ok(result)) => result,
            _ => Err(TokenError::Unanswered("the time was up".to_owned())),
        }
    }
}

impl Shared {
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

impl State {
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
        self.access_tokens.insert(access.clone(), Access { expires_at, location });
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
