//! The remaining quota where other clients use it too: the remaining calls in the last answer, minus calls sent since,
//! plus calls that have left the window since.

use std::collections::VecDeque;
use std::time::Duration;

use ghl_sync_model::EpochMs;

/// Calls left to the others, who call while ours are under way.
const RESERVE: usize = 3;
/// Without remaining quota, one call in this part of the window tests whether there is some again.
const LOOKS: u32 = 8;

/// The calls that GHL will still allow, as far as one batch knows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RemainingQuota {
    /// The answer to the latest call that was answered.
    told: Option<LastAnswer>,
    /// Send times of the calls after that one, past and planned; ascending.
    sent: VecDeque<EpochMs>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct LastAnswer {
    /// When the call was sent.
    sent_at: EpochMs,
    /// Calls that GHL still allowed.
    remaining: u32,
    /// When each of our calls leaves the window and frees quota, ascending.
    leaving: Vec<EpochMs>,
    /// Without remaining quota, when the next call may go.
    next_look: EpochMs,
    look_every: Duration,
}

impl RemainingQuota {
    /// Applies an answer: `remaining` calls were left in the `window` of the call sent at `sent_at`. If windows slide,
    /// our calls leave the window at the times `leaving` (ascending, after now). If the window resets as a whole,
    /// nobody knows when, and `leaving` is empty.
    pub fn tell(&mut self, now: EpochMs, sent_at: EpochMs, remaining: u32, window: Duration, leaving: Vec<EpochMs>) {
        // Answers arrive in any order; the one to the latest call is the most recent.
        if self.told.as_ref().is_some_and(|told| told.sent_at > sent_at) {
            return;
        }
        let look_every = window / LOOKS;
        self.told = Some(LastAnswer { sent_at, remaining, leaving, next_look: now + look_every, look_every });
        self.sent.drain(..self.sent.partition_point(|at| *at <= sent_at));
    }

    /// Notes that a call will be sent at this time.
    pub fn send(&mut self, at: EpochMs) {
        self.sent.insert(self.sent.partition_point(|sent| *sent <= at), at);
    }

    /// Whether quota remains for one call.
    ///
    /// # Errors
    /// If there is none: when to ask again.
    pub fn admit(&mut self, now: EpochMs) -> Result<(), EpochMs> {
        let Some(told) = &mut self.told else {
            return Ok(());
        };
        let left = told.leaving.partition_point(|leaves_at| *leaves_at <= now);
        if told.remaining as usize + left > self.sent.len() + RESERVE {
            return Ok(());
        }
        if now < told.next_look {
            return Err(told.leaving.get(left).map_or(told.next_look, |leaves_at| told.next_look.min(*leaves_at)));
        }
        told.next_look = now + told.look_every;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: EpochMs = EpochMs(1_000_000);
    const W: Duration = Duration::from_secs(10);
    const LOOK: Duration = Duration::from_millis(1250);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn told(remaining: u32, leaving: &[EpochMs]) -> RemainingQuota {
        let mut room = RemainingQuota::default();
        room.tell(NOW, NOW - ms(300), remaining, W, leaving.to_vec());
        room
    }

    #[test]
    fn before_any_answer_there_is_room() {
        assert_eq!(RemainingQuota::default().admit(NOW), Ok(()));
    }

    #[test]
    fn calls_go_until_only_the_reserve_is_left_and_then_one_by_one() {
        let mut room = told(5, &[]);
        for _ in 0..2 {
            assert_eq!(room.admit(NOW), Ok(()));
            room.send(NOW);
        }
        let look = NOW + LOOK;
        assert_eq!(room.admit(NOW), Err(look));
        assert_eq!(room.admit(look), Ok(()));
        assert_eq!(room.admit(look), Err(look + LOOK));
    }

    #[test]
    fn a_call_of_ours_that_leaves_a_sliding_window_makes_room_for_another() {
        let leaves_at = NOW + ms(200);
        let mut room = told(3, &[leaves_at]);
        assert_eq!(room.admit(NOW), Err(leaves_at));
        assert_eq!(room.admit(leaves_at), Ok(()));
        room.send(leaves_at);
        assert_eq!(room.admit(leaves_at), Err(NOW + LOOK));
    }

    #[test]
    fn what_was_sent_after_the_call_that_told_is_taken_off_and_nothing_else() {
        let mut room = RemainingQuota::default();
        [100, 200, 300].into_iter().for_each(|at| room.send(NOW + ms(at)));
        room.tell(NOW + ms(400), NOW + ms(200), 4, W, Vec::new());
        assert!(room.admit(NOW + ms(400)).is_err(), "the call of 300 is not in what was told at 200");
        room.tell(NOW + ms(450), NOW + ms(300), 4, W, Vec::new());
        assert_eq!(room.admit(NOW + ms(450)), Ok(()));
    }

    #[test]
    fn an_answer_that_comes_late_changes_nothing() {
        let mut room = told(3, &[]);
        room.tell(NOW, NOW - ms(500), 50, W, Vec::new());
        assert!(room.admit(NOW).is_err());
    }
}
