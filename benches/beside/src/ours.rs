//! ghl-sync itself: the functions, the queue and the tables, as `cargo ghl-sync demo` runs them.

use std::num::NonZeroU32;
use std::time::Duration;

use ghl_sync_cli::stack::Stack;
use ghl_sync_engine::ports::Loaded;
use ghl_sync_model::{LocationId, Payload, PutRecord, RecordId, RecordKey};
use tokio::time::Instant;

use crate::rules::{Ended, Failure, StoreUse};
use crate::task::{LOCATION, Person};

/// Interval of the schedule, as in `cargo ghl-sync demo`. In AWS it is one minute; an active location does not wait for
/// it.
const SCHEDULE: Duration = Duration::from_secs(5);
/// How often to check whether everything is done.
const LOOK: Duration = Duration::from_millis(500);

/// Puts all people into the outbox, as rows of a contact list.
pub(crate) async fn put(stack: &Stack, people: &[Person]) -> Result<(), Failure> {
    stack.engine.put(&records(people)?).await?;
    Ok(())
}

fn records(people: &[Person]) -> Result<Vec<PutRecord>, Failure> {
    let location = LocationId::new(LOCATION)?;
    let record = |person: &Person| {
        Ok(PutRecord::new(location.clone(), RecordId::new(&person.id)?, Payload::Contact(person.contact())))
    };
    people.iter().map(record).collect()
}

/// Runs the functions in `workers` execution environments until nothing is due, or `until`.
pub(crate) async fn run(
    stack: &Stack,
    people: &[Person],
    workers: NonZeroU32,
    until: Instant,
) -> Result<(Ended, StoreUse), Failure> {
    let others = (1..workers.get()).map(|_| stack.one_more_environment()).collect::<Result<Vec<_>, _>>()?;
    let before = stack.usage.snapshot();
    let mut running = vec![stack.functions.clone().start(SCHEDULE)];
    running.extend(others.iter().map(|other| other.functions.clone().start_receiving()));

    let location = LocationId::new(LOCATION)?;
    let keys: Vec<RecordKey> = records(people)?.iter().map(PutRecord::key).collect();
    let ended = loop {
        tokio::time::sleep(LOOK).await;
        let accepted = stack.sandbox.as_ref().map_or(0, |sandbox| sandbox.stats().ok);
        // Reading the sandbox's count is free. The outbox is read only once that count is complete.
        if accepted >= people.len() as u64 && due(stack, &location, &keys).await? == 0 {
            break Ended::Done;
        }
        if Instant::now() >= until {
            break Ended::Stopped;
        }
    };
    drop(running);

    let used: Vec<_> =
        others.iter().map(|other| other.usage.snapshot()).chain([stack.usage.snapshot().since(&before)]).collect();
    let writes = used.iter().map(|used| used.writes().requests).sum();
    let gate_writes = used.iter().map(|used| used.gate_writes().requests).sum();
    Ok((ended, StoreUse { writes, pace_writes: gate_writes }))
}

/// Number of records still due.
async fn due(stack: &Stack, location: &LocationId, keys: &[RecordKey]) -> Result<usize, Failure> {
    let loaded = stack.engine.ports().outbox.load(location, keys).await?;
    let is_due = |loaded: &&Loaded| match loaded {
        Loaded::Record(record) => record.due_at.is_some(),
        Loaded::Damaged { .. } => false,
    };
    Ok(loaded.iter().filter(is_due).count())
}
