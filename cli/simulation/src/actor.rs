//! Actors that act on a location at random times while a trouble lasts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ghl_sync_model::LocationId;
use ghl_sync_testkit::{TestRandomness, World};

use crate::names::ms;
use crate::scenario::{Scenario, ScenarioTrouble, TroubleKind};

const LOOK: Duration = Duration::from_secs(1);

/// Acts on one location at random times.
pub(crate) struct Actor {
    /// The location's number, from 0.
    pub(crate) location: usize,
    pub(crate) place: LocationId,
    pub(crate) randomness: TestRandomness,
    trouble: ScenarioTrouble,
    every_ms: u64,
    has_begun: bool,
}

impl Scenario {
    /// Actors for one kind of trouble. For a trouble of that kind, `of` returns the location's index and the mean
    /// interval between two actions in milliseconds.
    pub(crate) fn actors(&self, of: impl Fn(&TroubleKind) -> Option<(usize, u64)>) -> impl Iterator<Item = Actor> {
        self.troubles.iter().filter_map(move |trouble| {
            let (location, every_ms) = of(&trouble.what)?;
            Some(Actor {
                location,
                place: self.locations.get(location)?.name.clone(),
                randomness: TestRandomness::seeded(self.seed ^ trouble.from_ms),
                trouble: trouble.clone(),
                every_ms,
                has_begun: false,
            })
        })
    }
}

impl Actor {
    /// Waits until it is time to act. Returns false once the trouble is over.
    pub(crate) async fn acts(&mut self, world: &World) -> bool {
        let wait = match self.has_begun {
            true => self.randomness.within(1..=2 * self.every_ms.max(1)),
            false => self.trouble.from_ms,
        };
        self.has_begun = true;
        tokio::time::sleep(ms(wait)).await;
        self.trouble.is_now(world.clock.elapsed())
    }
}

/// Counts the actors that have not finished yet.
#[derive(Clone, Default)]
pub(crate) struct AtWork(Arc<AtomicUsize>);

/// Marks one actor as at work until it is dropped.
pub(crate) struct Shift(Arc<AtomicUsize>);

impl AtWork {
    pub(crate) fn begin(&self) -> Shift {
        self.0.fetch_add(1, Ordering::SeqCst);
        Shift(self.0.clone())
    }

    /// Waits until no actor is at work.
    pub(crate) async fn ended(&self) {
        while self.0.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Drop for Shift {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
