//! Two rows of the table of `cargo ghl-sync simulate --pacing`, over six minutes: the pace comes as close to the
//! possible maximum (the limit per window, mean round trip and clock skew) as we claim.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use ghl_sync_simulation::{PacingCase, PacingRow, WindowKind, pacing};

const ROUND_TRIP_MS: u64 = 265;
/// A whole multiple of window + mean round trip + clock skew, so that no partial window adds a call.
const SPAN: Duration = Duration::from_millis(36 * (10_000 + ROUND_TRIP_MS + 50));

fn row(counting: WindowKind, others: bool) -> PacingRow {
    pacing(PacingCase { counting, round_trip_ms: ROUND_TRIP_MS, holders: 1, others }, SPAN)
}

#[test]
fn alone_the_pace_uses_the_quota_up_and_is_never_refused() {
    let row = row(WindowKind::Strict, false);
    assert!((0.99..=1.01).contains(&row.of_possible), "{row:?}");
    assert!(row.throttled == 0.0 && row.fullest_window <= 100, "{row:?}");
    assert!(row.gate_writes <= 0.05, "{row:?}");
}

#[test]
fn beside_somebody_who_takes_a_third_the_pace_uses_the_rest_and_is_hardly_ever_refused() {
    let row = row(WindowKind::Fixed, true);
    assert!(row.of_possible >= 0.95, "{row:?}");
    assert!(row.throttled < 0.01, "{row:?}");
    assert!(row.gate_writes <= 0.05, "{row:?}");
}
