//! Expiring access tokens: when to renew one, who may do it, and how to react to a failure.
//!
//! A refresh token is valid for one refresh. Two simultaneous refreshes would lock the customer out, so there is a
//! lease: the first process that stores it renews the token, and all others keep using the old token while it is
//! valid, or wait. Every write compares the entry's revision and advances it: a holder that overslept its lease finds
//! a newer entry, and its own result is dropped.
//!
//! GHL repeats its answer to a refresh for [`REPEAT_WINDOW`]. The lease is sufficiently shorter: if a holder dies
//! after the answer and before storing it, its successor gets the same answer again.

use std::time::Duration;

use ghl_sync_model::{EpochMs, Holder, Item, ItemKind, Secret};
use serde::{Deserialize, Serialize, Serializer};

/// For this long after the first refresh with a token, repeating the refresh returns the same answer.
pub const REPEAT_WINDOW: Duration = Duration::from_secs(30);
/// How long one holder may take. This is longer than a call with a late arrival, and leaves enough of the window for
/// another holder to take over.
const LEASE: Duration = Duration::from_secs(15);
/// A token with an unknown lifetime is renewed this long before its expiry. Other tokens are renewed when a tenth of
/// their lifetime is left: of GHL's 24 hours that is 2 h 24 min, in which a person can fix a failing renewal before
/// anything stops.
const AHEAD: Duration = Duration::from_secs(600);
/// A token is no longer used this shortly before its expiry.
const LAST_MOMENT: Duration = Duration::from_secs(2);
/// After a refusal by GHL, the first retry waits this long, and each further one twice as long.
const REFUSED_REST: Duration = Duration::from_secs(300);
const REFUSED_REST_MAX: Duration = Duration::from_secs(3600);
/// The same for a location that is not active. It returns together with its agency or its subscription, and nobody
/// notifies us of that.
const INACTIVE_REST: Duration = Duration::from_secs(300);
const INACTIVE_REST_MAX: Duration = Duration::from_secs(900);
/// The same for a temporary failure.
const FAILED_REST: Duration = Duration::from_secs(1);
const FAILED_REST_MAX: Duration = Duration::from_secs(60);
/// A token that is refused this soon after it was issued is not renewed again: the cause is not its age.
const YOUNG: Duration = Duration::from_secs(60);
/// A refresh token expires after a year without use; its item may be deleted some time later.
const KEPT: Duration = Duration::from_secs(400 * 86_400);

/// An access token with its expiry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessToken {
    /// The token.
    #[serde(serialize_with = "in_the_clear")]
    pub token: Secret,
    /// When it was issued, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_at: Option<EpochMs>,
    /// When GHL starts to refuse it.
    pub expires_at: EpochMs,
}

impl AccessToken {
    /// Whether GHL still accepts it, judging by its age.
    #[must_use]
    pub fn is_good(&self, now: EpochMs) -> bool {
        now + LAST_MOMENT < self.expires_at
    }

    /// When it should be renewed.
    #[must_use]
    pub fn renew_at(&self) -> EpochMs {
        let ahead = self.issued_at.map_or(AHEAD, |issued_at| issued_at.until(self.expires_at) / 10);
        self.expires_at - ahead
    }

    /// Whether it is so new that a refusal must have another cause than its age.
    #[must_use]
    pub fn is_young(&self, now: EpochMs) -> bool {
        self.issued_at.is_some_and(|issued_at| now.since(issued_at) < YOUNG.min(issued_at.until(self.expires_at) / 2))
    }
}

/// The stored state of one token, initially empty. Its JSON contains the secrets and is only for the store.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenEntry {
    /// The newest access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access: Option<AccessToken>,
    /// The newest refresh token; `None` while that is the one in the credentials.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "all_in_the_clear")]
    pub refresh: Option<Secret>,
    /// The lease of a renewal under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease: Option<TokenLease>,
    /// Time from which the refresh token may be used up although its answer was lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spent_since: Option<EpochMs>,
    /// Why the last renewal failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<RenewalFailure>,
}

/// Permission to renew a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenLease {
    /// The process that is renewing the token.
    pub holder: Holder,
    /// When another process may take over.
    pub until: EpochMs,
}

/// Why a token could not be renewed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenewalFailure {
    /// Number of consecutive failures.
    pub count: u32,
    /// When to try again.
    pub retry_at: EpochMs,
    /// Hash of the credentials that GHL refused; `None` if the failure was temporary. Other credentials are tried at
    /// once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Whether GHL reports the location as not active. The grant is valid, and works again once the location is
    /// active.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inactive: bool,
    /// The message from GHL or from the transport; without tokens.
    pub reason: String,
}

impl Item for TokenEntry {
    const KIND: ItemKind = ItemKind {
        name: "tokens",
        load: "tokens.load",
        replace: "tokens.replace",
        attribute: "tokens",
        listed: None,
        checked: false,
        may_be_stale: false,
    };
    /// Id of a grant, or of a location within a grant.
    type Key = str;

    fn item_key(grant: &str) -> String {
        format!("token#{grant}")
    }

    fn keep_until(&self) -> Option<EpochMs> {
        let times = [
            self.access.as_ref().map(|access| access.expires_at),
            self.lease.as_ref().map(|lease| lease.until),
            self.trouble.as_ref().map(|trouble| trouble.retry_at),
        ];
        Some(times.into_iter().flatten().max().unwrap_or_default() + KEPT)
    }
}

fn in_the_clear<S: Serializer>(secret: &Secret, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(secret.expose())
}

fn all_in_the_clear<S: Serializer>(secret: &Option<Secret>, to: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(Secret::expose).serialize(to)
}

/// Why no new tokens were issued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// GHL permanently refuses the credentials shown.
    #[error("GHL refuses it: {0}")]
    Refused(String),
    /// The location, or its agency, is not active for now. The same refresh token will work again.
    #[error("GHL does not issue tokens for now: {0}")]
    Inactive(String),
    /// There was no answer, or no clear one: the refresh token may be used up.
    #[error("no answer from GHL: {0}")]
    Unanswered(String),
    /// Nothing was changed.
    #[error("GHL did not do it: {0}")]
    NotDone(String),
    /// GHL refuses the agency's token, which is needed to request a location's token.
    #[error("GHL refuses the agency's token: {0}")]
    AgencyToken(String),
}

/// A process's request for a token.
#[derive(Debug, Clone, Copy)]
pub struct TokenQuery<'a> {
    /// The requesting process.
    pub holder: &'a Holder,
    /// ε: the most by which the clocks of two hosts may differ.
    pub clock_skew: Duration,
    /// An access token that GHL refused.
    pub not: Option<&'a Secret>,
    /// Hash of the credentials that the next refresh would show to GHL.
    pub shows: &'a str,
}

/// The next step toward a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenStep {
    /// The token is available.
    Use(AccessToken),
    /// Renew it, after storing this entry (with the lease) over the previous one.
    Renew(TokenEntry),
    /// Check again at this time.
    WaitUntil(EpochMs),
    /// No token until somebody fixes the credentials; holds the reason.
    Refused(String),
    /// No token until the location is active again; holds GHL's message.
    Inactive(String),
}

impl TokenEntry {
    /// Decides the next step at `now`.
    #[must_use]
    pub fn step(&self, now: EpochMs, asking: &TokenQuery<'_>) -> TokenStep {
        let good = self.access.as_ref().filter(|access| access.is_good(now) && Some(&access.token) != asking.not);
        if let Some(access) = good.filter(|access| now < access.renew_at()) {
            return TokenStep::Use(access.clone());
        }
        // The token is due for renewal. While it is valid, nobody waits for that.
        let or_use = |otherwise: TokenStep| good.map_or(otherwise, |access| TokenStep::Use(access.clone()));
        match (self.trouble_in_force(now, asking), self.lease_of_others(now, asking)) {
            (Some(trouble), _) if trouble.refused.is_some() => or_use(TokenStep::Refused(trouble.reason.clone())),
            (Some(trouble), _) if trouble.inactive => or_use(TokenStep::Inactive(trouble.reason.clone())),
            (Some(trouble), _) => or_use(TokenStep::WaitUntil(trouble.retry_at)),
            (None, Some(until)) => or_use(TokenStep::WaitUntil(until)),
            (None, None) => TokenStep::Renew(self.leased(now, asking.holder)),
        }
    }

    fn trouble_in_force(&self, now: EpochMs, asking: &TokenQuery<'_>) -> Option<&RenewalFailure> {
        let shown = |refused: &String| refused == asking.shows;
        self.trouble.as_ref().filter(|trouble| now < trouble.retry_at && trouble.refused.as_ref().is_none_or(shown))
    }

    /// When another process's lease ends. A process does not wait for its own lease: its refresh was interrupted.
    fn lease_of_others(&self, now: EpochMs, asking: &TokenQuery<'_>) -> Option<EpochMs> {
        let lease = self.lease.as_ref().filter(|lease| lease.holder != *asking.holder)?;
        Some(lease.until + asking.clock_skew).filter(|until| now < *until)
    }

    fn leased(&self, now: EpochMs, holder: &Holder) -> TokenEntry {
        TokenEntry {
            lease: Some(TokenLease { holder: holder.clone(), until: now + LEASE }),
            spent_since: self.spent_since.or(Some(now)),
            ..self.clone()
        }
    }

    /// The entry with new tokens.
    #[must_use]
    pub fn renewed(&self, access: AccessToken, refresh: Option<Secret>) -> TokenEntry {
        let refresh = refresh.or_else(|| self.refresh.clone());
        TokenEntry { access: Some(access), refresh, ..TokenEntry::default() }
    }

    /// The entry after the failure of a refresh that showed `shows`.
    #[must_use]
    pub fn failed(&self, now: EpochMs, error: &TokenError, shows: &str) -> TokenEntry {
        let refused = matches!(error, TokenError::Refused(_)).then(|| shows.to_owned());
        let inactive = matches!(error, TokenError::Inactive(_));
        let of_its_kind = |trouble: &&RenewalFailure| trouble.refused == refused && trouble.inactive == inactive;
        let count = 1 + self.trouble.as_ref().filter(of_its_kind).map_or(0, |trouble| trouble.count);
        // A definite refusal leaves the refresh token unused.
        let spent_since = self.spent_since.filter(|_| refused.is_none() && !inactive);
        // While GHL repeats its answer, waiting longer gains nothing.
        let is_repeatable = spent_since.is_some_and(|since| now < since + REPEAT_WINDOW);
        let rest = match &refused {
            Some(_) => growing(REFUSED_REST, count, REFUSED_REST_MAX),
            None if inactive => growing(INACTIVE_REST, count, INACTIVE_REST_MAX),
            None if is_repeatable => FAILED_REST,
            None => growing(FAILED_REST, count, FAILED_REST_MAX),
        };
        let reason = match self.spent_since.filter(|since| refused.is_some() && *since + REPEAT_WINDOW < now) {
            Some(_) => format!("{error} (the answer to an earlier refresh may have been lost)"),
            None => error.to_string(),
        };
        let trouble = Some(RenewalFailure { count, retry_at: now + rest, refused, inactive, reason });
        TokenEntry { lease: None, spent_since, trouble, ..self.clone() }
    }
}

fn growing(first: Duration, count: u32, most: Duration) -> Duration {
    first.saturating_mul(1 << count.saturating_sub(1).min(16)).min(most)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: EpochMs = EpochMs(1_800_000_000_000);
    const DAY: Duration = Duration::from_secs(86_400);
    const S: Duration = Duration::from_secs(1);

    fn me() -> Holder {
        Holder::new("me").unwrap()
    }

    fn asking(holder: &Holder) -> TokenQuery<'_> {
        TokenQuery { holder, clock_skew: S, not: None, shows: "r0" }
    }

    /// A token of this age with a lifetime of one day.
    fn token_of_age(age: Duration) -> AccessToken {
        AccessToken { token: Secret::new("a"), issued_at: Some(NOW - age), expires_at: NOW - age + DAY }
    }

    fn entry(access: Option<AccessToken>) -> TokenEntry {
        TokenEntry { access, ..TokenEntry::default() }
    }

    fn leased_by(other: &str, until: EpochMs, entry: TokenEntry) -> TokenEntry {
        TokenEntry { lease: Some(TokenLease { holder: Holder::new(other).unwrap(), until }), ..entry }
    }

    /// The step's name.
    fn step(entry: &TokenEntry) -> &'static str {
        match entry.step(NOW, &asking(&me())) {
            TokenStep::Use(_) => "use",
            TokenStep::Renew(_) => "renew",
            TokenStep::WaitUntil(_) => "wait",
            TokenStep::Refused(_) => "refused",
            TokenStep::Inactive(_) => "inactive",
        }
    }

    #[test]
    fn a_token_is_renewed_when_a_tenth_of_its_life_is_left_and_used_as_long_as_it_is_good() {
        let hours = |hours: u64| Some(token_of_age(Duration::from_secs(3600 * hours)));
        let others = |access| leased_by("other", NOW + S, entry(access));
        let table = [
            (entry(None), "renew"),
            (entry(hours(1)), "use"),
            (entry(hours(21)), "use"),
            (entry(hours(22)), "renew"),
            (entry(hours(24)), "renew"),
            (others(None), "wait"),
            (others(hours(1)), "use"),
            (others(hours(22)), "use"),
            (others(hours(24)), "wait"),
            // The other lease has expired, apart from the clock skew.
            (leased_by("other", NOW - S / 2, entry(None)), "wait"),
            (leased_by("other", NOW - S, entry(None)), "renew"),
            // Its own refresh, which was interrupted.
            (leased_by("me", NOW + S, entry(None)), "renew"),
        ];
        for (entry, expected) in table {
            assert_eq!(step(&entry), expected, "{entry:?}");
        }
    }

    #[test]
    fn a_token_of_unknown_age_is_renewed_ten_minutes_before_its_end() {
        let until = |left: u64| AccessToken {
            token: Secret::new("a"),
            issued_at: None,
            expires_at: NOW + Duration::from_secs(left),
        };
        assert_eq!(step(&entry(Some(until(601)))), "use");
        assert_eq!(step(&entry(Some(until(600)))), "renew");
    }

    #[test]
    fn a_token_that_ghl_did_not_accept_is_not_used_again() {
        let holder = me();
        let entry = entry(Some(token_of_age(S)));
        let refused = Secret::new("a");
        let asking = TokenQuery { not: Some(&refused), ..asking(&holder) };
        assert!(matches!(entry.step(NOW, &asking), TokenStep::Renew(_)));
        let others = leased_by("other", NOW + S, entry);
        assert!(matches!(others.step(NOW, &asking), TokenStep::WaitUntil(_)));
    }

    #[test]
    fn what_was_refused_is_tried_again_at_once_with_other_credentials_and_else_after_a_rest() {
        let holder = me();
        let dead = entry(None).failed(NOW, &TokenError::Refused("invalid_grant".to_owned()), "r0");
        assert_eq!(step(&dead), "refused");
        let mended = TokenQuery { shows: "r1", ..asking(&holder) };
        assert!(matches!(dead.step(NOW, &mended), TokenStep::Renew(_)));
        let rests: Vec<u64> = (0..6)
            .scan(dead, |dead, _| {
                let rest = NOW.until(dead.trouble.as_ref().unwrap().retry_at);
                *dead = dead.failed(NOW, &TokenError::Refused("invalid_grant".to_owned()), "r0");
                Some(rest.as_secs())
            })
            .collect();
        assert_eq!(rests, [300, 600, 1200, 2400, 3600, 3600]);
    }

    #[test]
    fn a_location_that_is_not_active_is_no_dead_grant_and_is_asked_for_again_within_a_quarter_of_an_hour() {
        let inactive = || TokenError::Inactive("400 Location is not active".to_owned());
        let mut entry = TokenEntry { refresh: Some(Secret::new("r1")), ..entry(None) };
        let mut rests = Vec::new();
        for _ in 0..5 {
            entry = entry.failed(NOW, &inactive(), "r0");
            assert_eq!(step(&entry), "inactive");
            let trouble = entry.trouble.as_ref().unwrap();
            assert_eq!((&trouble.refused, entry.spent_since), (&None, None), "the refresh token is as good as before");
            rests.push(NOW.until(trouble.retry_at).as_secs());
        }
        assert_eq!(rests, [300, 600, 900, 900, 900]);
        assert_eq!(entry.refresh, Some(Secret::new("r1")));
        let refused = entry.failed(NOW, &TokenError::Refused(String::new()), "r0").trouble.unwrap();
        assert_eq!((refused.count, refused.inactive), (1, false), "another kind of trouble begins anew");
    }

    #[test]
    fn a_token_that_cannot_be_renewed_is_used_to_its_end() {
        let old = entry(Some(token_of_age(22 * 3600 * S)));
        let errors = [TokenError::Refused, TokenError::Inactive, TokenError::Unanswered];
        for error in errors.map(|error| error(String::new())) {
            assert_eq!(step(&old.failed(NOW, &error, "r0")), "use");
        }
    }

    #[test]
    fn a_lost_answer_is_asked_for_every_second_while_ghl_repeats_it_and_then_ever_more_rarely() {
        let mut entry = entry(None);
        let (mut now, mut tries) = (NOW, Vec::new());
        while now < NOW + Duration::from_secs(300) {
            let TokenStep::Renew(leased) = entry.step(now, &asking(&me())) else { panic!("{entry:?}") };
            tries.push(now.since(NOW).as_secs());
            entry = leased.failed(now, &TokenError::Unanswered("timeout".to_owned()), "r0");
            now = entry.trouble.as_ref().unwrap().retry_at;
        }
        let within = tries.iter().filter(|second| **second < REPEAT_WINDOW.as_secs()).count();
        assert_eq!((within, tries.len()), (30, 30 + 5));
        let refused = entry.failed(now, &TokenError::Refused("invalid_grant".to_owned()), "r0");
        let reason = refused.trouble.unwrap().reason;
        assert_eq!(reason, "GHL refuses it: invalid_grant (the answer to an earlier refresh may have been lost)");
    }

    #[test]
    fn new_tokens_end_lease_and_trouble_and_keep_the_refresh_token_if_none_came() {
        let failed = entry(None).failed(NOW, &TokenError::Unanswered(String::new()), "r0");
        let leased = leased_by("me", NOW + S, TokenEntry { refresh: Some(Secret::new("r1")), ..failed });
        let renewed = leased.renewed(token_of_age(S), None);
        assert_eq!(renewed.refresh, Some(Secret::new("r1")));
        assert_eq!((renewed.lease, renewed.trouble, renewed.spent_since), (None, None, None));
        assert_eq!(leased.renewed(token_of_age(S), Some(Secret::new("r2"))).refresh, Some(Secret::new("r2")));
    }

    #[test]
    fn a_take_over_comes_while_ghl_still_repeats_its_answer() {
        // The lease, the clock skew, and the duration of the next call.
        assert!(LEASE + S + Duration::from_secs(10) < REPEAT_WINDOW);
    }

    proptest! {
        #[test]
        fn whatever_is_stored_no_token_is_used_that_is_not_good(
            age in 0_u64..200_000, life in 1_u64..200_000, lease in 0_u64..30, trouble in 0_u32..40, kind in 0_usize..3,
        ) {
            let issued_at = NOW - Duration::from_secs(age);
            let access = AccessToken {
                token: Secret::new("a"), issued_at: Some(issued_at), expires_at: issued_at + Duration::from_secs(life),
            };
            let mut entry = leased_by("other", NOW + Duration::from_secs(lease), entry(Some(access.clone())));
            for _ in 0..trouble {
                let error = [TokenError::Refused, TokenError::Inactive, TokenError::NotDone][kind](String::new());
                entry = entry.failed(NOW, &error, "r0");
            }
            match entry.step(NOW, &asking(&me())) {
                TokenStep::Use(token) => prop_assert!(token.is_good(NOW)),
                TokenStep::Renew(leased) => prop_assert_eq!(leased.lease.unwrap().holder, me()),
                TokenStep::WaitUntil(at) => prop_assert!(at > NOW && !access.is_good(NOW)),
                TokenStep::Refused(_) => prop_assert!(kind == 0 && !access.is_good(NOW)),
                TokenStep::Inactive(_) => prop_assert!(kind == 1 && !access.is_good(NOW)),
            }
        }
    }
}
