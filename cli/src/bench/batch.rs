//! Measures the cost of a batch apart from waiting, against a GHL that answers at once and allows everything.

use ghl_sync_model::{LocationId, Priority, PutRecord};
use serde::{Deserialize, Serialize};

use super::host::{BenchHost, Effort, on_a_host};
use super::{free_ghl, stack_with};
use crate::Failure;
use crate::demo::locations;
use crate::functions::QueueSource;
use crate::list::made_up;

/// Batches of one size.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct BatchRow {
    /// Records per batch.
    pub(crate) size: u32,
    pub(crate) batches: u32,
    /// Effort of putting the records.
    pub(crate) put: Effort,
    /// Effort of sending them, including starting each batch.
    pub(crate) sync: Effort,
}

impl BatchRow {
    pub(crate) fn records(&self) -> f64 {
        f64::from(self.size) * f64::from(self.batches)
    }
}

/// Measures `batches` full batches of a location with a backlog.
pub(crate) async fn full(size: u32, batches: u32) -> Result<BatchRow, Failure> {
    measure(size, batches, move |host, records| {
        let (_, put) = host.measure(host.functions.engine.put(records))?;
        let (_, start) = host.measure(host.functions.engine.tick(false))?;
        Ok((put, start.and(sync(host, batches)?)))
    })
    .await
}

/// Measures `records` single records: the API puts each into an idle location, and it is sent at once.
pub(crate) async fn single(records: u32) -> Result<BatchRow, Failure> {
    measure(1, records, |host, records| {
        let (mut put, mut sent) = (Effort::default(), Effort::default());
        for record in records {
            let record = std::slice::from_ref(record);
            let starting = async { Ok::<_, Failure>(host.functions.engine.put_and_start(record).await) };
            put = put.and(host.measure(starting)?.1);
            sent = sent.and(sync(host, 1)?);
        }
        Ok((put, sent))
    })
    .await
}

async fn measure(
    size: u32,
    batches: u32,
    work: impl FnOnce(&BenchHost, &[PutRecord]) -> Result<(Effort, Effort), Failure> + Send + 'static,
) -> Result<BatchRow, Failure> {
    let location = locations(&super::STEM.parse()?, 1)?;
    let mut records = contacts(&location, size * batches)?;
    let first = records.split_off(records.len() - 1);
    let stack = stack_with(location, free_ghl()).await?;
    on_a_host(&stack, move |host| {
        // Makes the connections and everything else that a process makes only once.
        host.run(host.functions.engine.put_and_start(&first));
        sync(host, 1)?;
        let (put, sync) = work(host, &records)?;
        Ok(BatchRow { size, batches, put, sync })
    })
    .await
}

/// Made-up contacts: the measured ones and one more.
fn contacts(locations: &[LocationId], count: u32) -> Result<Vec<PutRecord>, Failure> {
    let contacts = made_up(count + 1)?.into_iter().zip(locations.iter().cycle());
    Ok(contacts.map(|(contact, location)| contact.into_put(location.clone(), Priority::Normal)).collect())
}

/// Runs the messages of `batches` batches. Receiving and deleting them is Lambda's work and is not counted.
fn sync(host: &BenchHost, batches: u32) -> Result<Effort, Failure> {
    let mut sum = Effort::default();
    let mut done = 0;
    while done < batches {
        for message in host.run(host.functions.receive(QueueSource::Batches)) {
            let (_, effort) = host.measure(host.functions.handle(QueueSource::Batches, &message))?;
            host.run(host.functions.delete(QueueSource::Batches, &message));
            sum = sum.and(effort);
            done += 1;
        }
    }
    Ok(sum)
}
