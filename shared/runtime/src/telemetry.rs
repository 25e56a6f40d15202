//! Logs: one JSON object per line on standard output, where Lambda collects them.

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Our own crates.
const OURS: [&str; 17] = [
    "api",
    "connect",
    "consumer",
    "ghl_sync_aws",
    "ghl_sync_drop",
    "ghl_sync_engine",
    "ghl_sync_ghl",
    "ghl_sync_cli",
    "importer",
    "ghl_sync_runtime",
    "ghl_sync_web",
    "ingest",
    "migrator",
    "notifier",
    "redrive",
    "scheduler",
    "webhook",
];

/// Starts logging at `level`. Other crates log only warnings and errors at most: the SDKs log requests at lower
/// levels, and requests hold personal data.
pub fn init(level: LevelFilter) {
    // A second call, as in tests, changes nothing.
    let _ = lines_to(std::io::stdout, level).try_init();
}

/// The same log lines with another writer.
pub fn lines_to<W>(writer: W, level: LevelFilter) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let others = level.min(LevelFilter::WARN);
    let filter = Targets::new().with_default(others).with_targets(OURS.map(|target| (target, level)));
    let format = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_writer(writer);
    tracing_subscriber::registry().with(filter).with(format)
}
