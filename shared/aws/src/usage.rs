//! What AWS was asked for, and what DynamoDB charged for it: seen from beside, by whoever measures.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_dynamodb::operation::batch_get_item::{BatchGetItemInput, BatchGetItemOutput};
use aws_sdk_dynamodb::operation::get_item::{GetItemInput, GetItemOutput};
use aws_sdk_dynamodb::operation::query::{QueryInput, QueryOutput};
use aws_sdk_dynamodb::operation::update_item::{UpdateItemInput, UpdateItemOutput};
use aws_sdk_dynamodb::types::{ConsumedCapacity, ReturnConsumedCapacity};
use aws_sdk_sqs::operation::send_message::SendMessageInput;
use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchInput;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextMut, BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
    Input, Output,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, SharedInterceptor, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};

use crate::gate_store;
use crate::tables::state;

/// Running counts of what is asked with clients whose [`AwsConfig`](crate::AwsConfig) has its
/// [`interceptor`](Usage::interceptor).
///
/// Requests are counted as they go out, each attempt of the SDK's retries included. Capacity units are those that
/// DynamoDB reported: it reports none for a request whose condition did not hold, though it charges for it.
#[derive(Debug, Default)]
pub struct Usage {
    counters: [Counter; KINDS],
}

/// What a request is for, as far as it is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Reading from a table.
    Read,
    /// Writing to the table of records.
    RecordWrite,
    /// Writing a gate.
    GateWrite,
    /// Writing what else the state table holds.
    StateWrite,
    /// Sending messages.
    Send,
}

const KINDS: usize = 5;

impl Storable for Kind {
    type Storer = StoreReplace<Kind>;
}

#[derive(Debug, Default)]
struct Counter {
    requests: AtomicU64,
    /// Thousandths of a capacity unit: reads are charged in halves.
    milli_units: AtomicU64,
}

impl Usage {
    /// Counts from zero.
    #[must_use]
    pub fn new() -> Arc<Usage> {
        Arc::default()
    }

    /// What sees the requests of a client. It asks DynamoDB to report what it charges.
    #[must_use]
    pub fn interceptor(self: &Arc<Self>) -> SharedInterceptor {
        SharedInterceptor::new(Meter { usage: Arc::clone(self) })
    }

    /// The counts as they are now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let counts = self.counters.each_ref().map(|counter| Count {
            requests: counter.requests.load(Ordering::Relaxed),
            milli_units: counter.milli_units.load(Ordering::Relaxed),
        });
        Snapshot { counts }
    }

    fn counter(&self, kind: Kind) -> Option<&Counter> {
        self.counters.get(kind as usize)
    }
}

#[derive(Debug)]
struct Meter {
    usage: Arc<Usage>,
}

#[dyn_dispatch_hint]
impl Intercept for Meter {
    fn name(&self) -> &'static str {
        "Meter"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(kind) = looked_into(context.input_mut()) {
            config.interceptor_state().store_put(kind);
        }
        Ok(())
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(counter) = config.load::<Kind>().and_then(|kind| self.usage.counter(*kind)) {
            counter.requests.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let counter = config.load::<Kind>().and_then(|kind| self.usage.counter(*kind));
        if let (Some(counter), Some(Ok(output))) = (counter, context.output_or_error()) {
            counter.milli_units.fetch_add((units_of(output) * 1000.0).round() as u64, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// What a request is for, and none if nobody counts such ones. It is made to ask for what it costs.
fn looked_into(input: &mut Input) -> Option<Kind> {
    let reported = Some(ReturnConsumedCapacity::Total);
    if let Some(update) = input.downcast_mut::<UpdateItemInput>() {
        update.return_consumed_capacity = reported;
        let pk = update.key.as_ref()?.get(state::PK).and_then(|pk| pk.as_s().ok());
        return Some(match pk {
            None => Kind::RecordWrite,
            Some(pk) if pk.starts_with(gate_store::PREFIX) => Kind::GateWrite,
            Some(_) => Kind::StateWrite,
        });
    }
    if let Some(get) = input.downcast_mut::<GetItemInput>() {
        get.return_consumed_capacity = reported;
    } else if let Some(get) = input.downcast_mut::<BatchGetItemInput>() {
        get.return_consumed_capacity = reported;
    } else if let Some(query) = input.downcast_mut::<QueryInput>() {
        query.return_consumed_capacity = reported;
    } else {
        let sends = input.downcast_ref::<SendMessageInput>().is_some()
            || input.downcast_ref::<SendMessageBatchInput>().is_some();
        return sends.then_some(Kind::Send);
    }
    Some(Kind::Read)
}

/// The capacity units that an answer reports.
fn units_of(output: &Output) -> f64 {
    let one = |consumed: &Option<ConsumedCapacity>| consumed.as_ref().and_then(|consumed| consumed.capacity_units);
    if let Some(updated) = output.downcast_ref::<UpdateItemOutput>() {
        one(&updated.consumed_capacity).unwrap_or_default()
    } else if let Some(got) = output.downcast_ref::<GetItemOutput>() {
        one(&got.consumed_capacity).unwrap_or_default()
    } else if let Some(page) = output.downcast_ref::<QueryOutput>() {
        one(&page.consumed_capacity).unwrap_or_default()
    } else if let Some(got) = output.downcast_ref::<BatchGetItemOutput>() {
        got.consumed_capacity().iter().filter_map(ConsumedCapacity::capacity_units).sum()
    } else {
        0.0
    }
}

/// Counts at one moment, or between two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Snapshot {
    counts: [Count; KINDS],
}

/// Requests and their capacity units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Requests that went out.
    pub requests: u64,
    milli_units: u64,
}

impl Count {
    /// Read or write capacity units, indexes included; zero for a queue.
    #[must_use]
    pub fn units(self) -> f64 {
        self.milli_units as f64 / 1000.0
    }
}

impl Snapshot {
    /// What was used between `earlier` and this.
    #[must_use]
    pub fn since(&self, earlier: &Snapshot) -> Snapshot {
        let mut counts = self.counts;
        for (now, then) in counts.iter_mut().zip(earlier.counts) {
            now.requests = now.requests.saturating_sub(then.requests);
            now.milli_units = now.milli_units.saturating_sub(then.milli_units);
        }
        Snapshot { counts }
    }

    fn of<const N: usize>(&self, kinds: [Kind; N]) -> Count {
        let counts = kinds.into_iter().filter_map(|kind| self.counts.get(kind as usize));
        counts.fold(Count::default(), |sum, count| Count {
            requests: sum.requests + count.requests,
            milli_units: sum.milli_units + count.milli_units,
        })
    }

    /// DynamoDB requests that read, and the read units that they consumed.
    #[must_use]
    pub fn reads(&self) -> Count {
        self.of([Kind::Read])
    }

    /// DynamoDB requests that write, and the write units that they consumed, indexes included.
    #[must_use]
    pub fn writes(&self) -> Count {
        self.of([Kind::RecordWrite, Kind::GateWrite, Kind::StateWrite])
    }

    /// Writes to records, and the write units that they consumed.
    #[must_use]
    pub fn record_writes(&self) -> Count {
        self.of([Kind::RecordWrite])
    }

    /// Writes to gates, and the write units that they consumed.
    #[must_use]
    pub fn gate_writes(&self) -> Count {
        self.of([Kind::GateWrite])
    }

    /// Requests that sent messages.
    #[must_use]
    pub fn sends(&self) -> u64 {
        self.of([Kind::Send]).requests
    }
}
