//! Counts the requests to AWS and DynamoDB's charges, for measurements.

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

/// Running counts of the requests from clients whose [`AwsConfig`](crate::AwsConfig) has its
/// [`interceptor`](Usage::interceptor).
///
/// Requests are counted as they go out, including each retry of the SDK. Capacity units are those that DynamoDB
/// reports: it reports none for a request with a failed condition, though it charges for it.
#[derive(Debug, Default)]
pub struct Usage {
    counters: [RequestCounter; KINDS],
}

/// The purpose of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RequestKind {
    /// Reading from a table.
    Read,
    /// Writing to the table of records.
    RecordWrite,
    /// Writing a gate.
    GateWrite,
    /// Writing anything else to the state table.
    StateWrite,
    /// Sending messages.
    Send,
}

const KINDS: usize = 5;

impl Storable for RequestKind {
    type Storer = StoreReplace<RequestKind>;
}

#[derive(Debug, Default)]
struct RequestCounter {
    requests: AtomicU64,
    /// Thousandths of a capacity unit: reads are charged in halves.
    milli_units: AtomicU64,
}

impl Usage {
    /// Starts counting from zero.
    #[must_use]
    pub fn new() -> Arc<Usage> {
        Arc::default()
    }

    /// Observes the requests of a client, and asks DynamoDB to report its charges.
    #[must_use]
    pub fn interceptor(self: &Arc<Self>) -> SharedInterceptor {
        SharedInterceptor::new(UsageInterceptor { usage: Arc::clone(self) })
    }

    /// The current counts.
    #[must_use]
    pub fn snapshot(&self) -> UsageSnapshot {
        let counts = self.counters.each_ref().map(|counter| RequestCount {
            requests: counter.requests.load(Ordering::Relaxed),
            milli_units: counter.milli_units.load(Ordering::Relaxed),
        });
        UsageSnapshot { counts }
    }

    fn counter(&self, kind: RequestKind) -> Option<&RequestCounter> {
        self.counters.get(kind as usize)
    }
}

#[derive(Debug)]
struct UsageInterceptor {
    usage: Arc<Usage>,
}

#[dyn_dispatch_hint]
impl Intercept for UsageInterceptor {
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
        if let Some(counter) = config.load::<RequestKind>().and_then(|kind| self.usage.counter(*kind)) {
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
        let counter = config.load::<RequestKind>().and_then(|kind| self.usage.counter(*kind));
        if let (Some(counter), Some(Ok(output))) = (counter, context.output_or_error()) {
            counter.milli_units.fetch_add((units_of(output) * 1000.0).round() as u64, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Determines the purpose of a request (`None` if it is not counted), and makes it ask for its cost.
fn looked_into(input: &mut Input) -> Option<RequestKind> {
    let reported = Some(ReturnConsumedCapacity::Total);
    if let Some(update) = input.downcast_mut::<UpdateItemInput>() {
        update.return_consumed_capacity = reported;
        let pk = update.key.as_ref()?.get(state::PK).and_then(|pk| pk.as_s().ok());
        return Some(match pk {
            None => RequestKind::RecordWrite,
            Some(pk) if pk.starts_with(gate_store::PREFIX) => RequestKind::GateWrite,
            Some(_) => RequestKind::StateWrite,
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
        return sends.then_some(RequestKind::Send);
    }
    Some(RequestKind::Read)
}

/// The capacity units reported in an answer.
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

/// Counts at one moment, or between two moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UsageSnapshot {
    counts: [RequestCount; KINDS],
}

/// A number of requests and their capacity units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RequestCount {
    /// Number of requests sent.
    pub requests: u64,
    milli_units: u64,
}

impl RequestCount {
    /// Read or write capacity units, indexes included; zero for a queue.
    #[must_use]
    pub fn units(self) -> f64 {
        self.milli_units as f64 / 1000.0
    }
}

impl UsageSnapshot {
    /// The counts between `earlier` and this snapshot.
    #[must_use]
    pub fn since(&self, earlier: &UsageSnapshot) -> UsageSnapshot {
        let mut counts = self.counts;
        for (now, then) in counts.iter_mut().zip(earlier.counts) {
            now.requests = now.requests.saturating_sub(then.requests);
            now.milli_units = now.milli_units.saturating_sub(then.milli_units);
        }
        UsageSnapshot { counts }
    }

    fn of<const N: usize>(&self, kinds: [RequestKind; N]) -> RequestCount {
        let counts = kinds.into_iter().filter_map(|kind| self.counts.get(kind as usize));
        counts.fold(RequestCount::default(), |sum, count| RequestCount {
            requests: sum.requests + count.requests,
            milli_units: sum.milli_units + count.milli_units,
        })
    }

    /// DynamoDB reads and their read units.
    #[must_use]
    pub fn reads(&self) -> RequestCount {
        self.of([RequestKind::Read])
    }

    /// DynamoDB writes and their write units, including indexes.
    #[must_use]
    pub fn writes(&self) -> RequestCount {
        self.of([RequestKind::RecordWrite, RequestKind::GateWrite, RequestKind::StateWrite])
    }

    /// Writes of records and their write units.
    #[must_use]
    pub fn record_writes(&self) -> RequestCount {
        self.of([RequestKind::RecordWrite])
    }

    /// Writes of gates and their write units.
    #[must_use]
    pub fn gate_writes(&self) -> RequestCount {
        self.of([RequestKind::GateWrite])
    }

    /// Number of requests that sent messages.
    #[must_use]
    pub fn sends(&self) -> u64 {
        self.of([RequestKind::Send]).requests
    }
}
