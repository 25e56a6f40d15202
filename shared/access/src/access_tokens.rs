//! Access tokens for calls, derived from a location's credentials and renewed in time by one invocation for all.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures::lock::Mutex;

use crate::ports::{IssuedTokens, SecretError, SecretStore, TokenEndpoint};
use crate::token_source::{TokenSource, TokenSubject};
use crate::{AccessToken, TokenEntry, TokenError, TokenQuery, TokenStep};
use ghl_sync_engine::ports::{Clock, Entry, PortError, Replaced, Versioned};
use ghl_sync_engine::usecase::{Event, EventSink};
use ghl_sync_model::{
    Api, Credentials, CredentialsKind, CredentialsRef, EpochMs, Holder, KnownCredentials, LocationId, Secret,
};

/// How long credentials read from a secret store are used without reading them again.
const SECRET_AGE: Duration = Duration::from_secs(300);
/// Credentials that GHL refuses are read again after this: somebody may have connected the app again.
const REFUSED_SECRET_AGE: Duration = Duration::from_secs(1);
/// How often a process that waits for another's refresh checks for the result.
const POLL: Duration = Duration::from_millis(250);
/// Refresh attempts in a row while the answer gets lost.
const TRIES: u32 = 2;
/// Attempts to store new tokens.
const STORE_TRIES: u32 = 3;
const STORE_PAUSE: Duration = Duration::from_millis(200);
/// A refresh token expires if it is not used for this long.
const UNUSED_FOR: Duration = Duration::from_secs(365 * 86_400);
/// Appended to the error for a location that is not active.
const WAITS: &str = "the credentials are good: once the location is active again, the sync goes on by itself";

/// The ports that tokens need.
#[derive(Clone)]
pub struct TokenPorts {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where credentials are stored.
    pub secrets: Arc<dyn SecretStore>,
    /// Where issued tokens are stored.
    pub tokens: Versioned<TokenEntry>,
    /// Where GHL issues tokens.
    pub endpoint: Arc<dyn TokenEndpoint>,
    /// Logs and metrics.
    pub sink: Arc<dyn EventSink>,
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoToken {
    /// The credentials are unusable until a person fixes them.
    #[error("{0}")]
    Refused(String),
    /// GHL issues no token for this location until it is active again. The credentials need no fixing.
    #[error("{0}")]
    Inactive(String),
    /// No token at the moment; a later try may succeed.
    #[error("{0}")]
    Unavailable(String),
}

/// The tokens of all locations. There is one instance per process, and it caches what it has read.
///
/// Any of its futures may be dropped at any await, for example when a call takes too long: the next caller resumes
/// the interrupted work.
pub struct AccessTokens {
    ports: TokenPorts,
    /// This process, under a unique name.
    holder: Holder,
    clock_skew: Duration,
    secrets: Shelf<CredentialsRef, Option<ReadSecret>>,
    tokens: Shelf<String, CachedToken>,
}

/// Values by key, each behind its own lock.
type Shelf<K, V> = std::sync::Mutex<BTreeMap<K, Arc<Mutex<V>>>>;

/// Credentials, and the time at which they were read.
struct ReadSecret {
    credentials: Credentials,
    at: EpochMs,
}

/// This process's knowledge about one token.
#[derive(Default)]
struct CachedToken {
    /// The stored entry as last seen.
    seen: Option<Entry<TokenEntry>>,
    /// New tokens that are not stored yet. They are not used before that.
    unsaved: Option<Unsaved>,
    /// An access token that GHL refused.
    refused: Option<Secret>,
}

impl AccessTokens {
    /// The tokens from the perspective of `holder`, a name that no other process has.
    #[must_use]
    pub fn new(ports: TokenPorts, holder: Holder, clock_skew: Duration) -> AccessTokens {
        AccessTokens { ports, holder, clock_skew, secrets: Shelf::default(), tokens: Shelf::default() }
    }

    /// The token for the next call of `location`, whose credentials are at `credentials`.
    ///
    /// # Errors
    /// [`NoToken`] says whether a person must act, and how.
    pub async fn of(&self, location: &LocationId, credentials: &CredentialsRef) -> Result<Secret, NoToken> {
        let subject = TokenSubject { location, credentials };
        let known = self.credentials(subject).await?;
        match self.token_of(&known, subject).await {
            Err(none @ (NoToken::Refused(_) | NoToken::Inactive(_))) => {
                match self.others_in_place_of(&known, subject, REFUSED_SECRET_AGE).await {
                    Some(others) => self.token_of(&others, subject).await,
                    None => Err(none),
                }
            }
            token => token,
        }
    }

    async fn token_of(&self, credentials: &Credentials, subject: TokenSubject<'_>) -> Result<Secret, NoToken> {
        match credentials {
            Credentials::Token(token) => Ok(token.clone()),
            Credentials::OAuth(grant) => self.token(&TokenSource::for_calls(grant), subject).await.map(|it| it.token),
        }
    }

    /// The credentials that have replaced the `refused` ones. The secret store is read, unless that happened within
    /// `asked_within`.
    async fn others_in_place_of(
        &self,
        refused: &Credentials,
        subject: TokenSubject<'_>,
        asked_within: Duration,
    ) -> Option<Credentials> {
        {
            let known = shelved(&self.secrets, subject.credentials.clone());
            let mut known = known.lock().await;
            let known = known.as_mut()?;
            // A concurrent caller with the same refused credentials may already have read newer ones.
            if known.credentials == *refused {
                if self.ports.clock.now().since(known.at) < asked_within {
                    return None;
                }
                // If the store does not answer now, the known credentials are all there is.
                known.at = EpochMs(0);
            }
        }
        self.credentials(subject).await.ok().filter(|now| now != refused)
    }

    /// Type and expiry of the credentials of `location` at `credentials`, without the secrets; `None` if they cannot
    /// be read. An app's credentials expire one year after their last renewal, because an unused refresh token does.
    pub async fn known(
        &self,
        location: &LocationId,
        credentials: &CredentialsRef,
        api: Api,
    ) -> Option<KnownCredentials> {
        let of = |kind, expires_at| Some(KnownCredentials { reference: credentials.clone(), kind, expires_at });
        match (self.credentials(TokenSubject { location, credentials }).await.ok()?, api) {
            (Credentials::Token(_), Api::V1) => of(CredentialsKind::ApiKey, None),
            (Credentials::Token(_), Api::V2) => of(CredentialsKind::PrivateIntegration, None),
            (Credentials::OAuth(grant), _) => {
                // An agency's refresh token is that of the grant, for all its locations.
                let stored = self.ports.tokens.load(&TokenSource::Grant(&grant).key(location)).await.ok()?;
                let renewed_at = stored.and_then(|stored| stored.value.access?.issued_at);
                of(CredentialsKind::Oauth, renewed_at.map(|at| at + UNUSED_FOR))
            }
        }
    }

    /// Rejects `credentials` because they belong to another location: reports it, and says what to fix.
    pub fn reject(&self, location: &LocationId, credentials: &CredentialsRef, problem: String) -> NoToken {
        self.refuse_credentials(TokenSubject { location, credentials }, problem)
    }

    /// Notes that GHL refused `token` in a call of `location`. Returns whether another token is available: the next
    /// [`AccessTokens::of`] then returns it.
    pub async fn refused(&self, location: &LocationId, credentials: &CredentialsRef, token: &Secret) -> bool {
        let subject = TokenSubject { location, credentials };
        let Ok(known) = self.credentials(subject).await else { return false };
        let is_another = match &known {
            Credentials::Token(known) => known != token,
            Credentials::OAuth(grant) => self.refuse(&TokenSource::for_calls(grant), subject, token).await,
        };
        // Somebody may have replaced them since they were read.
        is_another || self.others_in_place_of(&known, subject, Duration::ZERO).await.is_some()
    }

    /// Notes that GHL objected to the subject of `token` in a call of `location`, so that another token from the same
    /// credentials would be refused, too. Returns whether the credentials were replaced: the next
    /// [`AccessTokens::of`] then uses the new ones.
    pub async fn replaced(&self, location: &LocationId, credentials: &CredentialsRef, token: &Secret) -> bool {
        let subject = TokenSubject { location, credentials };
        let Ok(known) = self.credentials(subject).await else { return false };
        let is_of_known = match &known {
            Credentials::Token(known) => known == token,
            Credentials::OAuth(grant) => {
                let held = shelved(&self.tokens, TokenSource::for_calls(grant).key(location));
                let held = held.lock().await;
                let newest = held.seen.as_ref().and_then(|entry| entry.value.access.as_ref());
                newest.is_some_and(|access| access.token == *token)
            }
        };
        !is_of_known || self.others_in_place_of(&known, subject, Duration::ZERO).await.is_some()
    }

    async fn refuse(&self, source: &TokenSource<'_>, subject: TokenSubject<'_>, token: &Secret) -> bool {
        let held = shelved(&self.tokens, source.key(subject.location));
        let mut held = held.lock().await;
        let Some(access) = held.seen.as_ref().and_then(|entry| entry.value.access.as_ref()) else { return true };
        let is_newest = access.token == *token;
        if is_newest && (access.is_young(self.ports.clock.now()) || held.refused.as_ref() == Some(token)) {
            return false;
        }
        if is_newest {
            held.refused = Some(token.clone());
        }
        true
    }

    /// The credentials, read again if they are too old; old ones if their store does not answer.
    async fn credentials(&self, subject: TokenSubject<'_>) -> Result<Credentials, NoToken> {
        let known = shelved(&self.secrets, subject.credentials.clone());
        let mut known = known.lock().await;
        let now = self.ports.clock.now();
        if let Some(known) = known.as_ref().filter(|known| now.since(known.at) < SECRET_AGE) {
            return Ok(known.credentials.clone());
        }
        let text = match (self.ports.secrets.read(subject.credentials).await, known.as_ref()) {
            (Ok(text), _) => text,
            (Err(SecretError::Port(_)), Some(known)) => return Ok(known.credentials.clone()),
            (Err(SecretError::Port(error)), None) => return Err(unavailable(&error)),
            (Err(SecretError::Missing(problem)), _) => return Err(self.refuse_credentials(subject, problem)),
        };
        match Credentials::parse(text.expose()) {
            Ok(credentials) => {
                *known = Some(ReadSecret { credentials: credentials.clone(), at: now });
                Ok(credentials)
            }
            Err(problem) => Err(self.refuse_credentials(subject, format!("what it holds {problem}"))),
        }
    }

    /// The token of `source`: from memory, from the store, or renewed.
    async fn token(&self, source: &TokenSource<'_>, subject: TokenSubject<'_>) -> Result<AccessToken, NoToken> {
        let key = source.key(subject.location);
        let held = shelved(&self.tokens, key.clone());
        let mut held = held.lock().await;
        if let Err(none) = self.save(&key, &mut held).await {
            return held.good(self.ports.clock.now()).ok_or(none);
        }
        // Only a valid token in memory is certain to be no older than the stored one.
        if let Some(TokenStep::Use(token)) = held.seen.as_ref().map(|entry| self.step(source, &entry.value, &held)) {
            return Ok(token);
        }
        loop {
            let stored = match self.ports.tokens.load(&key).await {
                Ok(stored) => stored.unwrap_or_else(|| source.seed()),
                // A token that is still valid does not wait for the store.
                Err(error) => return held.good(self.ports.clock.now()).ok_or_else(|| unavailable(&error)),
            };
            let step = self.step(source, &stored.value, &held);
            let rev = stored.rev;
            held.seen = Some(stored);
            match step {
                TokenStep::Use(token) => return Ok(token),
                TokenStep::Refused(reason) => return Err(NoToken::Refused(source.mend(subject, &reason))),
                TokenStep::Inactive(reason) => return Err(NoToken::Inactive(format!("{reason}; {WAITS}"))),
                TokenStep::WaitUntil(at) => {
                    self.ports.clock.sleep_until(at.min(self.ports.clock.now() + POLL)).await;
                }
                TokenStep::Renew(leased) => {
                    if let Err(none) = self.renew(source, subject, &key, &mut held, Entry { rev, value: leased }).await
                    {
                        return held.good(self.ports.clock.now()).ok_or(none);
                    }
                }
            }
        }
    }

    fn step(&self, source: &TokenSource<'_>, entry: &TokenEntry, held: &CachedToken) -> TokenStep {
        let shows = source.shows(entry);
        let not = held.refused.as_ref();
        let asking = TokenQuery { holder: &self.holder, clock_skew: self.clock_skew, not, shows: &shows };
        entry.step(self.ports.clock.now(), &asking)
    }

    /// Stores the lease over the entry of that revision, requests new tokens, and stores the result.
    async fn renew(
        &self,
        source: &TokenSource<'_>,
        subject: TokenSubject<'_>,
        key: &str,
        held: &mut CachedToken,
        Entry { rev, value: leased }: Entry<TokenEntry>,
    ) -> Result<(), NoToken> {
        let agency = match source {
            TokenSource::Grant(_) => None,
            TokenSource::OfAgency { grant, .. } => {
                Some(Box::pin(self.token(&TokenSource::Grant(grant), subject)).await?)
            }
        };
        let rev = match self.ports.tokens.replace(key, rev, &leased).await {
            Ok(Replaced::Written { rev }) => rev,
            // Another process was faster.
            Ok(Replaced::Conflict(_)) => return Ok(()),
            Err(error) => return Err(unavailable(&error)),
        };
        let asked_at = self.ports.clock.now();
        let issued = self.obtain(source, subject, &leased, agency).await;
        let now = self.ports.clock.now();
        let entry = match issued {
            Ok(issued) => source.renewed(&leased, issued, asked_at, now),
            Err(error) => leased.failed(now, &error, &source.shows(&leased)),
        };
        self.note(source, subject, &entry, now);
        // From here until it is stored, it must not be lost, even if this very future is dropped.
        held.unsaved = Some(Unsaved { over: rev, entry, showed: leased.refresh });
        self.save(key, held).await
    }

    /// Requests new tokens from GHL. A lost answer is requested again, since GHL repeats it.
    async fn obtain(
        &self,
        source: &TokenSource<'_>,
        subject: TokenSubject<'_>,
        leased: &TokenEntry,
        agency: Option<AccessToken>,
    ) -> Result<IssuedTokens, TokenError> {
        let endpoint = &self.ports.endpoint;
        let mut tries = 1;
        loop {
            let issued = match (source, &agency) {
                (TokenSource::OfAgency { company_id, .. }, Some(agency)) => {
                    endpoint.location_token(&agency.token, company_id, subject.location).await
                }
                (TokenSource::Grant(grant) | TokenSource::OfAgency { grant, .. }, _) => {
                    endpoint.refresh(grant, leased.refresh.as_ref().unwrap_or(&grant.refresh_token)).await
                }
            };
            match (issued, source, &agency) {
                (Err(TokenError::Unanswered(_)), ..) if tries < TRIES => tries += 1,
                (Err(TokenError::AgencyToken(reason)), TokenSource::OfAgency { grant, .. }, Some(agency)) => {
                    let another = self.refuse(&TokenSource::Grant(grant), subject, &agency.token).await;
                    let error = if another { TokenError::NotDone } else { TokenError::Refused };
                    return Err(error(reason));
                }
                (issued, ..) => return issued,
            }
        }
    }

    /// Stores the tokens that are not stored yet.
    async fn save(&self, key: &str, held: &mut CachedToken) -> Result<(), NoToken> {
        let mut tries = 1;
        while let Some(unsaved) = &mut held.unsaved {
            match self.ports.tokens.replace(key, unsaved.over, &unsaved.entry).await {
                Ok(Replaced::Written { rev }) => {
                    held.seen = held.unsaved.take().map(|unsaved| Entry { rev, value: unsaved.entry });
                }
                Ok(Replaced::Conflict(standing)) => {
                    let standing = standing.unwrap_or_default();
                    match unsaved.is_better_than(&standing.value) {
                        true => unsaved.over = standing.rev,
                        false => held.unsaved = None,
                    }
                }
                Err(error) if tries == STORE_TRIES => return Err(unavailable(&error)),
                Err(_) => {
                    tries += 1;
                    self.ports.clock.sleep_until(self.ports.clock.now() + STORE_PAUSE).await;
                }
            }
        }
        Ok(())
    }

    fn note(&self, source: &TokenSource<'_>, subject: TokenSubject<'_>, entry: &TokenEntry, now: EpochMs) {
        let TokenSubject { location, credentials } = subject;
        let event = match (&entry.trouble, &entry.access) {
            (Some(trouble), _) if trouble.refused.is_some() => {
                let reason = source.mend(subject, &trouble.reason);
                return self.ports.sink.emit(&Event::CredentialsRefused { location, credentials, reason: &reason });
            }
            (Some(trouble), _) => Event::TokensDelayed { location, credentials, reason: &trouble.reason },
            (None, Some(access)) => {
                Event::TokensIssued { location, credentials, good_for: now.until(access.expires_at) }
            }
            (None, None) => return,
        };
        self.ports.sink.emit(&event);
    }

    /// Reports that the credentials themselves are unusable.
    fn refuse_credentials(&self, subject: TokenSubject<'_>, problem: String) -> NoToken {
        let TokenSubject { location, credentials } = subject;
        let reason = format!("the credentials at {credentials} cannot be used: {problem}");
        self.ports.sink.emit(&Event::CredentialsRefused { location, credentials, reason: &reason });
        NoToken::Refused(reason)
    }
}

/// A result of a refresh, new tokens or a failure, that is not stored yet.
struct Unsaved {
    /// The revision of the entry to replace.
    over: u64,
    entry: TokenEntry,
    /// The refresh token that was used, in the sense of [`TokenEntry::refresh`].
    showed: Option<Secret>,
}

impl Unsaved {
    /// Whether it should replace the entry that another process has stored since. New tokens give way only to newer
    /// ones: while the refresh token that they came from is still stored, nobody has newer ones.
    fn is_better_than(&self, standing: &TokenEntry) -> bool {
        let is_new = self.entry.trouble.is_none() && self.entry.refresh != self.showed;
        is_new && standing.refresh == self.showed
    }
}

impl CachedToken {
    /// A valid token, whether or not it is due for renewal.
    fn good(&self, now: EpochMs) -> Option<AccessToken> {
        let access = self.seen.as_ref()?.value.access.as_ref()?;
        (access.is_good(now) && self.refused.as_ref() != Some(&access.token)).then(|| access.clone())
    }
}

fn unavailable(error: &PortError) -> NoToken {
    NoToken::Unavailable(format!("there is no token at the moment: {error}"))
}

/// The entry of `shelf` for `key`.
fn shelved<K: Ord, V: Default>(shelf: &Shelf<K, V>, key: K) -> Arc<Mutex<V>> {
    shelf.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default().clone()
}
