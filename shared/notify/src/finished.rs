//! Detects finished imports: those reported complete with no record left pending.
//!
//! Either the last record ends first or the import is reported complete first. The stream shows the later change, and
//! a check then sees both. So no import is missed, and none is polled.

use std::collections::BTreeMap;
use std::time::Duration;

use ghl_sync_engine::ports::PortError;
use ghl_sync_engine::usecase::Event;
use ghl_sync_model::{EpochMs, ImportId, ImportStanding, ImportState, Item, ItemKind, LocationId};
use serde::{Deserialize, Serialize};

use crate::event::FinishedCounts;
use crate::tell::CausedEvent;
use crate::{ChangedItem, Notifier, OutcomeEvent, OutcomeKind, StreamChange};

/// Kept as long as the import itself.
const KEPT: Duration = Duration::from_secs(400 * 24 * 3600);
/// Each count of a finished import is capped at this number of records.
const MOST_COUNTED: u32 = 100_000;

/// The completion time of an import already announced as finished. Each completion is announced once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinishedImport {
    completed_at: EpochMs,
}

impl Item for FinishedImport {
    const KIND: ItemKind = ItemKind {
        name: "import_told",
        load: "imports.load_told",
        replace: "imports.write_told",
        attribute: "import_told",
        listed: None,
        checked: false,
        may_be_stale: false,
    };
    type Key = (LocationId, ImportId);

    fn item_key((location, id): &(LocationId, ImportId)) -> String {
        format!("import_told#{location}#{id}")
    }

    fn keep_until(&self) -> Option<EpochMs> {
        Some(self.completed_at + KEPT)
    }
}

/// Imports to check, each with the first change that calls for the check.
type ImportChecks = BTreeMap<(LocationId, ImportId), usize>;

fn looks(changes: &[StreamChange]) -> ImportChecks {
    let mut looks = ImportChecks::new();
    for (at, change) in changes.iter().enumerate() {
        let import = match &change.read {
            Ok(ChangedItem::Import(location, id)) => Some((location.clone(), id.clone())),
            Ok(ChangedItem::Record(change)) => {
                let pending_in =
                    |facts: &Option<crate::RecordFacts>| facts.as_ref().and_then(|it| it.pending_in.clone());
                let left = pending_in(&change.old).filter(|_| pending_in(&change.old) != pending_in(&change.new));
                left.map(|id| (change.location_id.clone(), id))
            }
            Ok(ChangedItem::Trouble(..) | ChangedItem::Other) | Err(_) => None,
        };
        import.map(|import| looks.entry(import).or_insert(at));
    }
    looks
}

impl Notifier {
    /// Announces the imports that these changes finished. Returns the number of events sent, and the first change to
    /// repeat.
    pub(crate) async fn tell_finished(&self, changes: &[StreamChange], deadline: EpochMs) -> (usize, Option<usize>) {
        let (mut told, mut again) = (0, None::<usize>);
        for (import, change) in looks(changes) {
            let is_told = match self.finished(&import).await {
                Ok(None) => continue,
                Ok(Some((event, rev, completed_at))) => {
                    let (one, untold) = self.tell_all(&[CausedEvent { change, event }], deadline).await;
                    told += one;
                    let told = FinishedImport { completed_at };
                    match untold {
                        // A conflict means that another invocation announced it too, which does no harm.
                        None => self.ports.finished.replace(&import, rev, &told).await.map(|_| true),
                        Some(_) => Ok(false),
                    }
                }
                Err(error) => Err(error),
            };
            if let Err(error) = &is_told {
                self.emit(&Event::PortFailed { scope: None, error });
            }
            if !matches!(is_told, Ok(true)) {
                again = Some(again.map_or(change, |first| first.min(change)));
            }
        }
        (told, again)
    }

    /// The event of a finished import that was not announced since its completion, with the revision of the stored
    /// [`FinishedImport`] and the completion time.
    async fn finished(
        &self,
        import: &(LocationId, ImportId),
    ) -> Result<Option<(OutcomeEvent, u64, EpochMs)>, PortError> {
        let (location, id) = import;
        let Some(found) = self.ports.imports.load(import).await? else { return Ok(None) };
        let (ImportState::Complete, Some(completed_at)) = (found.value.state, found.value.finished_at) else {
            return Ok(None);
        };
        let outbox = &self.ports.outbox;
        if !outbox.of_import(location, id, ImportStanding::Pending, None, 1).await?.keys.is_empty() {
            return Ok(None);
        }
        let told = self.ports.finished.load(import).await?;
        let rev = told.as_ref().map_or(0, |entry| entry.rev);
        if told.is_some_and(|entry| entry.value.completed_at == completed_at) {
            return Ok(None);
        }
        let count = |standing| outbox.count_import(location, id, standing, MOST_COUNTED);
        let (accepted, failed, other) = futures::try_join!(
            count(ImportStanding::Accepted),
            count(ImportStanding::Failed),
            count(ImportStanding::Other)
        )?;
        let same = format!("{location}\n{id}\n{}\n{}", OutcomeKind::ImportFinished.as_str(), completed_at.0);
        let mut event = OutcomeEvent::of(OutcomeKind::ImportFinished, self.now(), location, &same);
        event.data.import = Some(id.to_string());
        event.data.counts = Some(FinishedCounts { accepted, failed, other });
        Ok(Some((event, rev, completed_at)))
    }
}
