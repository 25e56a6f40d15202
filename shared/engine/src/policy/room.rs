//! Room in a quota that others use, too: what the last answer said is left, less what was sent since.

use std::time::Duration;

use crate::domain::EpochMs;

/// So many calls are left to the others, who call while ours are under way.
const RESERVE: u32 = 2;
/// Without room, one call in this part of the window finds out whether there is some again.
const LOOKS: u32 = 20;

/// Calls that GHL will still allow, as far as one batch knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    left: u32,
    /// Without room, the next call may go then.
    next_look: EpochMs,
    look_every: Duration,
}

impl Room {
    /// An answer said that `remaining` calls were left in its `window`; `under_way` calls may not have been counted yet.
    #[must_use]
    pub fn told(now: EpochMs, remaining: u32, under_way: u32, window: Duration) -> Room {
        let look_every = window / LOOKS;
        Room { left: remaining.saturating_sub(under_way), next_look: now + look_every, look_every }
    }

    /// Takes room for one call.
    ///
    /// # Errors
    /// When there is none: how long to wait.
    pub fn take(&mut self, now: EpochMs) -> Result<(), EpochMs> {
        if self.left <= RESERVE {
            if now < self.next_look {
                return Err(self.next_look);
            }
            self.next_look = now + self.look_every;
        }
        self.left = self.left.saturating_sub(1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: EpochMs = EpochMs(1_000_000);
    const W: Duration = Duration::from_secs(10);

    #[test]
    fn calls_go_until_only_the_reserve_is_left_and_then_one_by_one() {
        let mut room = Room::told(NOW, 6, 2, W);
        assert_eq!([room.take(NOW), room.take(NOW)], [Ok(()), Ok(())]);
        let look = NOW + W / LOOKS;
        assert_eq!(room.take(NOW), Err(look));
        assert_eq!(room.take(look), Ok(()));
        assert_eq!(room.take(look), Err(look + W / LOOKS));
    }

    #[test]
    fn an_answer_that_shows_room_opens_it() {
        let mut room = Room::told(NOW, 0, 3, W);
        assert!(room.take(NOW).is_err());
        room = Room::told(NOW, 50, 3, W);
        assert_eq!(room.take(NOW), Ok(()));
    }
}
