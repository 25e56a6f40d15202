//! What a batch takes besides waiting: against a GHL that answers at once and allows everything.

use ghl_sync_model::{LocationId, Priority, PutRecord};
use serde::{Deserialize, Serialize};

use super::host::{Effort, Host, on_a_host};
use super::{free_ghl, stack_with};
use crate::Failure;
use crate::demo::locations;
use crate::functions::Source;
use crate::list::made_up;

/// Batches of one size.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct BatchRow {
    /// Records in each.
    pub(crate) size: u32,
    pub(crate) batches: u32,
    /// Putting the records in.
    pub(crate) put: Effort,
    /// Sending them, and what starts each batch.
    pub(crate) sync: Effort,
}

impl BatchRow {
    pub(crate) fn records(&self) -> f64 {
        f64::from(self.size) * f64::from(self.batches)
    }
}

/// `batches` full batches of a location with a backlog.
pub(crate) async fn full(size: u32, batches: u32) -> Result<BatchRow, Failure> {
    measure(size, batches, move |host, records| {
        let (_, put) = host.measure(host.functions.engine.put(records))?;
        let (_, start) = host.measure(host.functions.engine.tick(false))?;
        Ok((put, start.and(sync(host, batches)?)))
    })
    .await
}

/// As many records, each put alone into an idle location by the API, and sent at once.
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
    work: impl FnOnce(&Host, &[PutRecord]) -> Result<(Effort, Effort), Failure> + Send + 'static,
) -> Result<BatchRow, Failure> {
    let location = locations(&super::STEM.parse()?, 1)?;
    let mut records = contacts(&location, size * batches)?;
    let first = records.split_off(records.len() - 1);
    let stack = stack_with(location, free_ghl()).await?;
    on_a_host(&stack, move |host| {
        // Connections are made, and what is made once a process is made.
        host.run(host.functions.engine.put_and_start(&first));
        sync(host, 1)?;
        let (put, sync) = work(host, &records)?;
        Ok(BatchRow { size, batches, put, sync })
    })
    .await
}

/// Made-up contacts, as many as are measured and one more.
fn contacts(locations: &[LocationId], count: u32) -> Result<Vec<PutRecord>, Failure> {
    let contacts = made_up(count + 1)?.into_iter().zip(locations.iter().cycle());
    Ok(contacts.map(|(contact, location)| contact.into_put(location.clone(), Priority::Normal)).collect())
}

/// Runs the messages of so many batches. Receiving and deleting them is Lambda's work, and is not counted.
fn sync(host: &Host, batches: u32) -> Result<Effort, Failure> {
    let mut sum = Effort::default();
    let mut done = 0;
    while done < batches {
        for message in host.run(host.functions.receive(Source::Batches)) {
            let (_, effort) = host.measure(host.functions.handle(Source::Batches, &message))?;
            host.run(host.functions.delete(Source::Batches, &message));
            sum = sum.and(effort);
            done += 1;
        }
    }
    Ok(sum)
}
