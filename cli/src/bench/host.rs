//! A separate thread that hosts the functions, so that their effort is measured apart from the servers'.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ghl_sync_aws::{Usage, UsageSnapshot};
use ghl_sync_engine::ports::Clock;
use ghl_sync_engine::usecase::{Event, EventSink};
use ghl_sync_notify::Notifier;
use ghl_sync_runtime::{Config, EmfSink, LogSink, Runtime, SystemClock, log_lines_to};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::DefaultGuard;

use crate::Failure;
use crate::functions::Functions;
use crate::stack::Stack;

/// Effort of some work on the host's thread: the functions, the AWS SDKs and the HTTP clients, without any server.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Effort {
    /// Wall-clock time. Includes servers and other work on the machine.
    pub(crate) wall_ms: f64,
    /// Processor time of the host's thread.
    pub(crate) cpu_ms: f64,
    /// Processor time of the whole process, on all cores. Includes the local DynamoDB and SQS.
    #[serde(default)]
    pub(crate) process_cpu_ms: f64,
    pub(crate) allocations: u64,
    pub(crate) allocated_bytes: u64,
    /// Peak memory beyond that held before.
    pub(crate) peak_bytes: u64,
    /// Log lines and metrics at `LOG_LEVEL=info`.
    pub(crate) log_bytes: u64,
    pub(crate) requests: Requests,
}

/// Requests made to AWS.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Requests {
    pub(crate) reads: u64,
    pub(crate) read_units: f64,
    pub(crate) writes: u64,
    pub(crate) write_units: f64,
    pub(crate) gate_writes: u64,
    /// Messages sent. Lambda receives and deletes them.
    pub(crate) messages: u64,
}

impl Requests {
    pub(crate) fn of(used: &UsageSnapshot) -> Requests {
        Requests {
            reads: used.reads().requests,
            read_units: used.reads().units(),
            writes: used.writes().requests,
            write_units: used.writes().units(),
            gate_writes: used.gate_writes().requests,
            messages: used.sends(),
        }
    }
}

impl Effort {
    /// The total of both, one after the other.
    pub(crate) fn and(self, other: Effort) -> Effort {
        let (ours, others) = (self.requests, other.requests);
        Effort {
            wall_ms: self.wall_ms + other.wall_ms,
            cpu_ms: self.cpu_ms + other.cpu_ms,
            process_cpu_ms: self.process_cpu_ms + other.process_cpu_ms,
            allocations: self.allocations + other.allocations,
            allocated_bytes: self.allocated_bytes + other.allocated_bytes,
            peak_bytes: self.peak_bytes.max(other.peak_bytes),
            log_bytes: self.log_bytes + other.log_bytes,
            requests: Requests {
                reads: ours.reads + others.reads,
                read_units: ours.read_units + others.read_units,
                writes: ours.writes + others.writes,
                write_units: ours.write_units + others.write_units,
                gate_writes: ours.gate_writes + others.gate_writes,
                messages: ours.messages + others.messages,
            },
        }
    }
}

/// A thread that hosts the functions and measures them.
pub(crate) struct BenchHost {
    runtime: tokio::runtime::Runtime,
    /// The functions; their clients' connections belong to this thread.
    pub(crate) functions: Functions,
    usage: Arc<Usage>,
    logged: Arc<AtomicU64>,
    _logs: DefaultGuard,
}

/// Runs `work` on a new host that uses the stores and the queue of `stack`.
pub(crate) async fn on_a_host<T: Send + 'static>(
    stack: &Stack,
    work: impl FnOnce(&BenchHost) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let vars = stack.vars.clone();
    tokio::task::spawn_blocking(move || work(&BenchHost::start(vars)?)).await?
}

impl BenchHost {
    fn start(vars: BTreeMap<String, String>) -> Result<BenchHost, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let logged = Arc::new(AtomicU64::new(0));
        let lines = Counting(logged.clone());
        let logs = tracing::subscriber::set_default(log_lines_to(move || lines.clone(), LevelFilter::INFO));
        let metrics = EmfSink::new("bench");
        let sink = Arc::new(CountingSink { metrics, bytes: logged.clone() });
        let (functions, usage) = runtime.block_on(async { Functions::of(vars, sink) })?;
        Ok(BenchHost { runtime, functions, usage, logged, _logs: logs })
    }

    /// The notifier for the environment `vars`. Its AWS requests are counted as well.
    ///
    /// # Errors
    /// If `vars` configure no outcomes.
    pub(crate) fn notifier(&self, vars: BTreeMap<String, String>) -> Result<Notifier, Failure> {
        let mut config = Config::from_vars(vars)?;
        config.aws.interceptor = Some(self.usage.interceptor());
        let runtime = self.runtime.block_on(async { Runtime::new(config, Arc::new(LogSink)) })?;
        Ok(runtime.notifier().ok_or("no outcomes are configured")?)
    }

    /// Runs `work` to its end.
    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Runs `work` and returns its effort.
    ///
    /// # Errors
    /// If `work` fails.
    pub(crate) fn measure<T, E: Into<Failure>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<(T, Effort), Failure> {
        let (used, logged) = (self.usage.snapshot(), self.logged.load(Ordering::Relaxed));
        let wall = Instant::now();
        let [cpu, process_cpu] = CPU_CLOCKS.map(time_of);
        let mut answer = None;
        let allocated = allocation_counter::measure(|| answer = Some(self.runtime.block_on(work)));
        let [cpu_now, process_cpu_now] = CPU_CLOCKS.map(time_of);
        let ms = |span: Duration| span.as_secs_f64() * 1e3;
        let effort = Effort {
            wall_ms: ms(wall.elapsed()),
            cpu_ms: ms(cpu_now.saturating_sub(cpu)),
            process_cpu_ms: ms(process_cpu_now.saturating_sub(process_cpu)),
            allocations: allocated.count_total,
            allocated_bytes: allocated.bytes_total,
            peak_bytes: allocated.bytes_max,
            log_bytes: self.logged.load(Ordering::Relaxed) - logged,
            requests: Requests::of(&self.usage.snapshot().since(&used)),
        };
        Ok((answer.ok_or("it was not done")?.map_err(Into::into)?, effort))
    }
}

/// Processor time of this thread, and of the whole process.
const CPU_CLOCKS: [ClockId; 2] = [ClockId::ThreadCPUTime, ClockId::ProcessCPUTime];

fn time_of(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// A function's event sink that only counts the bytes it would write.
struct CountingSink {
    metrics: EmfSink,
    bytes: Arc<AtomicU64>,
}

impl EventSink for CountingSink {
    fn emit(&self, event: &Event<'_>) {
        LogSink.emit(event);
        if let Some(line) = self.metrics.line(event, SystemClock.now()) {
            self.bytes.fetch_add(line.len() as u64 + 1, Ordering::Relaxed);
        }
    }
}

/// Counts the bytes written to it.
#[derive(Clone)]
struct Counting(Arc<AtomicU64>);

impl Write for Counting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
