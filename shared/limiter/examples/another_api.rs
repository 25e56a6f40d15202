//! Paces another API: six workers share 5 calls a second, and no second sees a sixth.
//!
//! `cargo run --package ghl-sync-limiter --example another_api`

#![allow(clippy::print_stdout, reason = "an example shows what it did")]

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ghl_sync_limiter::Ledger;
use ghl_sync_model::{EpochMs, Holder, Pace};

const WORKERS: usize = 6;
const CALLS_EACH: usize = 5;
/// The largest difference between the workers' clocks. Here they share one clock.
const SKEW: Duration = Duration::ZERO;
/// Longer than any call takes.
const LEASE: Duration = Duration::from_secs(5);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pace = Pace { limit: NonZeroU32::new(5).ok_or("no limit")?, window: Duration::from_secs(1) };
    let started = Instant::now();
    let now = move || EpochMs(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX));
    // In another program, this would be a row or an item that all hosts read and replace by compare-and-swap.
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let calls = Arc::new(Mutex::new(Vec::new()));

    let mut workers = Vec::new();
    for number in 0..WORKERS {
        let holder = Holder::new(format!("worker-{number}"))?;
        let (ledger, calls) = (Arc::clone(&ledger), Arc::clone(&calls));
        workers.push(thread::spawn(move || {
            for _ in 0..CALLS_EACH {
                while let Err(free_at) = take_permit(&ledger, &holder, now(), pace) {
                    thread::sleep(free_at.since(now()));
                }
                call_the_api();
                let answered_at = now();
                ledger.lock().unwrap_or_else(PoisonError::into_inner).settle(&holder, answered_at);
                calls.lock().unwrap_or_else(PoisonError::into_inner).push(answered_at);
            }
        }));
    }
    for worker in workers {
        worker.join().map_err(|_| "a worker panicked")?;
    }

    let mut calls = calls.lock().unwrap_or_else(PoisonError::into_inner).clone();
    calls.sort_unstable();
    let in_window = |from: &EpochMs| calls.iter().filter(|at| (*from..*from + pace.window).contains(at)).count();
    let most = calls.iter().map(in_window).max().unwrap_or(0);
    println!("{} calls in {} ms; the busiest second saw {most} of {} allowed", calls.len(), now().0, pace.limit);
    if most > pace.limit.get() as usize { Err("the limit was exceeded".into()) } else { Ok(()) }
}

/// Takes a permit for one call now.
///
/// # Errors
/// If there is none: when to ask again.
fn take_permit(ledger: &Mutex<Ledger>, holder: &Holder, now: EpochMs, pace: Pace) -> Result<(), EpochMs> {
    let mut ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
    ledger.prune(now, pace.window + SKEW);
    let free_at = ledger.next_at(now, pace, SKEW);
    if free_at > now {
        // While all permits are lent, nobody knows when one becomes free: check again soon.
        return Err(free_at.min(now + Duration::from_millis(20)));
    }
    ledger.lend(holder, 1, now + LEASE);
    Ok(())
}

fn call_the_api() {
    thread::sleep(Duration::from_millis(30));
}
