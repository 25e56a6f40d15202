//! Handles dead-letter messages.
//!
//! No message is ever sent again: the outbox says what is due, and a message is only a hint. So a dead-letter message
//! of ours wakes its location, as the tick would, and is done. (A schedule asks for reconciliation again.) A message
//! that is not ours is parked for a person.

use std::collections::BTreeMap;

use super::report::DeadLetterEnd;
use super::{Engine, Event, FannedOut};
use ghl_sync_model::{DeadLetter, LocationId, Message, ScopeId};

impl From<FannedOut> for DeadLetterEnd {
    fn from(fanned_out: FannedOut) -> Self {
        match fanned_out {
            FannedOut::Planned { .. } => DeadLetterEnd::Started,
            FannedOut::Busy { .. } => DeadLetterEnd::Busy,
            FannedOut::Idle { .. } => DeadLetterEnd::Idle,
            FannedOut::NotEnabled => DeadLetterEnd::NotEnabled,
        }
    }
}

impl Engine {
    /// Wakes the locations of `letters`, each rate scope once however many letters it has, and parks messages that are
    /// not ours. Returns the end of each letter, in order. Letters that [stay](DeadLetterEnd::Stays) must be delivered
    /// again.
    pub async fn redrive(&self, letters: &[DeadLetter]) -> Vec<DeadLetterEnd> {
        let (engine, tally) = self.tallied();
        let mut woken = BTreeMap::new();
        let mut ends = Vec::with_capacity(letters.len());
        for letter in letters {
            let message = letter.message();
            let end = match &message {
                Ok(message) => engine.wake(message.location_id(), &mut woken).await,
                Err(_) => engine.park(letter).await,
            };
            engine.note_letter(letter, message.as_ref().map_err(|error| error.as_str()), end);
            ends.push(end);
        }
        self.ports.sink.emit(&Event::Measured { work: "redrive", location: None, measures: &tally.take() });
        ends
    }

    /// Wakes `location`, unless its scope was already `woken`.
    async fn wake(&self, location: &LocationId, woken: &mut BTreeMap<ScopeId, DeadLetterEnd>) -> DeadLetterEnd {
        let scope = match self.scope_to_wake(location).await {
            Ok(scope) => scope,
            Err(end) => return end,
        };
        if let Some(end) = woken.get(&scope) {
            return *end;
        }
        let end = self.wake_scope(&scope).await;
        woken.insert(scope, end);
        end
    }

    /// The scope to wake for a letter of `location`, or the letter's end if there is none to wake.
    pub async fn scope_to_wake(&self, location: &LocationId) -> Result<ScopeId, DeadLetterEnd> {
        match self.ports.registry.location(location).await {
            Ok(Some(settings)) if settings.enabled => Ok(settings.scope),
            Ok(Some(_)) => Err(DeadLetterEnd::NotEnabled),
            Ok(None) => Err(DeadLetterEnd::UnknownLocation),
            Err(error) => {
                self.port_failed(location.clone(), &error);
                Err(DeadLetterEnd::Stays)
            }
        }
    }

    /// Starts `scope` after its message was lost.
    pub async fn wake_scope(&self, scope: &ScopeId) -> DeadLetterEnd {
        match self.fan_out(scope).await {
            Ok(fanned_out) => fanned_out.into(),
            Err(error) => {
                self.port_failed(scope.clone(), &error);
                DeadLetterEnd::Stays
            }
        }
    }

    async fn park(&self, letter: &DeadLetter) -> DeadLetterEnd {
        match self.ports.dead_letters.park(letter).await {
            Ok(()) => DeadLetterEnd::Parked,
            Err(error) => {
                self.ports.sink.emit(&Event::PortFailed { scope: None, error: &error });
                DeadLetterEnd::Stays
            }
        }
    }

    /// Reports the end of a dead-letter message to the sink.
    pub fn note_letter(&self, letter: &DeadLetter, message: Result<&Message, &'static str>, end: DeadLetterEnd) {
        let age = letter.sent_at.map(|sent_at| self.ports.clock.now().since(sent_at));
        self.ports.sink.emit(&Event::DeadLetter { letter, message, age, end });
    }
}
