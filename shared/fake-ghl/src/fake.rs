//! All that a GHL is, shared by its callers.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, io};

use http::StatusCode;

use super::answer::Answer;
use super::faults::{FaultChange, Faults};
use super::ids::Ids;
use super::limits::Limits;
use super::meter::Meter;
use super::oauth::Issuer;
use super::options::{SandboxOptions, Tokens};
use super::request::Request;
use super::stats::{self, Stats};
use super::store::{Journal, Store};
use super::times::millis;
use super::visit::{Rules, Visit};
use super::{routes, scopes};

/// A GHL. A lock is held for one step of a request, never while waiting.
pub struct FakeGhl {
    clock: Box<dyn Fn() -> Duration + Send + Sync>,
    pub(crate) tokens: Tokens,
    missing_scopes: BTreeSet<(String, String)>,
    rules: Mutex<Rules>,
    meter: Mutex<Meter>,
    faults: Mutex<Faults>,
    store: Mutex<Store>,
    issuer: Mutex<Issuer>,
}

impl FakeGhl {
    /// An empty one. `clock` tells the time since the epoch, and must not go back; ids and tokens follow from `ids`.
    pub fn new(options: SandboxOptions, clock: impl Fn() -> Duration + Send + Sync + 'static, ids: u64) -> FakeGhl {
        let limits = Limits {
            limit: options.limit,
            window: options.window,
            kind: options.window_kind,
            others: options.others,
            daily_limit: options.daily_limit,
        };
        let rules = Rules {
            allow_duplicate_contact: options.allow_duplicate_contact,
            allow_duplicate_opportunity: options.allow_duplicate_opportunity,
            updates_take_company: options.updates_take_company,
            permanent_is_permanent: true,
        };
        FakeGhl {
            clock: Box::new(clock),
            rules: Mutex::new(rules),
            meter: Mutex::new(Meter::new(limits)),
            faults: Mutex::new(Faults::new(&options)),
            store: Mutex::new(Store::new(millis(options.search_lag), options.pipelines, Ids::seeded(ids))),
            issuer: Mutex::new(Issuer::new(&options.tokens, options.marketplace, Ids::seeded(ids.wrapping_add(1)))),
            tokens: options.tokens,
            missing_scopes: options.missing_scopes,
        }
    }

    /// Makes `writes` again, which are in `journal`, and keeps there all that follow.
    ///
    /// # Errors
    /// When one of them is none.
    pub fn keep_in(&self, journal: Box<dyn Journal>, writes: &[String]) -> io::Result<()> {
        self.store().keep_in(journal, writes)
    }

    /// Does what `request` asks for with a token of `location`, past limits and faults. One request at a time, so that
    /// what it finds is still so when it writes.
    pub(crate) fn visit(&self, request: &Request, location: &str) -> Answer {
        let lacks = |scope: &String| self.missing_scopes.iter().any(|(of, lacking)| of == location && lacking == scope);
        if scopes::needed(request).as_ref().is_some_and(lacks) {
            return Answer::missing_scope();
        }
        let answer = self.handle(request, location, *lock(&self.rules), millis(self.now()));
        if request.is_v1() { answer } else { answer.traced(|| self.store().ids().trace()) }
    }

    /// The same by a caller in this process whose token lacks these scopes. Returns status and body.
    #[must_use]
    pub fn call(&self, request: &Request, location: &str, lacking: &[&str]) -> (StatusCode, Vec<u8>) {
        let answer = match scopes::needed(request) {
            Some(scope) if lacking.contains(&scope.as_str()) => Answer::missing_scope(),
            _ => self.visit(request, location),
        };
        (answer.status, answer.text().into_bytes())
    }

    /// Does what `request` asks for as users of `location` do it, who may make duplicates and undo what is permanent.
    #[must_use]
    pub fn by_hand(&self, request: &Request, location: &str) -> (StatusCode, Vec<u8>) {
        let answer = self.done_by_hand(request, location, millis(self.now()));
        (answer.status, answer.text().into_bytes())
    }

    /// The same, done at `at`.
    pub(crate) fn done_by_hand(&self, request: &Request, location: &str, at: u64) -> Answer {
        self.handle(request, location, lock(&self.rules).by_hand(), at)
    }

    fn handle(&self, request: &Request, location: &str, rules: Rules, now: u64) -> Answer {
        routes::handle(&mut Visit { request, location, store: &mut self.store(), rules, now })
    }

    /// Whether an update of a contact may have a `companyName` from now on.
    pub fn take_company_in_updates(&self, takes: bool) {
        lock(&self.rules).updates_take_company = takes;
    }

    /// Time since the epoch.
    pub(crate) fn now(&self) -> Duration {
        (self.clock)()
    }

    pub(crate) fn meter(&self) -> MutexGuard<'_, Meter> {
        lock(&self.meter)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.faults)
    }

    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.store)
    }

    /// What a location is called.
    pub(crate) fn name_of(&self, location: &str) -> String {
        let store = self.store();
        store.structure(location).profile.name.clone().unwrap_or_else(|| location.to_owned())
    }

    pub(crate) fn issuer(&self) -> MutexGuard<'_, Issuer> {
        lock(&self.issuer)
    }

    /// What the examination found so far.
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

    /// Changes what goes wrong.
    pub fn change_faults(&self, change: FaultChange) {
        self.faults().change(change);
        if let Some(inactive) = change.inactive {
            self.issuer().set_inactive(inactive);
        }
    }

    /// Forgets records, counts and windows. Faults stay as they are; a scheduled outage is scheduled anew.
    ///
    /// # Errors
    /// When the journal cannot be cleared.
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

/// A step that panicked left its counts as they were; they are still the best there is.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
