//! Running a cell.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use ghl_sync_cli::sandbox::{SandboxOptions, Stats, WindowKind};
use ghl_sync_cli::stack::{Ghl, Stack, StackOptions};
use ghl_sync_engine::ports::Clock;
use ghl_sync_model::LocationId;
use ghl_sync_runtime::SystemClock;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::cell::Cell;
use crate::client::Client;
use crate::contender::Contender;
use crate::ours;
use crate::row::Row;
use crate::rules::{Counting, Ended, Failure, LIMIT, OTHERS, PATIENCE, StoreUse, WINDOW};
use crate::task::{LOCATION, Person, Todo};

/// Response time of the server.
const LATENCY: std::ops::RangeInclusive<Duration> = Duration::from_millis(80)..=Duration::from_millis(250);
/// Calls at once per worker.
const CONCURRENCY: usize = 5;
/// Position in a fixed window where every run begins: its middle, so that nobody profits from its edge.
const PHASE: Duration = Duration::from_secs(5);

impl Cell {
    /// Runs the task and returns the measurements.
    pub(crate) async fn run(self, people: Arc<Vec<Person>>) -> Result<Row, Failure> {
        let stack = self.stack().await?;
        if self.contender == Contender::GhlSync {
            ours::put(&stack, &people).await?;
        }
        if self.counting == Counting::Fixed {
            wait_for_phase().await;
        }
        let windows = u32::try_from(people.len())?.div_ceil(self.allowed());
        let until = Instant::now() + WINDOW * windows.max(2) * PATIENCE;
        let (ended, stores) = match self.contender {
            Contender::GhlSync => ours::run(&stack, &people, self.workers()?, until).await?,
            _ => self.run_clients(&stack, &people, until).await?,
        };
        Ok(Row::new(self, people.len(), &stats(&stack)?, ended, stores))
    }

    /// Starts a server for this cell, and a DynamoDB if the contender uses one.
    async fn stack(self) -> Result<Stack, Failure> {
        let sandbox = SandboxOptions {
            latency: LATENCY,
            window_kind: match self.counting {
                Counting::Sliding => WindowKind::Strict,
                Counting::Fixed => WindowKind::Fixed,
            },
            others: if self.others { OTHERS } else { 0 },
            ..SandboxOptions::default()
        };
        let options = StackOptions {
            locations: vec![LocationId::new(LOCATION)?],
            limit: LIMIT,
            window_ms: u64::try_from(WINDOW.as_millis())?,
            ghl: Ghl::Sandbox(Box::new(sandbox)),
            bind: IpAddr::from([127, 0, 0, 1]),
            ..StackOptions::default()
        };
        Ok(Stack::start(options).await?)
    }

    fn workers(self) -> Result<NonZeroU32, Failure> {
        Ok(NonZeroU32::try_from(self.workers)?)
    }

    /// Workers take people from one list until it is empty.
    async fn run_clients(self, stack: &Stack, people: &[Person], until: Instant) -> Result<(Ended, StoreUse), Failure> {
        let url = stack.sandbox.as_ref().ok_or("a cell has a sandbox")?.url();
        let todo = Todo::new(people);
        let mut clients = Vec::new();
        let mut running = JoinSet::new();
        for _ in 0..self.workers {
            let client = self.contender.client(stack, &url, self.workers()?).await?.ok_or("no client")?;
            for _ in 0..CONCURRENCY {
                running.spawn(work(Arc::clone(&client), Arc::clone(&todo)));
            }
            clients.push(client);
        }
        let ended = match tokio::time::timeout_at(until, running.join_all()).await {
            Ok(_) => Ended::Done,
            Err(_) => Ended::Stopped,
        };
        let writes = clients.iter().map(|client| client.store_writes()).sum();
        Ok((ended, StoreUse { writes, pace_writes: writes }))
    }
}

async fn work(client: Arc<dyn Client>, todo: Arc<Todo>) {
    while let Some(person) = todo.next() {
        // A contact that the client gives up is lost; the sandbox counts the ones that arrived.
        let _ = client.upsert(&person).await;
    }
}

/// Waits for the middle of the server's window.
async fn wait_for_phase() {
    let now = Duration::from_millis(SystemClock.now().0);
    let into_window = Duration::from_nanos_u128(now.as_nanos() % WINDOW.as_nanos());
    let wait = (WINDOW + PHASE).saturating_sub(into_window);
    tokio::time::sleep(if wait >= WINDOW { wait - WINDOW } else { wait }).await;
}

fn stats(stack: &Stack) -> Result<Stats, Failure> {
    Ok(stack.sandbox.as_ref().ok_or("a cell has a sandbox")?.stats())
}
