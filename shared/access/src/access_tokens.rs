//! The token for a call: from the location's credentials, renewed in time, by one invocation of all.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures::lock::Mutex;

use crate::ports::{IssuedTokens, SecretError, SecretStore, TokenEndpoint};
use crate::token_source::{Source, Subject};
use crate::{AccessToken, Asking, TokenEntry, TokenError, TokenStep};
use ghl_sync_engine::ports::{Clock, Entry, EventSink, PortError, Replaced, Versioned};
use ghl_sync_engine::usecase::Event;
use ghl_sync_model::{
    Api, Credentials, CredentialsKind, CredentialsRef, EpochMs, Holder, KnownCredentials, LocationId, Secret,
};

/// How long what was read from a store of secrets is taken for true.
const SECRET_AGE: Duration = Duration::from_secs(300);
/// What GHL refuses is read again after this: somebody may have connected the app anew.
const REFUSED_SECRET_AGE: Duration = Duration::from_secs(1);
/// How often whoever waits for another invocation's refresh looks.
const POLL: Duration = Duration::from_millis(250);
/// Refreshes in a row, as long as the answer is lost.
const TRIES: u32 = 2;
/// Tries to write new tokens down.
const STORE_TRIES: u32 = 3;
const STORE_PAUSE: Duration = Duration::from_millis(200);
/// A refresh token that nobody has used for so long is good no more.
const UNUSED_FOR: Duration = Duration::from_secs(365 * 86_400);
/// What follows from a location that is not active.
const WAITS: &str = "the credentials are good: once the location is active again, the sync goes on by itself";

/// The world, as far as tokens are concerned.
#[derive(Clone)]
pub struct TokenPorts {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where credentials are kept.
    pub secrets: Arc<dyn SecretStore>,
    /// Where issued tokens are kept.
    pub tokens: Versioned<TokenEntry>,
    /// Where GHL issues them.
    pub endpoint: Arc<dyn TokenEndpoint>,
    /// Logs and metrics.
    pub sink: Arc<dyn EventSink>,
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoToken {
    /// The credentials are of no use until a person mends them.
    #[error("{0}")]
    Refused(String),
    /// GHL issues none for this location until it is active again. Nobody need mend the credentials.
    #[error("{0}")]
    Inactive(String),
    /// Not at the moment.
    #[error("{0}")]
    Unavailable(String),
}

/// The tokens of all locations. One per process: it keeps what it has learned.
///
/// Any of its futures may be dropped at any await, as by a call that takes too long: what was under way is taken up
/// again by the next one who asks.
pub struct AccessTokens {
    ports: TokenPorts,
    /// This process, unlike any other.
    holder: Holder,
    clock_skew: Duration,
    secrets: Shelf<CredentialsRef, Option<ReadSecret>>,
    tokens: Shelf<String, Held>,
}

/// Things by key, each behind a lock of its own.
type Shelf<K, V> = std::sync::Mutex<BTreeMap<K, Arc<Mutex<V>>>>;

/// Credentials, and when they were read.
struct ReadSecret {
    credentials: Credentials,
    at: EpochMs,
}

/// What this process knows of one token.
#[derive(Default)]
struct Held {
    /// The entry as it was stored when it was seen last.
    seen: Option<Entry<TokenEntry>>,
    /// New tokens that are not written down yet. Nobody uses them before.
    unsaved: Option<Unsaved>,
    /// An access token that GHL did not accept.
    refused: Option<Secret>,
}

impl AccessTokens {
    /// The tokens as `holder`, a name that no other process has, sees them.
    #[must_use]
    pub fn new(ports: TokenPorts, holder: Holder, clock_skew: Duration) -> AccessTokens {
        AccessTokens { ports, holder, clock_skew, secrets: Shelf::default(), tokens: Shelf::default() }
    }

    /// The token for the next call of `location`, whose credentials are at `credentials`.
    ///
    /// # Errors
    /// [`NoToken`] says whether a person must do something, and what.
    pub async fn of(&self, location: &LocationId, credentials: &CredentialsRef) -> Result<Secret, NoToken> {
        let subject = Subject { location, credentials };
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

    async fn token_of(&self, credentials: &Credentials, subject: Subject<'_>) -> Result<Secret, NoToken> {
        match credentials {
            Credentials::Token(token) => Ok(token.clone()),
            Credentials::OAuth(grant) => self.token(&Source::for_calls(grant), subject).await.map(|it| it.token),
        }
    }

    /// The credentials that somebody has put in the place of `refused`, which GHL does not accept. Their store is asked,
    /// unless it was within `asked_within`.
    async fn others_in_place_of(
        &self,
        refused: &Credentials,
        subject: Subject<'_>,
        asked_within: Duration,
    ) -> Option<Credentials> {
        {
            let known = shelved(&self.secrets, subject.credentials.clone());
            let mut known = known.lock().await;
            let known = known.as_mut()?;
            // Whoever met the refused ones at the same time may have read others already.
            if known.credentials == *refused {
                if self.ports.clock.now().since(known.at) < asked_within {
                    return None;
                }
                // Should the store not answer now, what is known is all there is.
                known.at = EpochMs(0);
            }
        }
        self.credentials(subject).await.ok().filter(|now| now != refused)
    }

    /// What the credentials of `location`, at `credentials`, are, without them; `None` if they cannot be read. Those of an
    /// app end a year after they were renewed last: then the refresh token that nobody has used is good no more.
    pub async fn known(
        &self,
        location: &LocationId,
        credentials: &CredentialsRef,
        api: Api,
    ) -> Option<KnownCredentials> {
        let of = |kind, expires_at| Some(KnownCredentials { reference: credentials.clone(), kind, expires_at });
        match (self.credentials(Subject { location, credentials }).await.ok()?, api) {
            (Credentials::Token(_), Api::V1) => of(CredentialsKind::ApiKey, None),
            (Credentials::Token(_), Api::V2) => of(CredentialsKind::PrivateIntegration, None),
            (Credentials::OAuth(grant), _) => {
                // An agency's refresh token is that of the grant, whatever the location.
                let stored = self.ports.tokens.load(&Source::Grant(&grant).key(location)).await.ok()?;
                let renewed_at = stored.and_then(|stored| stored.value.access?.issued_at);
                of(CredentialsKind::Oauth, renewed_at.map(|at| at + UNUSED_FOR))
            }
        }
    }

    /// Takes no token from `credentials`, because they are not for `location`: tells of it, and says what is to be mended.
    pub fn reject(&self, location: &LocationId, credentials: &CredentialsRef, problem: String) -> NoToken {
        self.refuse_credentials(Subject { location, credentials }, problem)
    }

    /// GHL did not accept `token` for a call of `location`. Returns whether another one can be had: then the next
    /// [`AccessTokens::of`] gets it.
    pub async fn refused(&self, location: &LocationId, credentials: &CredentialsRef, token: &Secret) -> bool {
        let subject = Subject { location, credentials };
        let Ok(known) = self.credentials(subject).await else { return false };
        let is_another = match &known {
            Credentials::Token(known) => known != token,
            Credentials::OAuth(grant) => self.refuse(&Source::for_calls(grant), subject, token).await,
        };
        // Somebody may have replaced them since they were read.
        is_another || self.others_in_place_of(&known, subject, Duration::ZERO).await.is_some()
    }

    /// GHL found fault with what `token` is for, at a call of `location`: another one of the same credentials would not be
    /// accepted either. Returns whether there are others in their place: then the next [`AccessTokens::of`] gets theirs.
    pub async fn replaced(&self, location: &LocationId, credentials: &CredentialsRef, token: &Secret) -> bool {
        let subject = Subject { location, credentials };
        let Ok(known) = self.credentials(subject).await else { return false };
        let is_of_known = match &known {
            Credentials::Token(known) => known == token,
            Credentials::OAuth(grant) => {
                let held = shelved(&self.tokens, Source::for_calls(grant).key(location));
                let held = held.lock().await;
                let newest = held.seen.as_ref().and_then(|entry| entry.value.access.as_ref());
                newest.is_some_and(|access| access.token == *token)
            }
        };
        !is_of_known || self.others_in_place_of(&known, subject, Duration::ZERO).await.is_some()
    }

    async fn refuse(&self, source: &Source<'_>, subject: Subject<'_>, token: &Secret) -> bool {
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

    /// The credentials, not older than they may be; older ones if their store does not answer.
    async fn credentials(&self, subject: Subject<'_>) -> Result<Credentials, NoToken> {
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

    /// The token of `source`: as it is known, as it is stored, or renewed.
    async fn token(&self, source: &Source<'_>, subject: Subject<'_>) -> Result<AccessToken, NoToken> {
        let key = source.key(subject.location);
        let held = shelved(&self.tokens, key.clone());
        let mut held = held.lock().await;
        if let Err(none) = self.save(&key, &mut held).await {
            return held.good(self.ports.clock.now()).ok_or(none);
        }
        // Of what is known here, only a good token is sure to be no older than what is stored.
        if let Some(TokenStep::Use(token)) = held.seen.as_ref().map(|entry| self.step(source, &entry.value, &held)) {
            return Ok(token);
        }
        loop {
            let stored = match self.ports.tokens.load(&key).await {
                Ok(stored) => stored.unwrap_or_else(|| source.seed()),
                // A token that is still good waits for no store.
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

    fn step(&self, source: &Source<'_>, entry: &TokenEntry, held: &Held) -> TokenStep {
        let shows = source.shows(entry);
        let not = held.refused.as_ref();
        let asking = Asking { holder: &self.holder, clock_skew: self.clock_skew, not, shows: &shows };
        entry.step(self.ports.clock.now(), &asking)
    }

    /// Takes the lease, in place of the entry of that revision, has new tokens issued, and writes down what came of it.
    async fn renew(
        &self,
        source: &Source<'_>,
        subject: Subject<'_>,
        key: &str,
        held: &mut Held,
        Entry { rev, value: leased }: Entry<TokenEntry>,
    ) -> Result<(), NoToken> {
        let agency = match source {
            Source::Grant(_) => None,
            Source::OfAgency { grant, .. } => Some(Box::pin(self.token(&Source::Grant(grant), subject)).await?),
        };
        let rev = match self.ports.tokens.replace(key, rev, &leased).await {
            Ok(Replaced::Written { rev }) => rev,
            // Somebody else was faster.
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
        // From here to its writing down it must not be lost, even if this very future is dropped.
        held.unsaved = Some(Unsaved { over: rev, entry, showed: leased.refresh });
        self.save(key, held).await
    }

    /// Asks GHL for new tokens. A lost answer is asked for again, since GHL repeats it.
    async fn obtain(
        &self,
        source: &Source<'_>,
        subject: Subject<'_>,
        leased: &TokenEntry,
        agency: Option<AccessToken>,
    ) -> Result<IssuedTokens, TokenError> {
        let endpoint = &self.ports.endpoint;
        let mut tries = 1;
        loop {
            let issued = match (source, &agency) {
                (Source::OfAgency { company_id, .. }, Some(agency)) => {
                    endpoint.location_token(&agency.token, company_id, subject.location).await
                }
                (Source::Grant(grant) | Source::OfAgency { grant, .. }, _) => {
                    endpoint.refresh(grant, leased.refresh.as_ref().unwrap_or(&grant.refresh_token)).await
                }
            };
            match (issued, source, &agency) {
                (Err(TokenError::Unanswered(_)), ..) if tries < TRIES => tries += 1,
                (Err(TokenError::AgencyToken(reason)), Source::OfAgency { grant, .. }, Some(agency)) => {
                    let another = self.refuse(&Source::Grant(grant), subject, &agency.token).await;
                    let error = if another { TokenError::NotDone } else { TokenError::Refused };
                    return Err(error(reason));
                }
                (issued, ..) => return issued,
            }
        }
    }

    /// Writes down what is not written down yet.
    async fn save(&self, key: &str, held: &mut Held) -> Result<(), NoToken> {
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

    fn note(&self, source: &Source<'_>, subject: Subject<'_>, entry: &TokenEntry, now: EpochMs) {
        let Subject { location, credentials } = subject;
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

    /// The credentials themselves are of no use.
    fn refuse_credentials(&self, subject: Subject<'_>, problem: String) -> NoToken {
        let Subject { location, credentials } = subject;
        let reason = format!("the credentials at {credentials} cannot be used: {problem}");
        self.ports.sink.emit(&Event::CredentialsRefused { location, credentials, reason: &reason });
        NoToken::Refused(reason)
    }
}

/// New tokens, or why there are none, that are not written down yet.
struct Unsaved {
    /// The revision that it replaces.
    over: u64,
    entry: TokenEntry,
    /// The refresh token that was shown for it, as [`TokenEntry::refresh`] has it.
    showed: Option<Secret>,
}

impl Unsaved {
    /// Whether it goes over an entry that somebody else wrote meanwhile. New tokens are lost only to newer ones: as long
    /// as the refresh token that they were had for still stands there, nobody has better ones.
    fn is_better_than(&self, standing: &TokenEntry) -> bool {
        let is_new = self.entry.trouble.is_none() && self.entry.refresh != self.showed;
        is_new && standing.refresh == self.showed
    }
}

impl Held {
    /// A token that is good, whether or not it should be renewed.
    fn good(&self, now: EpochMs) -> Option<AccessToken> {
        let access = self.seen.as_ref()?.value.access.as_ref()?;
        (access.is_good(now) && self.refused.as_ref() != Some(&access.token)).then(|| access.clone())
    }
}

fn unavailable(error: &PortError) -> NoToken {
    NoToken::Unavailable(format!("there is no token at the moment: {error}"))
}

/// What `shelf` has for `key`.
fn shelved<K: Ord, V: Default>(shelf: &Shelf<K, V>, key: K) -> Arc<Mutex<V>> {
    shelf.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default().clone()
}
