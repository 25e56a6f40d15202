//! Imports, and an operator who cancels them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ghl_sync_engine::ports::Clock;
use ghl_sync_model::{
    EpochMs, ErrorCode, ImportId, ImportStanding, ImportState, LocationId, Payload, Record, RecordKey,
};
use ghl_sync_testkit::{Arrival, World};

use crate::broken::Broken;
use crate::names::ms;
use crate::scenario::{Puts, Scenario, TroubleKind};

/// Gives up a cancellation after this time, because a store may hang.
const CANCEL: Duration = Duration::from_secs(60);
/// Upper bound on the records of an import in a world.
const ALL: u32 = 10_000;

/// Withdrawn records, with the time from which the operator knew that no call starts for them.
#[derive(Clone, Default)]
pub(crate) struct Cancels(Arc<Mutex<Vec<WithdrawnRecord>>>);

struct WithdrawnRecord {
    location: LocationId,
    key: RecordKey,
    version: u64,
    answered_at: EpochMs,
}

impl Puts {
    /// Import that the records are put under.
    pub(crate) fn import_id(&self) -> Option<ImportId> {
        self.import.then(|| ImportId::new(format!("put-{}-{}", self.location, self.at_ms)).ok()).flatten()
    }
}

impl Cancels {
    /// Cancels imports of `world` as `scenario` prescribes.
    pub(crate) fn of(world: &Arc<World>, scenario: &Scenario) -> Cancels {
        let cancels = Cancels::default();
        let of = |what: &TroubleKind| match what {
            TroubleKind::Cancels { location, every_ms } => Some((*location, *every_ms)),
            _ => None,
        };
        for mut actor in scenario.actors(of) {
            let imports = scenario.puts.iter().filter(|puts| puts.location == actor.location);
            let imports: Vec<ImportId> = imports.filter_map(Puts::import_id).collect();
            let Some(last) = (imports.len() as u64).checked_sub(1) else { continue };
            let (world, watch) = (world.clone(), cancels.clone());
            tokio::spawn(async move {
                while actor.acts(&world).await {
                    let import = &imports[usize::try_from(actor.randomness.within(0..=last)).unwrap_or(0)];
                    watch.cancel_one(&actor.place, import, &world).await;
                }
            });
        }
        cancels
    }

    /// A failure is left to the next attempt.
    async fn cancel_one(&self, location: &LocationId, import: &ImportId, world: &World) {
        let operator = world.operator();
        let open = ghl_sync_operate::ImportUpdate { state: Some(ImportState::Open), ..Default::default() };
        let told = tokio::time::timeout(CANCEL, operator.tell_import(location, import, &open)).await;
        if !told.is_ok_and(|told| told.is_ok()) {
            return;
        }
        let enough = world.clock.now() + CANCEL;
        let cancelled = tokio::time::timeout(CANCEL, operator.cancel_import(location, import, None, enough)).await;
        let Ok(Ok(report)) = cancelled else { return };
        if report.withdrawn == 0 {
            return;
        }
        let answered_at = world.clock.now();
        let records = world.outbox.records().into_iter().filter(|record| record.location_id == *location);
        let of_import = records.filter(|record| record.import.as_ref() == Some(import) && is_cancelled(record));
        let withdrawn = of_import.map(|record| WithdrawnRecord {
            location: record.location_id,
            key: record.key,
            version: record.version,
            answered_at,
        });
        self.lock().extend(withdrawn);
    }

    /// Calls that started for a record after its withdrawal was known, and imports whose counts do not add up.
    pub(crate) async fn broken(&self, scenario: &Scenario, world: &World, arrivals: &[Arrival]) -> Vec<Broken> {
        let mut broken = Vec::new();
        let shares = scenario.puts.iter().any(|puts| puts.shared.0 < puts.shared.1 || puts.dropped);
        let skew = ms(scenario.hosts.clock_skew_ms);
        for withdrawn in self.lock().iter().filter(|_| !shares) {
            let Some(record) = world.outbox.record(&withdrawn.location, &withdrawn.key) else { continue };
            let Payload::Contact(contact) = &record.payload else { continue };
            let still = record.version == withdrawn.version && is_cancelled(&record);
            let about = |arrival: &&Arrival| {
                arrival.location == withdrawn.location
                    && Some(&arrival.subject) == contact.email.as_ref()
                    && arrival.sent_at > withdrawn.answered_at + skew
            };
            if let Some(arrival) = arrivals.iter().find(about).filter(|_| still) {
                let how = format!("{} was withdrawn at {}: {arrival:?}", withdrawn.key, withdrawn.answered_at);
                broken.push(Broken { rule: "no call begins for what was withdrawn", how });
            }
        }
        for (location, import) in imports(scenario) {
            let operator = world.operator();
            let owned = world.outbox.records().into_iter();
            let owned =
                owned.filter(|record| record.location_id == location && record.import.as_ref() == Some(&import));
            let owned = owned.count();
            let mut listed = 0;
            for standing in ImportStanding::ALL {
                let page = operator.records_of_import(&location, &import, standing, None, ALL).await;
                listed += page.map_or(0, |page| page.records.len());
            }
            if listed != owned {
                let how = format!("{import}: {listed} are listed, {owned} carry it");
                broken.push(Broken { rule: "each record of an import is listed once", how });
            }
        }
        broken
    }

    fn lock(&self) -> MutexGuard<'_, Vec<WithdrawnRecord>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_cancelled(record: &Record) -> bool {
    record.failed_at.is_some() && record.last_error.as_ref().is_some_and(|error| error.code == ErrorCode::Cancelled)
}

fn imports(scenario: &Scenario) -> Vec<(LocationId, ImportId)> {
    let of = |puts: &Puts| Some((scenario.locations.get(puts.location)?.name.clone(), puts.import_id()?));
    scenario.puts.iter().filter_map(of).collect()
}
