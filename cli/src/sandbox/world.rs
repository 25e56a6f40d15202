//! All that a sandbox is, shared by its connections.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::clock::{Clock, millis};
use super::faults::{FaultChange, Faults};
use super::limits::Limits;
use super::meter::Meter;
use super::oauth::Issuer;
use super::options::{SandboxOptions, Tokens};
use super::stats::{self, Stats};
use super::store::Store;
use super::visit::Rules;

/// The state of a sandbox. A lock is held for one step of a request, never while waiting.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) tokens: Tokens,
    pub(crate) missing_scopes: BTreeSet<(String, String)>,
    pub(crate) rules: Rules,
    meter: Mutex<Meter>,
    faults: Mutex<Faults>,
    store: Mutex<Store>,
    issuer: Mutex<Issuer>,
}

impl World {
    pub(crate) fn new(options: SandboxOptions) -> io::Result<World> {
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
        };
        Ok(World {
            clock: Clock::start(),
            rules,
            meter: Mutex::new(Meter::new(limits)),
            faults: Mutex::new(Faults::new(&options)),
            store: Mutex::new(Store::open(options.data_dir.as_deref(), options.search_lag)?),
            issuer: Mutex::new(Issuer::new(&options.tokens)),
            tokens: options.tokens,
            missing_scopes: options.missing_scopes,
        })
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

    pub(crate) fn issuer(&self) -> MutexGuard<'_, Issuer> {
        lock(&self.issuer)
    }

    /// Milliseconds since the epoch.
    pub(crate) fn now_ms(&self) -> u64 {
        millis(self.clock.now())
    }

    pub(crate) fn stats(&self) -> Stats {
        let totals = self.issuer().add_to(self.meter().totals());
        let store = self.store();
        Stats {
            duplicates: stats::duplicates(&store),
            contacts: store.contacts().iter().count() as u64,
            opportunities: store.opportunities().iter().count() as u64,
            ..totals
        }
    }

    pub(crate) fn change_faults(&self, change: FaultChange) {
        self.faults().change(change);
        if let Some(inactive) = change.inactive {
            self.issuer().set_inactive(inactive);
        }
    }

    /// Forgets records, counts and windows.
    pub(crate) fn reset(&self) -> io::Result<()> {
        self.store().clear()?;
        self.meter().clear();
        self.faults().restart();
        Ok(())
    }
}

/// A step that panicked left its counts as they were; they are still the best there is.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
