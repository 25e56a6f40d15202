//! Progress of a migration: a bar for the current stage, and a line for each finished one.

use std::io::IsTerminal;
use std::time::Duration;

use ghl_sync_engine::ports::Clock;
use ghl_sync_migrate::MigrationView;
use ghl_sync_migrate::policy::progress;
use ghl_sync_model::{EpochMs, Migration, MigrationStage, Progress};
use ghl_sync_runtime::SystemClock;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Interval of the lines printed without a terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Progress display of a migration.
pub(super) struct Bars {
    bar: ProgressBar,
    /// The stage shown last.
    stage: Option<MigrationStage>,
    started: EpochMs,
    last_line: EpochMs,
    plain: bool,
}

impl Bars {
    pub(super) fn start() -> Bars {
        let plain = !std::io::stderr().is_terminal();
        let target = if plain { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(10) };
        let bar = ProgressBar::with_draw_target(Some(1), target);
        if let Ok(style) =
            ProgressStyle::with_template("{prefix:<15} {bar:32.green} {pos:>6}/{len} {elapsed:>4}  {msg}")
        {
            bar.set_style(style);
        }
        let now = SystemClock.now();
        Bars { bar, stage: None, started: now, last_line: now, plain }
    }

    /// Shows the current state.
    pub(super) fn show(&mut self, view: &MigrationView) {
        let MigrationView { migration, progress } = view;
        self.show_ended(migration);
        let words = words(progress);
        self.bar.set_prefix(progress.stage.as_str());
        self.bar.set_length(progress.total.max(1));
        self.bar.set_position(progress.current);
        let now = SystemClock.now();
        if self.plain && now.since(self.last_line) >= LINE_EVERY {
            self.last_line = now;
            let elapsed = now.since(self.started).as_secs();
            println!("{elapsed:>4} s  {} {}/{} {words}", progress.stage.as_str(), progress.current, progress.total);
        }
        self.bar.set_message(words);
    }

    /// Prints a line for each stage finished since the last call.
    fn show_ended(&mut self, migration: &Migration) {
        let shown = self.stage.replace(migration.stage);
        if shown == Some(migration.stage) {
            return;
        }
        self.bar.reset_elapsed();
        let Some(shown) = shown else { return };
        for stage in MigrationStage::ALL.into_iter().filter(|stage| (shown..migration.stage).contains(stage)) {
            let line = format!("{:<15} {}", stage.as_str(), result(migration, stage));
            if self.plain {
                println!("{line}");
            } else {
                self.bar.println(line);
            }
        }
    }

    pub(super) fn finish(self) {
        self.bar.finish_and_clear();
    }
}

/// Result of a finished stage.
fn result(migration: &Migration, stage: MigrationStage) -> String {
    let then = Migration { stage, ..migration.clone() };
    let Progress { current, total, .. } = progress(&then, SystemClock.now());
    match stage {
        MigrationStage::Connect | MigrationStage::Map | MigrationStage::AwaitApproval => "done".to_owned(),
        _ if total == 0 => "nothing to do".to_owned(),
        _ => format!("{current} of {total}"),
    }
}

fn words(progress: &Progress) -> String {
    let mut words = String::new();
    if let Some(rate) = progress.rate_per_second {
        words += &format!("{rate:.1}/s");
    }
    if let Some(left) = progress.seconds_left {
        words += &format!(", {left} s left");
    }
    if progress.errors > 0 {
        words += &format!(", {} errors", progress.errors);
    }
    words
}
