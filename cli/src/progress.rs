//! Progress of a run: a bar on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use ghl_sync_engine::ports::Clock;
use ghl_sync_engine::usecase::RecordResult;
use ghl_sync_model::EpochMs;
use ghl_sync_runtime::SystemClock;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::tally::RunCounts;

/// Interval of the lines printed without a terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Progress display of one run.
pub(crate) struct RunProgress {
    bar: ProgressBar,
    started: EpochMs,
    last_line: EpochMs,
    plain: bool,
}

impl RunProgress {
    pub(crate) fn start(total: u64) -> RunProgress {
        let plain = !std::io::stderr().is_terminal();
        let target = if plain { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(10) };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        if let Ok(style) = ProgressStyle::with_template("{bar:32.green} {pos:>6}/{len} {elapsed:>4}  {msg}") {
            bar.set_style(style);
        }
        let now = SystemClock.now();
        RunProgress { bar, started: now, last_line: now, plain }
    }

    /// Shows the current state.
    pub(crate) fn show(&mut self, done: u64, counts: &RunCounts) {
        let now = SystemClock.now();
        let words = words(counts, now, self.started);
        self.tell(done, words, now);
    }

    /// Shows the state of a run elsewhere; `trouble` describes any obstacle.
    pub(crate) fn say(&mut self, done: u64, trouble: &str) {
        let now = SystemClock.now();
        let seconds = now.since(self.started).as_secs_f64().max(0.1);
        let rate = format!("{:.1} records/s", done as f64 / seconds);
        let words = if trouble.is_empty() { rate } else { format!("{rate}, {trouble}") };
        self.tell(done, words, now);
    }

    fn tell(&mut self, done: u64, mut words: String, now: EpochMs) {
        let total = self.bar.length().unwrap_or_default();
        if let Some(left) = left(done, total, now.since(self.started)) {
            words += &format!(", about {} left", humantime::format_duration(left));
        }
        self.bar.set_position(done);
        if self.plain && now.since(self.last_line) >= LINE_EVERY {
            self.last_line = now;
            let elapsed = now.since(self.started).as_secs();
            println!("{elapsed:>4} s  {done}/{total}  {words}");
        }
        self.bar.set_message(words);
    }

    pub(crate) fn finish(self) {
        self.bar.finish_and_clear();
    }
}

/// Estimated time left at the current rate, in whole seconds.
fn left(done: u64, total: u64, elapsed: Duration) -> Option<Duration> {
    if done == 0 || done >= total || elapsed.as_secs() == 0 {
        return None;
    }
    let seconds = elapsed.as_secs_f64() / done as f64 * (total - done) as f64;
    Duration::try_from_secs_f64(seconds.ceil()).ok()
}

/// Describes rate, retries, failures, breaker, and waits.
fn words(counts: &RunCounts, now: EpochMs, started: EpochMs) -> String {
    let seconds = now.since(started).as_secs_f64().max(0.1);
    let mut words = format!("{} calls, {:.1}/s", counts.calls, counts.calls as f64 / seconds);
    if counts.retries > 0 {
        words += &format!(", {} retries", counts.retries);
    }
    let failed = counts.ended.values().filter(|result| matches!(result, RecordResult::Failed(_))).count();
    if failed > 0 {
        words += &format!(", {failed} failed");
    }
    let breaker = counts.breakers.values().next().copied().unwrap_or("closed");
    words += &format!(", breaker {breaker}");
    // Before this process has made a call, a running batch belongs to another process, which may be dead.
    let held = counts.held.values().filter(|until| **until > now && counts.calls == 0).min();
    if let Some(until) = held {
        let seconds = now.until(*until).as_secs_f64();
        words += &format!(", waits for a batch that an earlier process began, at most {seconds:.0} s more");
    }
    let next = counts
        .next
        .values()
        .filter_map(|(at, reason)| at.filter(|at| *at > now).map(|at| (at, reason)))
        .min_by_key(|(at, _)| *at);
    if let Some((at, reason)) = next {
        let why = reason.map_or("next batch", |reason| reason.as_str());
        words += &format!(", waits {:.1} s ({why})", now.until(at).as_secs_f64());
    }
    words
}
