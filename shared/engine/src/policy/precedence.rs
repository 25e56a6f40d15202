//! Decides which of two events about a record describes its newer state.
//!
//! GHL guarantees no order, and reports one change in several events: a deletion arrives as `…Delete` and `…Update`, a
//! creation as `…Create` and `…Update`. So we order events by the time at which they happened, then by id: the same
//! events produce the same state, in any order and however often they arrive. One rule overrides that order: a deletion
//! beats the updates around it, which are its own companions.

use std::time::Duration;

use ghl_sync_model::{EpochMs, EventId, KnownState, RemoteChange, RemoteEvent};

/// An update this close to a deletion belongs to the deletion.
const COMPANIONS: Duration = Duration::from_secs(60);

/// The condition on a record's known state under which an event replaces it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Precedence {
    /// The known state is older than this, …
    pub newer_than: EpochMs,
    /// … or it has exactly this time …
    pub at: EpochMs,
    /// … and comes from an event with a smaller id than this.
    pub event_id: EventId,
    /// In either case, the record was not deleted, or was deleted before this time.
    pub deleted_before: EpochMs,
}

impl Precedence {
    /// The condition for `event`.
    #[must_use]
    pub fn of(event: &RemoteEvent) -> Precedence {
        let at = event.at;
        let of_state = Precedence::of_reading(at, event.id.clone());
        match event.change {
            RemoteChange::Deleted { .. } => {
                Precedence { newer_than: at + COMPANIONS, deleted_before: EpochMs(u64::MAX), ..of_state }
            }
            RemoteChange::Written { .. } | RemoteChange::Installed | RemoteChange::Uninstalled => of_state,
        }
    }

    /// The condition for a state read from GHL, which was last changed at `at`.
    #[must_use]
    pub fn of_reading(at: EpochMs, event_id: EventId) -> Precedence {
        Precedence { newer_than: at, at, event_id, deleted_before: at - COMPANIONS }
    }

    /// The condition for storing a reduced copy of `known`: it replaces nothing newer, and no deletion.
    #[must_use]
    pub fn of_less_of(known: &KnownState) -> Precedence {
        let just_after = known.at + Duration::from_millis(1);
        let event_id = known.event_id.clone();
        Precedence { newer_than: just_after, at: known.at, event_id, deleted_before: EpochMs::default() }
    }

    /// Whether the event replaces `known`.
    #[must_use]
    pub fn over(&self, known: &KnownState) -> bool {
        let newer = known.at < self.newer_than || (known.at == self.at && known.event_id < self.event_id);
        newer && known.deleted_at.is_none_or(|deleted_at| deleted_at < self.deleted_before)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use ghl_sync_model::{Contact, Kind, RemoteContent};

    const DAY: u64 = 86_400_000;

    #[derive(Debug, Clone, Copy, PartialEq)]
    enum ChangeKind {
        Write,
        Delete,
    }

    fn event(what: ChangeKind, at: u64, id: &str) -> RemoteEvent {
        let ghl_id = "c1".parse().unwrap();
        let content = RemoteContent::Contact(Contact { source: Some(id.to_owned()), ..Contact::default() });
        let change = match what {
            ChangeKind::Write => RemoteChange::Written { ghl_id, content },
            ChangeKind::Delete => RemoteChange::Deleted { kind: Kind::Contact, ghl_id },
        };
        RemoteEvent {
            id: id.parse().unwrap(),
            at: EpochMs(at),
            event_type: "Contact",
            location_id: "loc".parse().unwrap(),
            app_id: None,
            change,
        }
    }

    fn state(event: &RemoteEvent) -> KnownState {
        let (content, deleted_at) = match &event.change {
            RemoteChange::Written { content, .. } => (Some(content.clone()), None),
            _ => (None, Some(event.at)),
        };
        KnownState { at: event.at, event_id: event.id.clone(), content, deleted_at, keep_until: None }
    }

    #[test]
    fn the_newer_event_wins_and_a_deletion_wins_over_its_companion() {
        use ChangeKind::{Delete, Write};
        let cases = [
            // Columns: the known change, the incoming change, and whether it replaces the known state.
            (Write, 1000, "a", Write, 1001, "b", true),
            (Write, 1000, "a", Write, 999, "b", false),
            (Write, 1000, "a", Write, 1000, "b", true),
            (Write, 1000, "b", Write, 1000, "a", false),
            (Write, 1000, "a", Write, 1000, "a", false),
            (Delete, DAY, "a", Write, DAY + 5, "b", false),
            (Delete, DAY, "a", Write, DAY + 60_000, "b", false),
            (Delete, DAY, "a", Write, DAY + 60_001, "b", true),
            (Delete, DAY, "a", Write, DAY - 5, "b", false),
            (Write, DAY + 5, "a", Delete, DAY, "b", true),
            (Write, DAY + 60_000, "a", Delete, DAY, "b", false),
        ];
        for (known, known_at, known_id, comes, at, id, expected) in cases {
            let known = state(&event(known, known_at, known_id));
            let comes = event(comes, at, id);
            assert_eq!(Precedence::of(&comes).over(&known), expected, "{known:?}, then {comes:?}");
        }
    }

    fn last(events: &[RemoteEvent]) -> KnownState {
        events.iter().skip(1).fold(state(&events[0]), |known, event| {
            if Precedence::of(event).over(&known) { state(event) } else { known }
        })
    }

    fn a_life() -> impl Strategy<Value = Vec<RemoteEvent>> {
        // Two events for each change, some milliseconds apart, as GHL sends them.
        let moment = (1u64..40, 0u64..50);
        (prop::collection::vec(moment, 1..6), prop::option::of(40u64..45)).prop_map(|(moments, deleted)| {
            let mut events = Vec::new();
            for (number, (minute, apart)) in moments.into_iter().enumerate() {
                let at = minute * 120_000;
                events.push(event(ChangeKind::Write, at, &format!("{number}-first")));
                events.push(event(ChangeKind::Write, at + apart, &format!("{number}-second")));
            }
            if let Some(minute) = deleted {
                events.push(event(ChangeKind::Delete, minute * 120_000 + 20, "gone"));
                events.push(event(ChangeKind::Write, minute * 120_000 + 25, "gone-update"));
            }
            events
        })
    }

    proptest! {
        #[test]
        fn the_same_events_leave_the_same_state_in_whatever_order_and_however_often_they_come(
            (events, shuffled) in a_life().prop_flat_map(|events| {
                let twice = [events.clone(), events.clone()].concat();
                (Just(events), Just(twice).prop_shuffle())
            }),
        ) {
            let state = last(&shuffled);
            prop_assert_eq!(&state, &last(&events));
            prop_assert_eq!(state.deleted_at.is_some(), events.iter().any(|event| event.id.as_str() == "gone"));
        }
    }
}
