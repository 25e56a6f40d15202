//! Measures a tick of the scheduler, which must grow with the due records and not with the stored ones.

use std::time::Instant;

use dynoxide::{AttributeValue, Item};
use ghl_sync_aws::tables::{record, state};
use ghl_sync_engine::usecase::TickReport;
use ghl_sync_model::{LocationId, Priority};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::host::{Effort, on_a_host};
use super::{free_ghl, stack_with};
use crate::Failure;
use crate::demo::locations;
use crate::embedded::Tables;
use crate::list::made_up;
use crate::stack::{RECORDS_TABLE, STATE_TABLE};

/// Items imported per request.
const CHUNK: usize = 50_000;

/// Contents of the tables.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Stock {
    pub(crate) locations: u32,
    /// Due records per location.
    pub(crate) due: u32,
    /// Settled records per location.
    pub(crate) settled: u32,
}

/// A tick that finds work in all locations, one that finds none in any, and a sweep.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct FanOutRow {
    pub(crate) stock: Stock,
    /// Seconds taken to fill the tables.
    pub(crate) load_s: f64,
    /// Batches that the first tick started.
    pub(crate) started: u32,
    /// Records in these batches.
    pub(crate) records: u64,
    pub(crate) tick: Effort,
    /// The following tick, when a batch of each location is already in flight.
    pub(crate) next_tick: Effort,
}

/// A sweep over locations with nothing to do.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct SweepRow {
    pub(crate) locations: u32,
    pub(crate) sweep: Effort,
}

/// Measures two ticks over `stock`.
pub(crate) async fn ticks(stock: Stock) -> Result<FanOutRow, Failure> {
    let stack = stack_with(Vec::new(), free_ghl()).await?;
    let load_s = fill(&stack, stock).await?;
    on_a_host(&stack, move |host| {
        host.run(host.functions.engine.ports().gates.needing_check(ghl_sync_model::EpochMs(0), 1))?;
        let (TickReport { started, records, .. }, tick) = host.measure(host.functions.engine.tick(false))?;
        let (_, next_tick) = host.measure(host.functions.engine.tick(false))?;
        Ok(FanOutRow { stock, load_s, started, records, tick, next_tick })
    })
    .await
}

/// Measures a sweep over `count` idle locations.
pub(crate) async fn sweep(count: u32) -> Result<SweepRow, Failure> {
    let stack = stack_with(Vec::new(), free_ghl()).await?;
    fill(&stack, Stock { locations: count, due: 0, settled: 1 }).await?;
    on_a_host(&stack, move |host| {
        // The location copied for all others has a due record. Once its batch is planned, it is idle, too.
        host.run(host.functions.engine.tick(false))?;
        let (_, sweep) = host.measure(host.functions.engine.tick(true))?;
        Ok(SweepRow { locations: count, sweep })
    })
    .await
}

/// Fills the tables directly, without requests: copies for each location what the adapters wrote for the first.
/// Returns the seconds taken.
async fn fill(stack: &crate::stack::Stack, stock: Stock) -> Result<f64, Failure> {
    let began = Instant::now();
    let model = locations(&super::STEM.parse()?, 1)?;
    let Some(contact) = made_up(1)?.into_iter().next() else {
        return Err("the contact list is empty".into());
    };
    let put = contact.into_put(model[0].clone(), Priority::Normal);
    stack.engine.put(std::slice::from_ref(&put)).await?;
    let tables = stack.tables();
    tokio::task::spawn_blocking(move || {
        let key =
            json!({ record::LOCATION_ID: { "S": put.location_id }, record::RECORD: { "S": put.key().to_string() } });
        let models = Models {
            record: model_of(&tables, RECORDS_TABLE, &key)?,
            gate: model_of(&tables, STATE_TABLE, &json!({ state::PK: { "S": format!("gate#{}", put.location_id) } }))?,
            location: model_of(
                &tables,
                STATE_TABLE,
                &json!({ state::PK: { "S": format!("location#{}", put.location_id) } }),
            )?,
        };
        models.copy(&tables, stock)
    })
    .await??;
    Ok(began.elapsed().as_secs_f64())
}

fn model_of(tables: &Tables, table: &str, key: &serde_json::Value) -> Result<Item, Failure> {
    tables.item(table, key)?.ok_or_else(|| format!("{table} has no item {key}").into())
}

/// Items that the adapters wrote for a location with one due record.
struct Models {
    record: Item,
    gate: Item,
    location: Item,
}

impl Models {
    fn copy(&self, tables: &Tables, stock: Stock) -> Result<(), Failure> {
        let locations = locations(&super::STEM.parse()?, stock.locations.max(2))?;
        let states = locations.iter().flat_map(|location| {
            let gate = (stock.due > 0).then(|| of_state(&self.gate, &format!("gate#{location}")));
            gate.into_iter().chain([of_state(&self.location, &format!("location#{location}"))])
        });
        import(tables, STATE_TABLE, states)?;
        let records = locations.iter().flat_map(|location| {
            (0..stock.due + stock.settled).map(move |number| self.record(location, number, number < stock.due))
        });
        import(tables, RECORDS_TABLE, records)
    }

    fn record(&self, location: &LocationId, number: u32, is_due: bool) -> Item {
        let mut item = self.record.clone();
        item.insert(record::LOCATION_ID.to_owned(), text(location.as_str()));
        item.insert(record::RECORD.to_owned(), text(&format!("contact#crm-{number:08}")));
        if !is_due {
            item.remove(record::DUE);
        }
        item
    }
}

fn of_state(model: &Item, pk: &str) -> Item {
    let mut item = model.clone();
    item.insert(state::PK.to_owned(), text(pk));
    item
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn import(tables: &Tables, table: &str, items: impl Iterator<Item = Item>) -> Result<(), Failure> {
    let mut items = items.peekable();
    while items.peek().is_some() {
        tables.import(table, items.by_ref().take(CHUNK).collect())?;
    }
    Ok(())
}
