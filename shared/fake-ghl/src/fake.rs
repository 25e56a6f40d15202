//! The complete state of a GHL, shared by its callers.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, io};

use http::StatusCode;

use super::answer::SandboxAnswer;
use super::faults::{FaultChange, FaultInjector};
use super::ids::Ids;
use super::limits::Limits;
use super::meter::TrafficMeter;
use super::oauth::Issuer;
use super::options::{SandboxOptions, SandboxTokens};
use super::request::SandboxRequest;
use super::stats::{self, Stats};
use super::store::{Journal, Store};
use super::times::millis;
use super::visit::{LocationRules, Visit};
use super::{routes, scopes};

/// A GHL. Its locks are held for one step of a request, never while waiting.
pub struct FakeGhl {
    clock: Box<dyn Fn() -> Duration + Send + Sync>,
    pub(crate) tokens: SandboxTokens,
    missing_scopes: BTreeSet<(String, String)>,
    rules: Mutex<LocationRules>,
    meter: Mutex<TrafficMeter>,
    faults: Mutex<FaultInjector>,
    store: Mutex<Store>,
    issuer: Mutex<Issuer>,
}

impl FakeGhl {
    /// Creates an empty GHL. `clock` returns the time since the epoch, and must never go back. Ids and tokens derive
    /// from the seed `ids`.
    pub fn new(options: SandboxOptions, clock: impl Fn() -> Duration + Send + Sync + 'static, ids: u64) -> FakeGhl {
        let limits = Limits {
            limit: options.limit,
            window: options.window,
            kind: options.window_kind,
            others: options.others,
            daily_limit: options.daily_limit,
        };
        let rules = LocationRules {
            allow_duplicate_contact: options.allow_duplicate_contact,
            allow_duplicate_opportunity: options.allow_duplicate_opportunity,
            updates_take_company: options.updates_take_company,
            permanent_is_permanent: true,
        };
        FakeGhl {
            clock: Box::new(clock),
            rules: Mutex::new(rules),
            meter: Mutex::new(TrafficMeter::new(limits)),
            faults: Mutex::new(FaultInjector::new(&options)),
            store: Mutex::new(Store::new(millis(options.search_lag), options.pipelines, Ids::seeded(ids))),
            issuer: Mutex::new(Issuer::new(&options.tokens, options.marketplace, Ids::seeded(ids.wrapping_add(1)))),
            tokens: options.tokens,
            missing_scopes: options.missing_scopes,
        }
    }

    /// Replays `writes`, which come from `journal`, and appends all later writes to it.
    ///
    /// # Errors
    /// If one of them is not a valid write.
    pub fn keep_in(&self, journal: Box<dyn Journal>, writes: &[String]) -> io::Result<()> {
        self.store().keep_in(journal, writes)
    }

    /// Performs `request` with a token of `location`, without limits and faults. Handles one request at a time, so
    /// that nothing changes between its reads and its write.
    pub(crate) fn visit(&self, request: &SandboxRequest, location: &str) -> SandboxAnswer {
        let lacks = |scope: &String| self.missing_scopes.iter().any(|(of, lacking)| of == location && lacking == scope);
        if scopes::needed(request).as_ref().is_some_and(lacks) {
            return SandboxAnswer::missing_scope();
        }
        let answer = self.handle(request, location, *lock(&self.rules), millis(self.now()));
        if request.is_v1() { answer } else { answer.traced(|| self.store().ids().trace()) }
    }

    /// Performs a request by a caller in this process whose token lacks the scopes in `lacking`. Returns status and
    /// body.
    #[must_use]
    pub fn call(&self, request: &SandboxRequest, location: &str, lacking: &[&str]) -> (StatusCode, Vec<u8>) {
        let answer = match scopes::needed(request) {
            Some(scope) if lacking.contains(&scope.as_str()) => SandboxAnswer::missing_scope(),
            _ => self.visit(request, location),
        };
        (answer.status, answer.text().into_bytes())
    }

    /// Performs `request` as a user of `location` would by hand. Users may create duplicates and undo permanent
    /// settings.
    #[must_use]
    pub fn by_hand(&self, request: &SandboxRequest, location: &str) -> (StatusCode, Vec<u8>) {
        let answer = self.done_by_hand(request, location, millis(self.now()));
        (answer.status, answer.text().into_bytes())
    }

    /// Like [`FakeGhl::by_hand`], at the time `at`.
    pub(crate) fn done_by_hand(&self, request: &SandboxRequest, location: &str, at: u64) -> SandboxAnswer {
        self.handle(request, location, lock(&self.rules).by_hand(), at)
    }

    fn handle(&self, request: &SandboxRequest, location: &str, rules: LocationRules, now: u64) -> SandboxAnswer {
        routes::handle(&mut Visit { request, location, store: &mut self.store(), rules, now })
    }

    /// Sets whether updates of contacts may have a `companyName` from now on.
    pub fn take_company_in_updates(&self, takes: bool) {
        lock(&self.rules).updates_take_company = takes;
    }

    /// Time since the epoch.
    pub(crate) fn now(&self) -> Duration {
        (self.clock)()
    }

    pub(crate) fn meter(&self) -> MutexGuard<'_, TrafficMeter> {
        lock(&self.meter)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, FaultInjector> {
        lock(&self.faults)
    }

    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.store)
    }

    /// The name of a location.
    pub(crate) fn name_of(&self, location: &str) -> String {
        let store = self.store();
        store.structure(location).profile.name.clone().unwrap_or_else(|| location.to_owned())
    }

    pub(crate) fn issuer(&self) -> MutexGuard<'_, Issuer> {
        lock(&self.issuer)
    }

    /// The counts so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let totals = self.issuer().add_to(self.meter().totals());
        let store = self.store();
        Stats {
            duplicates: stats::duplicates(&store),
            contacts: store.contacts().iter().count() as u64,
            opportunities: store.opportunities().iter().count() as u64,
            ..totals
        }
    }

    /// Changes the injected faults.
    pub fn change_faults(&self, change: FaultChange) {
        self.faults().change(change);
        if let Some(inactive) = change.inactive {
            self.issuer().set_inactive(inactive);
        }
    }

    /// Forgets records, counts and windows. Faults stay as they are; a scheduled outage is scheduled again.
    ///
    /// # Errors
    /// If the journal cannot be cleared.
    pub fn reset(&self) -> io::Result<()> {
        self.store().clear()?;
        self.meter().clear();
        self.faults().restart();
        Ok(())
    }
}

impl fmt::Debug for FakeGhl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeGhl")
            .field("rules", &*lock(&self.rules))
            .field("tokens", &self.tokens)
            .finish_non_exhaustive()
    }
}

/// Ignores poisoning: a step that panicked left its counts unchanged, and they are still the best available.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
