//! The result of a cell.

use std::fmt;
use std::time::Duration;

use ghl_sync_cli::sandbox::Stats;
use serde::Serialize;

use crate::cell::Cell;
use crate::rules::{Counting, Ended, StoreUse, WINDOW};

/// A row of the table.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    #[serde(flatten)]
    pub(crate) cell: Cell,
    /// People who should have become contacts.
    pub(crate) records: usize,
    /// All calls, whatever their result.
    pub(crate) calls: u64,
    /// Calls that GHL accepted.
    pub(crate) accepted: u64,
    /// Calls that were answered with 429.
    pub(crate) throttled: u64,
    /// Calls that the server would have allowed in the same time.
    pub(crate) allowed: f64,
    /// People who are missing in GHL.
    pub(crate) lost: u64,
    /// Contacts that are in GHL twice.
    pub(crate) duplicates: u64,
    /// From the first call to the last response.
    pub(crate) seconds: f64,
    /// Least time in which the same number of calls could have been accepted.
    pub(crate) bound_seconds: f64,
    /// Store writes.
    pub(crate) store_writes: u64,
    /// Store writes for pacing.
    pub(crate) pace_writes: u64,
    /// Calls of the other client.
    pub(crate) others_calls: u64,
    /// Refused calls of the other client.
    pub(crate) others_refused: u64,
    /// Most calls at once.
    pub(crate) most_at_once: u64,
    /// Whether it took too long and was stopped.
    pub(crate) stopped: bool,
}

impl Row {
    pub(crate) fn new(cell: Cell, records: usize, stats: &Stats, ended: Ended, stores: StoreUse) -> Row {
        let first = Duration::from_millis(stats.first_call_ms.unwrap_or_default());
        let last = Duration::from_millis(stats.last_answer_ms.unwrap_or_default());
        let took = last.saturating_sub(first);
        // Position of the first call in the server's window: the quota of the window's earlier part is free to use.
        let phase = match cell.counting {
            Counting::Sliding => Duration::ZERO,
            Counting::Fixed => Duration::from_nanos_u128(first.as_nanos() % WINDOW.as_nanos()),
        };
        let windows = (took + phase + WINDOW).as_secs_f64() / WINDOW.as_secs_f64();
        let full_windows = stats.ok.saturating_sub(1) / u64::from(cell.allowed());
        let bound = (WINDOW.as_secs_f64() * full_windows as f64 - phase.as_secs_f64()).max(0.0);
        Row {
            cell,
            records,
            calls: stats.calls,
            accepted: stats.ok,
            throttled: stats.status_429,
            allowed: windows * f64::from(cell.allowed()),
            lost: (records as u64).saturating_sub(stats.contacts),
            duplicates: stats.duplicates,
            seconds: took.as_secs_f64(),
            bound_seconds: bound,
            store_writes: stores.writes,
            pace_writes: stores.pace_writes,
            others_calls: stats.others_calls,
            others_refused: stats.others_refused,
            most_at_once: stats.max_concurrent,
            stopped: ended == Ended::Stopped,
        }
    }

    /// Calls made ÷ calls allowed.
    pub(crate) fn made(&self) -> f64 {
        self.calls as f64 / self.allowed
    }

    /// Calls accepted ÷ calls allowed.
    pub(crate) fn used(&self) -> f64 {
        self.accepted as f64 / self.allowed
    }

    /// Share of the calls that were answered with 429.
    pub(crate) fn throttled_share(&self) -> f64 {
        self.throttled as f64 / self.calls.max(1) as f64
    }

    /// Share of the other client's calls that were refused.
    pub(crate) fn others_refused_share(&self) -> f64 {
        self.others_refused as f64 / self.others_calls.max(1) as f64
    }

    /// Calls for each contact in GHL.
    pub(crate) fn calls_per_success(&self) -> Option<f64> {
        (self.accepted > 0).then(|| self.calls as f64 / self.accepted as f64)
    }

    /// Time ÷ least possible time; `None` if that is zero.
    pub(crate) fn slowness(&self) -> Option<f64> {
        (self.bound_seconds > 0.0).then(|| self.seconds / self.bound_seconds)
    }

    /// Store writes per call: all, and those for pacing.
    pub(crate) fn writes_per_call(&self) -> (f64, f64) {
        let per_call = |writes: u64| writes as f64 / self.calls.max(1) as f64;
        (per_call(self.store_writes), per_call(self.pace_writes))
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Row { cell: Cell { others, counting, contender, workers }, .. } = self;
        write!(
            f,
            "{:27} {workers:2} {counting:?} {}: {} calls, {} × 429, {} lost, {:.1} s of {:.1} s{}",
            contender.name(),
            if *others { "beside others" } else { "alone" },
            self.calls,
            self.throttled,
            self.lost,
            self.seconds,
            self.bound_seconds,
            if self.stopped { ", stopped" } else { "" }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contender::Contender;

    /// 600 calls, all accepted, in `seconds` from `first_ms` on.
    fn row(counting: Counting, others: bool, first_ms: u64, seconds: u64) -> Row {
        let cell = Cell { others, counting, contender: Contender::GhlSync, workers: 1 };
        let stats = Stats {
            calls: 600,
            ok: 600,
            contacts: 600,
            first_call_ms: Some(first_ms),
            last_answer_ms: Some(first_ms + seconds * 1_000),
            ..Stats::default()
        };
        Row::new(cell, 600, &stats, Ended::Done, StoreUse::default())
    }

    #[test]
    fn whoever_needs_the_least_possible_has_used_all_that_is_allowed() {
        for (counting, others, first_ms, seconds) in [
            (Counting::Sliding, false, 1_234, 50),
            // The first window has 5 s left when the first call comes.
            (Counting::Fixed, false, 15_000, 45),
            (Counting::Sliding, true, 0, 80),
        ] {
            let row = row(counting, others, first_ms, seconds);
            assert_eq!(row.slowness(), Some(1.0), "{row}");
            let full = if others { 600.0 / 603.0 } else { 1.0 };
            assert!((row.used() - full).abs() < 1e-9 && (row.made() - full).abs() < 1e-9, "{row}");
        }
    }

    #[test]
    fn what_is_not_in_ghl_is_lost() {
        let cell = Cell { others: false, counting: Counting::Sliding, contender: Contender::GhlSdk, workers: 1 };
        let stats = Stats { calls: 900, ok: 90, status_429: 810, contacts: 90, ..Stats::default() };
        let row = Row::new(cell, 600, &stats, Ended::Stopped, StoreUse::default());
        assert_eq!((row.lost, row.calls_per_success(), row.slowness()), (510, Some(10.0), None));
        assert!((row.throttled_share() - 0.9).abs() < 1e-9 && row.stopped);
    }
}
